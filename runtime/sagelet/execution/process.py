"""The process backend: hosts as process trees on this machine, no engine and no root needed.

Each host is run by a shim of its own (``shim``), which outlives this process. What the host sees
is ``namespaces``' business, what it runs in ``environments``'.
"""

import contextlib
import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sagelet.domain.errors import HostFault, Unavailable, ValidationException
from sagelet.domain.frameworks import FRAMEWORKS
from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.domain.launchers import check_launchers
from sagelet.domain.opt_ml import ROOT
from sagelet.domain.processing import PROCESSING
from sagelet.domain.usage import Reading
from sagelet.execution import detached, feeding, machine, networks, trees
from sagelet.execution.backend import (
    HostExited,
    HostLost,
    HostStarted,
    Output,
    Progress,
    Sink,
)
from sagelet.execution.environments import Environments, facts_of
from sagelet.execution.fingerprint import fingerprint
from sagelet.execution.networks import Network

#: Between looks at a host's files, in seconds.
TICK = 0.02

#: How long ending a host may take once it is killed, in seconds.
PATIENCE = 15.0

_BLOCK = 1 << 20


class ProcessBackend:
    """Runs hosts as local process trees."""

    name = "process"

    def __init__(
        self,
        environments: Environments,
        inherited: Mapping[str, str],
        *,
        namespaces: bool = True,
        networks: bool = True,
    ) -> None:
        self._environments = environments
        self._inherited = inherited
        self._namespaces = namespaces
        self._networks = networks

    def check(self, plan: JobPlan) -> None:
        """Refuse what has no environment here."""
        if plan.framework is None and plan.python is None:
            raise Unavailable(
                f"The image '{plan.image}' is not one of the known frameworks "
                f"({', '.join(FRAMEWORKS)}), so it needs Docker: start an engine, or give "
                "--framework or --python."
            )
        framework = plan.framework.name if plan.framework else ""
        check_launchers(plan.launchers, framework, len(plan.hosts), shared_machine=True)
        if plan.python is not None:
            facts_of(plan.python)
        if plan.kind is PROCESSING and plan.hosts[0].entrypoint is None:
            raise Unavailable(
                f"The job runs the entrypoint of the image '{plan.image}', so it needs Docker: "
                "start an engine, or name the program with AppSpecification.ContainerEntrypoint."
            )
        if plan.kind is PROCESSING and not self._namespaces:
            raise Unavailable(
                "A processing job finds its data at /opt/ml/processing, which needs namespaces or "
                "Docker: start an engine, or leave SAGELET_NAMESPACES on."
            )
        for mount in plan.hosts[0].mounts:
            if not (mount.target + "/").startswith(ROOT + "/"):
                raise ValidationException(
                    f"CheckpointConfig.LocalPath {mount.target}: without Docker only paths below "
                    f"{ROOT} can be given to a job; use {ROOT}/checkpoints."
                )

    def prepare(self, plan: JobPlan, progress: Progress) -> None:
        """Make the framework's environment, once."""
        if plan.python is None and plan.framework is not None:
            self._environments.ensure(plan.framework.name, progress, gpu=plan.gpu)

    def address(self) -> str:
        """Hosts share this machine's network, or are told otherwise (``networks``)."""
        return "127.0.0.1"

    def launch(self, plan: JobPlan, sink: Sink) -> None:
        """Start the hosts, and what feeds them."""
        self._start(plan)
        self.adopt(plan, sink)

    def _start(self, plan: JobPlan) -> None:
        """Start a shim a host, and their network before them."""
        try:
            with networks.started(
                networks.folder_of(plan),
                tuple(host.name for host in plan.hosts),
                isolated=plan.isolated,
                hub=self._namespaces,
                slirp=networks.find_slirp(self._inherited) if self._networks else None,
            ) as network:
                for host in plan.hosts:
                    self._spawn(plan, host, network)
                    lock = str(Path(host.folder) / "shim.lock")
                    feeding.start(host, "sagelet.execution.feeder", {"lock": lock})
        except OSError as error:
            _signal(plan, signal.SIGUSR1)
            raise HostFault(f"InternalServerError: a host could not be started: {error}") from None

    def made_of(self, plan: JobPlan) -> str | None:
        """The interpreter, its packages, the toolkit, and what every process inherits."""
        if not self._namespaces:
            return None
        found = fingerprint(self._base(plan), self._environments.toolkit, self._inherited)
        return f"{found} {self._networks}"

    def keep(self, plan: JobPlan) -> None:
        """Start the hosts, and see that their folders can be renamed."""
        self._start(plan)
        deadline = time.monotonic() + PATIENCE
        for host in plan.hosts:
            folder = Path(host.folder)
            while (record := _read(folder / "started.json")) is None:
                if not _alive(folder) or time.monotonic() > deadline:
                    raise HostFault(f"InternalServerError: {host.name}: {_last_words(folder)}")
                time.sleep(TICK)
            if record["tier"] != "namespaces":
                raise HostFault("InternalServerError: hosts with private paths cannot wait.")

    def seen_from_inside(self, plan: JobPlan) -> JobPlan:
        """Hosts in a network of their own reach this machine by its gateway."""
        hosts = tuple(
            dataclasses.replace(host, environment=networks.seen_by(host)) for host in plan.hosts
        )
        return dataclasses.replace(plan, hosts=hosts)

    def adopt(self, plan: JobPlan, sink: Sink) -> None:
        """Watch shims, whoever started them."""
        told = feeding.guarded(plan, sink)
        for host in plan.hosts:
            threading.Thread(
                target=_watch, args=(host, told), name=f"watch-{host.name}", daemon=True
            ).start()
        feeding.watch(plan, lambda alone: self.stop(alone, grace=0.0))

    def look(self, plan: JobPlan) -> list[Reading]:
        """Each host is what its shim has started; without limits the machine is theirs."""
        return [reading for host in plan.hosts if (reading := _look(host)) is not None]

    def stop(self, plan: JobPlan, *, grace: float) -> None:
        """The shim knows the grace; without one it kills at once."""
        _signal(plan, signal.SIGTERM if grace > 0 else signal.SIGUSR1)

    def reclaim(self, plan: JobPlan) -> None:
        """Nothing to do: hosts run as the caller."""

    def remove(self, plan: JobPlan) -> None:
        """Kill what runs and wait for it.

        Raises:
            HostFault: something does not end.
        """
        _signal(plan, signal.SIGUSR1)
        deadline = time.monotonic() + PATIENCE
        while any(_alive(Path(host.folder)) for host in plan.hosts):
            if time.monotonic() > deadline:
                raise HostFault(f"InternalServerError: a process of {plan.job} does not end.")
            time.sleep(TICK)
        feeding.end(plan)
        networks.end(networks.folder_of(plan))
        for host in plan.hosts:
            _kill_strays(f"{host.folder}/ml")

    def _spawn(self, plan: JobPlan, host: HostPlan, network: Network) -> None:
        folder = Path(host.folder)
        for name in ("started.json", "exit.json", "stop"):
            (folder / name).unlink(missing_ok=True)
        (folder / "log").touch()
        (folder / "host.json").write_text(json.dumps(self._spec(plan, host, network)))
        detached.start("sagelet.execution.shim", folder / "host.json", "shim", network.descriptors)

    def _spec(self, plan: JobPlan, host: HostPlan, network: Network) -> dict[str, Any]:
        base = self._base(plan)
        python = self._layered(plan, base, host)
        toolkit = self._environments.toolkit
        entry = [*(host.entrypoint or ()), *host.command]
        if not host.entrypoint and host.command == ("train",):
            # What `train` on the image's PATH is, without a launcher in between.
            entry = [python, "-I", "-S", str(toolkit / "bin" / "train")]
        # The base's programs, such as torchrun, are on the PATH of a layer, too.
        folders = [
            *dict.fromkeys((str(Path(python).parent), str(Path(base).parent))),
            str(toolkit / "bin"),
        ]
        environment = {
            **self._inherited,
            **({"SAGEMAKER_TRAINING_MODULE": plan.framework.module} if plan.framework else {}),
            "PATH": os.pathsep.join([*folders, self._inherited.get("PATH", os.defpath)]),
            "CUDA_VISIBLE_DEVICES": ",".join(host.gpus),
            **host.environment,
        }
        return {
            "folder": host.folder,
            "root": f"{host.folder}/ml",
            "hostname": host.name,
            "argv": entry,
            **network.describe(environment),
            "mounts": [dataclasses.asdict(mount) for mount in host.mounts],
            "isolated": plan.isolated,
            "grace": plan.grace,
            "namespaces": self._namespaces,
            # Nothing tells a processing script where else its data could be.
            "private": plan.kind is PROCESSING,
        }

    def _base(self, plan: JobPlan) -> str:
        """The interpreter whose packages the job has."""
        if plan.python is not None:
            return plan.python
        if plan.framework is None:
            raise HostFault("ClientError: the job has neither a framework nor an interpreter.")
        return str(self._environments.python(plan.framework.name, gpu=plan.gpu))

    def _layered(self, plan: JobPlan, base: str, host: HostPlan) -> str:
        """The interpreter of one host: what a script installs must not change the base.

        A training job's code says that something is installed; a processing job's program may
        install what it likes, as the SDK's does with a source folder.
        """
        code = next((m.source for m in host.mounts if m.target == f"{ROOT}/code"), None)
        installs = code and any(
            (Path(code) / name).exists() for name in ("requirements.txt", "setup.py")
        )
        if installs or plan.kind is PROCESSING:
            return str(self._environments.layer(base, Path(host.folder) / "venv"))
        return base


def _signal(plan: JobPlan, number: signal.Signals) -> None:
    """Signal the shims; one that has not begun finds the file when it does."""
    for host in plan.hosts:
        folder = Path(host.folder)
        with contextlib.suppress(OSError):
            (folder / "stop").write_text(str(int(number)))
        with contextlib.suppress(OSError, ValueError, KeyError):
            pid = json.loads((folder / "started.json").read_bytes())["pid"]
            if _alive(folder):
                os.kill(pid, number)


def _kill_strays(root: str) -> None:
    """Kill what still works below ``root`` although its shim is gone (only paths tell it apart)."""
    mark = b"SAGEMAKER_BASE_DIR=" + os.fsencode(root) + b"\0"
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in Path(entry.path, "environ").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)


def _alive(folder: Path) -> bool:
    """Whether the host's shim lives."""
    return detached.alive(folder / "shim.lock")


def _watch(host: HostPlan, sink: Sink) -> None:
    try:
        _follow(host, sink)
    except Exception as error:  # noqa: BLE001 - without a word the job would wait for ever
        sink(HostLost(host.name, f"it cannot be watched: {error}", time.time()))


def _follow(host: HostPlan, sink: Sink) -> None:
    """Tell what a shim's folder shows, until the host ended."""
    folder = Path(host.folder)
    tail = _Tail(host.name, folder / "log", sink)
    started = False
    while True:
        alive = _alive(folder)  # asked first: what it wrote before it went is read below
        exited = _read(folder / "exit.json")
        record = None if started else _read(folder / "started.json")
        if record is not None:
            started = True
            sink(HostStarted(host.name, tuple(record["notes"])))
        moved = tail.read()
        if exited is not None:
            while tail.read():
                pass
            code, error, ended = exited["code"], exited["error"], exited["time"]
            if code is None:
                sink(HostLost(host.name, error, ended))
            else:
                sink(HostExited(host.name, code, exited.get("oom", False), error, ended))
            return
        if not alive:
            sink(HostLost(host.name, _last_words(folder), time.time()))
            return
        if not moved:
            time.sleep(TICK)


def _look(host: HostPlan) -> Reading | None:
    folder = Path(host.folder)
    record = _read(folder / "started.json") if _alive(folder) else None
    found = trees.used(record["pid"]) if record else None
    if found is None:
        return None
    cores, memory = machine.room()
    return Reading(host.name, time.monotonic(), *found, cores, memory)


def _last_words(folder: Path) -> str:
    with contextlib.suppress(OSError):
        text = (folder / "shim.err").read_text(errors="replace").strip()
        if text:
            return text.splitlines()[-1]
    return "its process disappeared (killed, or the machine was restarted)"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return document


class _Tail:
    """Reads what a log file gained."""

    def __init__(self, host: str, path: Path, sink: Sink) -> None:
        self._host = host
        self._path = path
        self._sink = sink
        self._offset = 0

    def read(self) -> bool:
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self._offset)
                data = file.read(_BLOCK)
        except FileNotFoundError:
            return False
        if data:
            self._sink(Output(self._host, self._offset, data, time.time()))
            self._offset += len(data)
        return bool(data)
