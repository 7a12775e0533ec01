"""TensorFlow over several hosts: TF_CONFIG, and the parameter server beside the script."""

from __future__ import annotations

import json
import os

from sagelet_toolkit import entrypoint, shared
from sagelet_toolkit.beside import Beside
from sagelet_toolkit.environment import Environment
from sagelet_toolkit.launchers import Launch, plain
from sagelet_toolkit.log import Log
from sagelet_toolkit.process import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

PORT = 2222  # of the master and the workers
SERVER_PORT = 2223
MULTI_WORKER_PORT = 8890
POLL_S = 1.0
CONNECT_S = 5.0
# Runs in the script's interpreter: only that one has TensorFlow.
SERVER = (
    "import json, os, tensorflow as tf; config = json.loads(os.environ['TF_CONFIG']);"
    " tf.distribute.Server(tf.train.ClusterSpec(config['cluster']), job_name='ps',"
    " task_index=config['task']['index']).join()"
)


def workers(environment: Environment, kind: str, log: Log) -> Launch:
    """The script as one of many equal workers: MultiWorkerMirroredStrategy reads TF_CONFIG."""
    known = environment.properties
    log.info("Running distributed training job with multi_worker_mirrored_strategy setup")
    hosts, current = known["distribution_hosts"], known["current_host"]
    _check_names(hosts)
    config = multi_worker_config(hosts, current, shared.ports_from(os.environ))
    return Launch(plain(environment, kind), {"TF_CONFIG": json.dumps(config)})


def servers(environment: Environment, kind: str, log: Log) -> Launch:
    """The script as master or worker, with a parameter server beside it."""
    known = environment.properties
    log.info("Running distributed training job with parameter servers")
    hosts, current = known["distribution_hosts"], known["current_host"]
    _check_names(hosts)
    return _ParameterServer(plain(environment, kind), hosts, current)


def _check_names(names: list[str]) -> None:
    if len(names) > 1:
        from sagelet_toolkit import hosts

        hosts.check_resolves(names[0])


def multi_worker_config(hosts: list[str], current: str, ports_from: int = 0) -> dict[str, Any]:
    """TF_CONFIG of one of many equal workers; `ports_from` as in `shared`."""
    return {
        "cluster": {"worker": _addresses(hosts, MULTI_WORKER_PORT, ports_from and ports_from + 1)},
        "environment": "cloud",
        "task": {"index": hosts.index(current), "type": "worker"},
    }


def parameter_server_config(
    hosts: list[str], current: str, ports_from: int = 0, *, server: bool
) -> dict[str, Any]:
    """TF_CONFIG of the script on one host, or of the server beside it."""
    scripts = _addresses(hosts, PORT, ports_from and ports_from + 1)
    cluster = {
        "master": scripts[:1],
        "ps": _addresses(hosts, SERVER_PORT, ports_from and ports_from + 1 + len(hosts)),
        "worker": scripts[1:],
    }
    if not hosts[1:]:
        cluster = {"master": cluster["master"]}
    index = hosts.index(current)
    task: dict[str, Any] = {"index": 0, "type": "master"}
    if server:
        task = {"index": index, "type": "ps"}
    elif index:
        task = {"index": index - 1, "type": "worker"}
    return {"cluster": cluster, "environment": "cloud", "task": task}


class _ParameterServer(Launch):
    """The script, a server beside it, and on workers the wait for the master's end."""

    def __init__(self, command: list[str], hosts: list[str], current: str) -> None:
        self._ports_from = shared.ports_from(os.environ)
        config = parameter_server_config(hosts, current, self._ports_from, server=False)
        super().__init__(command, {"TF_CONFIG": json.dumps(config)})
        self._hosts = hosts
        self._current = current

    def run(self, child: Supervisor, env: Mapping[bytes, bytes], cwd: str) -> None:
        server = None
        if self._hosts[1:]:
            config = parameter_server_config(
                self._hosts, self._current, self._ports_from, server=True
            )
            own = {
                **env,
                b"TF_CONFIG": json.dumps(config).encode(),
                b"CUDA_VISIBLE_DEVICES": b"-1",  # the GPUs are the script's
            }
            child.log.info("Launching parameter server process")
            server = Beside([entrypoint.python(), "-c", SERVER], own, cwd)
        try:
            super().run(child, env, cwd)
            if self._current != self._hosts[0]:
                port = self._ports_from + 1 if self._ports_from else PORT
                _wait_until_gone(self._hosts[0], port, child)
        finally:
            if server is not None:
                server.end()


def _wait_until_gone(master: str, port: int, child: Supervisor) -> None:
    """Keep this host's parameter server up until nothing listens at the master any more."""
    import socket

    said = False
    while True:
        try:
            socket.create_connection((master, port), CONNECT_S).close()
        except OSError:
            child.log.info(f"master {master} is down, stopping parameter server")
            return
        if not said:
            child.log.info(f"master {master} is still up, waiting for it to exit")
            said = True
        child.pause(POLL_S)


def _addresses(hosts: list[str], port: int, own: int = 0) -> list[str]:
    """The same port on every host, or where hosts share ports, one each from `own` on."""
    return [f"{host}:{own + number if own else port}" for number, host in enumerate(hosts)]
