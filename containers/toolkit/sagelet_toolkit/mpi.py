"""Runs mpirun: on one host at once; on several with sshd on each and the master waiting for all.

The workers wait for the master's end, for it starts their processes. Keys are the image's: ours
make one for each container as sshd starts (containers/toolkit/ssh); an image prepared for SageMaker
has its own.
"""

from __future__ import annotations

import os
import socket
import time

from sagelet_toolkit import entrypoint, machine, mpirun, shared
from sagelet_toolkit.beside import Beside
from sagelet_toolkit.environment import Environment
from sagelet_toolkit.failure import ClientError, FrameworkError, Stopped
from sagelet_toolkit.labels import Relay
from sagelet_toolkit.launchers import Launch, RankedLaunch, processes_per_host
from sagelet_toolkit.process import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

SSHD = "/usr/sbin/sshd"
ENVIRONMENT_FILE = "/etc/environment"  # what PAM gives those who log in
DONE = "/tmp/done."  # noqa: S108  (+ the master's name: the file SageMaker's toolkit uses, too)
SSH_PORT = 22
LONGEST_WAIT_S = 60 * 60
POLL_S = 0.2
LOOK_EVERY_S = 2.0  # whether the master is still there
CONNECT_S = 2.0
LOST_AFTER = 5  # looks
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=5"


def launch(
    environment: Environment,
    kind: str,
    variables: Mapping[str, str],
    child: Supervisor,
    *,
    ddp: bool,
) -> Launch:
    """Prepare this host's part of an MPI run; `variables` are the script's own.

    Raises:
        ClientError: there is no mpirun, or the hosts cannot reach each other with ssh.
    """
    hosts = environment.properties["distribution_hosts"]
    path = os.environ.get("PATH", os.defpath)
    alone = len(hosts) > 1 and shared.machine(os.environ)
    if ddp and (alone or not machine.find("mpirun", path)):
        from sagelet_toolkit import torchrun

        child.log.info("pytorchddp without mpirun: torchrun starts the same processes")
        return torchrun.launch(environment, kind)
    if alone:
        raise ClientError(
            "MPI over several hosts needs hosts that one can log in to, and these are processes of"
            " one machine. Run the job with Docker, or use torch_distributed, which works here."
        )
    missing = [] if machine.find("mpirun", path) else ["mpirun"]
    if hosts[1:]:
        missing += [] if machine.find("ssh", path) else ["ssh"]
        missing += [] if os.path.exists(SSHD) else [SSHD]
    if missing:
        raise ClientError(
            f"There is no {' and no '.join(missing)}: MPI needs Open MPI in the image and, for"
            " several hosts, openssh-client, openssh-server and a key of root that all accept."
        )
    if not environment.properties["is_master"]:
        return Worker(hosts[0])
    per_host = processes_per_host(environment)
    mpi4py = _has_mpi4py(child)
    run = mpirun.script(environment, kind, mpi4py=mpi4py)
    if ddp:
        return Master(mpirun.pytorch_ddp(environment, run), hosts, per_host)
    environ = {**os.environ, **variables}
    # Not SM_DLC_TORCH_VERSION: that is each host's own, like the rest of what an image adds.
    names = [
        name
        for name in variables
        if name.startswith(("SM_", "PYTHON", "TF_CONFIG")) and not name.startswith("SM_DLC_")
    ]
    return Master(mpirun.mpi(environment, environ, names, run), hosts, per_host)


def _has_mpi4py(child: Supervisor) -> bool:
    program = "import sys, importlib.util as u; sys.exit(not u.find_spec('mpi4py'))"
    status, _ = child.run([entrypoint.python(), "-c", program], dict(os.environb), "/")
    if status:
        child.log.warning(
            "mpi4py is not installed: a process that ends with an exception may leave the others"
            " waiting. Add mpi4py to requirements.txt."
        )
    return not status


class Master(RankedLaunch):
    """mpirun, once every worker can be reached."""

    def __init__(self, command: list[str], hosts: list[str], per_host: int) -> None:
        super().__init__(command)
        self._hosts = hosts
        self._per_host = per_host
        self._workers = hosts[1:]
        self._done = DONE + hosts[0]

    def run(self, child: Supervisor, env: Mapping[bytes, bytes], cwd: str) -> None:
        """Run mpirun to its end; the workers then hear how it went."""
        # mpirun warns of a variable that it is to pass on and that is not there.
        env = {b"LD_LIBRARY_PATH": b"", **env}
        if not self._workers:
            self._run(child, env, cwd)
            return
        child.log.info("Starting MPI run as master node; creating SSH daemon")
        server = Beside([SSHD, "-D"], env, "/")
        code = 1
        try:
            self._wait_for_workers(child, env)
            self._run(child, env, cwd)
            code = 0
        finally:
            self._tell_workers(code, env)
            server.end()

    def _run(self, child: Supervisor, env: Mapping[bytes, bytes], cwd: str) -> None:
        child.passes_on = signal_ranks
        try:
            super().run(child, env, cwd)
        finally:
            child.passes_on = None

    def relay(self) -> Relay:
        """Mpirun cuts lines into pieces."""
        return Relay(self._hosts, self._per_host)

    def _wait_for_workers(self, child: Supervisor, env: Mapping[bytes, bytes]) -> None:
        child.log.info(f"Waiting for MPI workers to accept connections: {self._workers}")
        each = f"until {SSH} {{host}} true 2>/dev/null; do sleep {POLL_S}; done"
        command = ["/usr/bin/timeout", str(LONGEST_WAIT_S), *self._on_all(each)]
        if child.run(command, env, "/")[0]:
            child.raise_if_stopped()
            raise FrameworkError(
                f"Not every MPI worker accepted a connection within {LONGEST_WAIT_S} seconds:"
                f" {', '.join(self._workers)}. Check that sshd runs there and knows this key."
            )

    def _tell_workers(self, code: int, env: Mapping[bytes, bytes]) -> None:
        """Best effort: a worker that is not told sees that this host is gone."""
        each = f'{SSH} {{host}} "echo {code} >{self._done}.part; mv {self._done}.part {self._done}"'
        limit = "1" if code else "10"  # a failure is told at once
        telling = Beside(["/usr/bin/timeout", limit, *self._on_all(each)], env, "/")
        while telling.running():
            time.sleep(POLL_S / 4)

    def _on_all(self, command: str) -> list[str]:
        parts = [command.format(host=entrypoint.quote(host)) for host in self._workers]
        return ["/bin/sh", "-c", "".join(f"({part}) & " for part in parts) + "wait"]


class Worker(Launch):
    """sshd, through which the master starts this host's processes, until the master is done."""

    def __init__(self, master: str) -> None:
        super().__init__([SSHD, "-D"])
        self._master = master

    def run(self, child: Supervisor, env: Mapping[bytes, bytes], cwd: str) -> None:  # noqa: ARG002
        """Let the master in until it is done."""
        done = DONE + self._master
        try:
            os.unlink(done)
        except FileNotFoundError:
            pass
        _write_environment(env)
        child.log.info("Starting MPI run as worker node; creating SSH daemon")
        server = Beside(self.command, env, "/")
        try:
            code = self._wait(done, server, child)
        finally:
            server.end()
        if child.stopped_by and code != "0":
            raise Stopped(child.stopped_by, "while the script ran")

    def _wait(self, done: str, server: Beside, child: Supervisor) -> str:
        """Wait for the file and return what it says; or for the master to go."""
        there, told, missed, look_at = False, False, 0, 0.0
        give_up_at = time.monotonic() + LONGEST_WAIT_S
        while not os.path.exists(done):
            if not server.running():
                raise FrameworkError("The SSH daemon ended; its reason is in the log.")
            now = time.monotonic()
            if now >= look_at:
                answers = _answers(self._master)
                there, missed = there or answers, 0 if answers else missed + 1
                look_at = now + (0 if child.stopped_by else LOOK_EVERY_S)
                if child.stopped_by and missed:
                    return ""
                if there and missed >= LOST_AFTER:
                    child.log.warning(f"The MPI master {self._master} is gone; this host ends")
                    return ""
                if not there and now > give_up_at:
                    raise FrameworkError(
                        f"The MPI master {self._master} did not start within {LONGEST_WAIT_S}"
                        " seconds."
                    )
            try:
                child.pause(POLL_S)
            except Stopped:  # as the master has, which ends once all processes have
                if not told:
                    told = signal_ranks(child.stopped_by)
        with open(done, encoding="ascii") as file:
            code = file.read().strip()
        child.log.info(
            "MPI run finished" if code == "0" else "MPI run failed; see the master's log"
        )
        return code


def signal_ranks(number: int) -> bool:
    """Signal the processes that mpirun started here; tell whether there were any.

    mpirun itself, told to end, kills them a second later: no time to save anything.
    """
    base = os.environb.get(b"SAGEMAKER_BASE_DIR")
    marks = [b"OMPI_COMM_WORLD_RANK="]
    if base is not None:  # hosts may share one process tree
        marks.append(b"SAGEMAKER_BASE_DIR=" + base + b"\0")
    groups = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                environ = file.read()
            if all(mark in environ for mark in marks):
                groups.add(os.getpgid(int(name)))
        except OSError:  # ended, or not ours
            continue
    groups.discard(os.getpgrp())
    for group in groups:
        _signal(group, number)
    return bool(groups)


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except OSError:  # ended meanwhile
        pass


def _answers(host: str) -> bool:
    try:
        socket.create_connection((host, SSH_PORT), CONNECT_S).close()
    except OSError:
        return False
    return True


def _write_environment(env: Mapping[bytes, bytes]) -> None:
    """Let the processes that the master starts here see this host's variables."""
    lines = [name + b"=" + value + b"\n" for name, value in env.items() if b"\n" not in value]
    try:
        with open(ENVIRONMENT_FILE, "ab") as file:
            file.write(b"".join(lines))
    except OSError:  # not root: mpirun passes on what the script needs
        pass
