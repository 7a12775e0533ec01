"""The shim: runs one host of the process backend and outlives whoever started it.

Standard library only: ``python -I -S`` starts it in milliseconds. It gives the host its own
namespaces where the machine allows them, else private paths; the host writes its log file
itself. The shim records how it began (``started.json``) and how it ended (``exit.json``), and
holds a lock on ``shim.lock`` as long as it lives.

Signals: SIGTERM stops the host (SIGTERM, the grace, SIGKILL); SIGUSR1 kills it at once.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time

from sagelet.execution import namespaces

TYPE_CHECKING = False  # typing itself takes milliseconds
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)

#: Bytes a record may take.
_ROOM = 4096

#: The exit code that shells and container engines give a command that could not be started.
NOT_STARTED = 127


def main(spec_path: str, lock: int) -> None:
    """Run the host that ``spec_path`` (host.json) describes; ``lock`` is held until it ended."""
    os.set_inheritable(lock, False)
    with open(spec_path, encoding="utf-8") as file:
        spec = json.load(file)
    # From here on relative: a folder of hosts that wait is renamed when they get their job.
    os.chdir(spec["folder"])
    # Written now and filled in later: how a host ended must be told on a full disk too.
    write_json("exit.json.part", {"code": None}, rename=False)
    try:
        exit_record = _Host(spec).run()
    except Exception as error:  # whatever it is, the supervisor must hear of it
        exit_record = {"code": None, "error": f"{type(error).__name__}: {error}"}
    write_json("exit.json.part", {**exit_record, "time": time.time()})


class _Host:
    """One process tree: started in the best tier the machine allows, stopped, reaped."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.pid = 0
        self.leader = 0
        self.stopping = False
        self.told = False
        self.deadline = 0.0
        self.first_process = False
        self.killed = False
        self.network: list[int] = []  # open namespaces of the job's own network
        for descriptor in spec["held"]:  # until this process ends
            os.set_inheritable(descriptor, False)
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)

    def run(self) -> dict[str, Any]:
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGUSR1, self._kill)
        signal.signal(signal.SIGALRM, self._tick)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        ooms = _oom_kills()
        tier, report, leader = self._start(log)
        self.first_process = tier == "namespaces"
        os.close(log)
        write_json(
            "started.json.part",
            {
                "pid": os.getpid(),
                "tier": tier,
                "joined": bool(self.network),
                "notes": report["notes"],
                "time": time.time(),
            },
        )
        self._obey_early_stop()
        status = _wait_for(leader)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _end_descendants()
        code = os.waitstatus_to_exitcode(status)
        if report["error"]:
            return {"code": NOT_STARTED, "error": report["error"]}
        killed_by = -code if code < 0 else (code - 128 if code > 128 else 0)
        oom = killed_by == signal.SIGKILL and not self.killed and _oom_kills() > ooms
        return {"code": code if code >= 0 else 128 - code, "oom": oom, "error": None}

    def _start(self, log: int) -> tuple[str, dict[str, Any], int]:
        """Start the host; returns (tier, report, pid to wait for)."""
        reason = "switched off"
        refused = self._join() if self.spec["hub"] else None
        if refused and self.spec["isolated"]:
            error = f"EnableNetworkIsolation over several hosts is refused here: {refused}"
            return "paths", {"notes": [], "error": error, "refused": None}, self._spawn_failed()
        if self.spec["namespaces"]:
            report, leader = self._spawn(log, self._run_in_namespaces)
            if refused:
                report["notes"].append(f"the hosts share this machine's network ({refused})")
            if not report["refused"]:
                return "namespaces", report, leader
            _wait_for(leader)
            reason = report["refused"]
        if self.spec["isolated"]:
            error = f"EnableNetworkIsolation needs namespaces, which are refused here: {reason}"
            return "paths", {"notes": [], "error": error, "refused": None}, self._spawn_failed()
        if self.spec["private"]:
            error = f"/opt/ml/processing needs namespaces, which are refused here: {reason}"
            return "paths", {"notes": [], "error": error, "refused": None}, self._spawn_failed()
        report, leader = self._spawn(log, self._run_with_paths)
        report["notes"].insert(
            0, f"no private /opt/ml ({reason}); paths are under a folder instead"
        )
        return "paths", report, leader

    def _join(self) -> str | None:
        """Find the job's own network once it is made; why there is none."""
        hub = self.spec["hub"]
        os.set_inheritable(hub["ready"], False)
        os.read(hub["ready"], 1)
        try:
            with open(hub["record"], encoding="utf-8") as file:
                record = json.load(file)
            if record["error"]:
                return str(record["error"])
            names = ["ns/user"] if record["contained"] else []
            names += [f"fd/{record['hosts'][self.spec['hostname']]}"]
            opened = [_open_namespace(record["pid"], name) for name in names]
            _open_namespace(record["pid"], f"fd/{record['network']}")  # to keep it
        except OSError as error:
            return f"its hub has gone: {error.strerror}"
        self.network = opened
        return None

    def _spawn_failed(self) -> int:
        pid = os.fork()
        if pid == 0:
            os._exit(NOT_STARTED)
        return pid

    def _spawn(self, log: int, body: Any) -> tuple[dict[str, Any], int]:
        """Fork ``body``; wait until it has become the host's program or has failed."""
        reading, writing = os.pipe()  # close-on-exec: end of file means the program runs
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reading)
                _die_with(parent)
                body(log, writing)
            except BaseException as error:
                _report(writing, "error", f"{type(error).__name__}: {error}")
            os._exit(NOT_STARTED)
        os.close(writing)
        report: dict[str, Any] = {"notes": [], "error": None, "refused": None, "pid": pid}
        with open(reading, encoding="utf-8") as pipe:
            for line in pipe:
                key, value = json.loads(line)
                if key == "note":
                    report["notes"].append(value)
                else:
                    report[key] = value
        self.pid, self.leader = int(report["pid"]), pid
        return report, pid

    def _run_in_namespaces(self, log: int, report: int) -> None:
        spec = {**self.spec, "joined": bool(self.network)}
        if self.network:
            spec.update(self.spec["hub"])
        try:
            namespaces.unshare(isolated=spec["isolated"], network=self.network)
        except namespaces.Refused as error:
            _report(report, "refused", str(error))
            return
        between, arrived = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(arrived)
            os.read(between, 1)  # the pid goes out before anything else can
            os.close(between)
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            try:
                for note in namespaces.furnish(spec):
                    _report(report, "note", note)
            except (namespaces.Refused, OSError) as error:
                _report(report, "refused", str(error))
                os._exit(NOT_STARTED)
            _become(spec["argv"], spec["environment"], "/", log, report)
        _report(report, "pid", pid)
        os.close(arrived)
        os.close(report)
        # Stand between: pass on how PID 1 of the new tree ended.
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os._exit(code if code >= 0 else 128 - code)

    def _run_with_paths(self, log: int, report: int) -> None:
        root = self.spec["root"]
        for entry in self.spec["mounts"]:
            place = root + entry["target"][len(namespaces.ROOT) :]
            if place != entry["source"]:
                if os.path.isdir(place):
                    os.rmdir(place)
                if entry["access"] != "rw" and entry.get("shared"):
                    copied = entry["scratch"] or self.spec["folder"] + "/scratch" + place
                    _copy(entry["source"], copied)
                    os.symlink(copied, place)
                    _report(report, "note", f"{entry['target']} is a copy of its objects")
                    continue
                os.symlink(entry["source"], place)
                if entry["access"] != "rw":
                    _report(report, "note", f"{entry['source']} is not protected against writes")
        environment = {
            key: root + value[len(namespaces.ROOT) :]
            if value.startswith(namespaces.ROOT + "/")
            else value
            for key, value in self.spec["environment"].items()
        }
        environment["SAGEMAKER_BASE_DIR"] = root
        # The hosts' names resolve nowhere without a private /etc/hosts; the toolkit would wait.
        environment["SM_STUDIO_LOCAL_MODE"] = "true"
        os.setsid()
        _become(self.spec["argv"], environment, self.spec["folder"], log, report)

    def _obey_early_stop(self) -> None:
        """A stop that came before there was anything to stop."""
        try:
            with open("stop", encoding="ascii") as file:
                number = int(file.read() or 0)
        except (OSError, ValueError):
            number = 0
        if number == signal.SIGUSR1 or self.killed:
            self._kill(0, None)
        elif number or self.stopping:
            self._stop(0, None)

    def _stop(self, _number: int, _frame: object) -> None:
        if not self.stopping or not self.deadline:
            self.deadline = time.monotonic() + self.spec["grace"] if self.pid else 0.0
        self.stopping = True
        if self.pid:
            self._tick(0, None)

    def _tick(self, _number: int, _frame: object) -> None:
        """Pass SIGTERM on once it can be heard; kill when the grace is over.

        The kernel drops it for the first process of a namespace until that has a handler, which
        takes a program's start. One that never gets a handler hears nothing, as in a container.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            self._kill(0, None)
        elif not self.told and (
            self.first_process is False or namespaces.catches_sigterm(self.pid)
        ):
            self.told = True
            _send(self.pid, signal.SIGTERM)
            signal.setitimer(signal.ITIMER_REAL, left)
        elif not self.told:
            signal.setitimer(signal.ITIMER_REAL, min(0.02, left))

    def _kill(self, _number: int, _frame: object) -> None:
        self.killed = True
        if self.pid:
            _send(self.pid, signal.SIGKILL)
            _send(self.leader, signal.SIGCONT)  # who stands between may have been frozen, too


def _become(argv: list[str], environment: dict[str, str], cwd: str, log: int, report: int) -> None:
    """Turn into the host's program."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for number in (
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGALRM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGPIPE,
    ):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(cwd)
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        _report(report, "error", f"cannot start {argv[0]}: {error.strerror}")
        os._exit(NOT_STARTED)


def _copy(source: str, target: str) -> None:
    """Copy a folder's files, not their modes: the copies may be written to."""
    import shutil  # rare, and takes milliseconds

    if os.path.isdir(target):
        shutil.rmtree(target)
    shutil.copytree(source, target, copy_function=shutil.copyfile)


def _open_namespace(pid: int, name: str) -> int:
    return os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)


def _report(pipe: int, key: str, value: object) -> None:
    os.write(pipe, (json.dumps([key, value]) + "\n").encode())


def _die_with(parent: int) -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(NOT_STARTED)


def _wait_for(leader: int) -> int:
    """Reap whatever ends until ``leader`` does; returns its wait status."""
    while True:
        pid, status = os.wait()
        if pid == leader:
            return status


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _end_descendants() -> None:
    """Kill and reap what the host left running; as subreaper all of it is ours."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for pid in _children():
            _send(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _oom_kills() -> int:
    """How often the kernel has killed for want of memory since boot."""
    try:
        with open("/proc/vmstat", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except OSError:
        return 0


def write_json(path: str, document: dict[str, Any], *, rename: bool = True) -> None:
    """Write ``<name>.part``, padded so that it can be overwritten in place; then rename it."""
    text = json.dumps(document).ljust(_ROOM).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    if rename:
        os.replace(path, path.removesuffix(".part"))
