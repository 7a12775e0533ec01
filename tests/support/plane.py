"""The engine in a process that can be killed, and what its jobs leave in the store."""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sagelet.domain.training import TrainingJob
from sagelet.store import Store, open_store
from sagelet.store.logs import events

PROGRAM = Path(__file__).with_name("engine_process.py")
REGION = "us-east-1"

#: Prints numbered lines, each a metric, and leaves a model that can be checked.
COUNTER = """
import hashlib, os, pathlib, signal, sys, time

def leave(*_):
    print("told to stop", flush=True)
    time.sleep(float(os.environ.get("LEAVE", "0")))
    store()
    sys.exit(0)

def store():
    model = pathlib.Path(os.environ["SM_MODEL_DIR"])
    total = hashlib.sha256()
    with (model / "weights").open("wb") as file:
        for _ in range(int(os.environ.get("BLOCKS", "1"))):
            block = os.urandom(100_000)
            total.update(block)
            file.write(block)
    (model / "sum").write_text(total.hexdigest())

signal.signal(signal.SIGTERM, leave)
for number in range(int(os.environ["LINES"])):
    # In one piece: print writes twice, and `leave` may run in between.
    os.write(1, f"line {number} loss={number};\\n".encode())
    time.sleep(float(os.environ.get("PAUSE", "0")))
store()
if "FAIL" in os.environ:
    raise RuntimeError(os.environ["FAIL"])
"""


class Refused(Exception):
    """The engine's refusal: its code, then its text."""


class Plane:
    """One home's engine; start it again after its process was killed."""

    def __init__(self, home: Path, code: Path) -> None:
        self.home = home
        self.code = code
        self.store = open_store(home, REGION)
        self.image = "pytorch-training:2.3-cpu-py311"
        self.backend = "process"
        self._process: subprocess.Popen[str] | None = None

    def start(self, **options: Any) -> None:
        """Start the process and wait until it took over what an earlier one left."""
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._answer()

    def __getattr__(self, name: str) -> Callable[..., str | None]:
        """``submit``, ``stop``, ``kill``, ``delete``, ``keep_alive`` of the engine."""
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any, region: str = REGION, kind: str = "") -> str | None:
            self._ask(name, [arguments], region, kind)
            return _told(self._answer()[0])

        return call

    def ask(self, do: str, *arguments: Any, region: str = REGION) -> str | None:
        """A method below one of the engine's attributes, as ``tuning.create``."""
        self._ask(do, [arguments], region)
        return _told(self._answer()[0])

    def submit_at_once(self, *requests: dict[str, Any]) -> list[str | None]:
        """Submit them all, many at the same time."""
        self._ask("submit", [[request] for request in requests], REGION)
        return [_told(answer) for answer in self._answer()]

    def ask_and_see_it_die(self, do: str, *arguments: Any, kind: str = "") -> None:
        """A command that leads to a state it kills itself at, see ``die_at``."""
        self._ask(do, [arguments], REGION, kind)
        self.wait_for_death()

    def _ask(self, do: str, calls: Sequence[Sequence[Any]], region: str, kind: str = "") -> None:
        assert self._process
        assert self._process.stdin
        document = {"do": do, "with": calls, "region": region, "kind": kind}
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> list[dict[str, Any]]:
        assert self._process
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the engine's process ended"
        answers: list[dict[str, Any]] = json.loads(line)
        return answers

    def die(self) -> None:
        """kill -9, now."""
        assert self._process
        self._process.kill()
        self._reap()

    def wait_for_death(self) -> None:
        """It kills itself, see ``die_at``."""
        assert self._process
        assert self._process.wait(60) == -signal.SIGKILL
        self._reap()

    def close(self) -> None:
        if self._process is not None:
            self.die()
        for pid, _ in _processes(self.home):  # of a test that failed
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.store.database.close()

    def _reap(self) -> None:
        assert self._process
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()
        self._process = None

    def request(self, name: str, script: str = COUNTER, **given: Any) -> dict[str, Any]:
        """A CreateTrainingJob request: ``options`` are tags, ``env`` its environment."""
        folder = self.code / hashlib.sha256(script.encode()).hexdigest()[:8]
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "train.py").exists():  # a job may be copying it now
            (folder / "train.py").write_text(script)
        options = {"backend": self.backend, "grace": "20", "cpus": "0.1", "memory": "64m"}
        if self.backend == "process":
            options["python"] = sys.executable
        options |= given.pop("options", {})
        environment = {"LINES": "3", "HOME_OF_JOB": f"{self.home}/", **given.pop("env", {})}
        document = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {
                "TrainingImage": self.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
            },
            "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"file://{given.pop('source', folder)}",
            },
            "OutputDataConfig": {"S3OutputPath": f"file://{self.home.parent}/out"},
            "ResourceConfig": {"InstanceCount": given.pop("hosts", 1), "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "Environment": environment,
            "Tags": [{"Key": f"sagelet:{key}", "Value": value} for key, value in options.items()],
        }
        return {**document, **given}

    def job(self, name: str, region: str = REGION) -> TrainingJob:
        return self.view(region).training_jobs.get(name)

    def view(self, region: str) -> Store:
        return self.store.in_region(region)

    def folder(self, name: str) -> Path:
        return self.store.home.job(name)

    def wait(
        self, true: Callable[[], bool], what: str, seconds: float = 90, every: float = 0.02
    ) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            if self._process is not None:
                assert self._process.poll() is None, f"the engine died before: {what}"
            assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
            time.sleep(every)

    def wait_for(self, name: str, *statuses: str, region: str = REGION) -> TrainingJob:
        self.wait(
            lambda: self.job(name, region).life.secondary in statuses,
            f"{name}: {', '.join(statuses)}",
            every=0.002,
        )
        return self.job(name, region)

    def wait_over(self, *names: str, region: str = REGION) -> list[TrainingJob]:
        for name in names:
            self.wait(lambda name=name: self.job(name, region).life.over, f"{name}: its end")
        return [self.job(name, region) for name in names]

    def wait_for_lines(self, name: str, count: int, host: str = "algo-1") -> None:
        log = self.store.home.log(name, host)
        self.wait(
            lambda: log.exists() and log.read_bytes().count(b"\nline ") >= count,
            f"{name}: {count} lines of {host}",
            every=0.005,
        )


def plane_on(request: pytest.FixtureRequest, home: Path, code: Path) -> Plane:
    """A plane for a fixture's param: process, paths (process without namespaces) or docker."""
    plane = Plane(home, code)
    if request.param == "paths":
        request.getfixturevalue("monkeypatch").setenv("SAGELET_NAMESPACES", "off")
    elif request.param == "docker":
        plane.backend, plane.image = "docker", request.getfixturevalue("image")
    return plane


def check_nothing_is_left(plane: Plane) -> None:
    """What the kernel is still ending may take a moment."""
    deadline = time.monotonic() + 10
    while (left := left_behind(plane.home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    if plane.backend == "docker":
        assert left_in_docker(plane.home) == []


def _told(answer: dict[str, Any]) -> str | None:
    if "error" in answer:
        raise Refused(answer["error"], answer["message"])
    name: str | None = answer["name"]
    return name


def shim_of(plane: Plane, name: str) -> int:
    """The pid of the process that runs a job's first host."""
    record = plane.folder(name) / "algo-1" / "started.json"
    plane.wait(record.exists, f"{name}: its shim")
    return int(json.loads(record.read_text())["pid"])


def statuses(job: TrainingJob) -> list[str]:
    return [str(step.status) for step in job.life.steps]


def counted(store: Store, name: str, host: str = "algo-1") -> list[str]:
    """The counter's lines in a host's log; what a reader of the log sees is the same."""
    log = store.home.log(name, host)
    lines = log.read_bytes().decode().splitlines()
    assert [event.message for event in events(log)] == lines
    return [line for line in lines if line.startswith("line ")]


def check_counter(store: Store, name: str, lines: int, hosts: int = 1) -> None:
    """Every line once and in order, every metric once, the outputs whole, one model version."""
    expected = [f"line {number} loss={number};" for number in range(lines)]
    for number in range(1, hosts + 1):
        assert counted(store, name, f"algo-{number}") == expected, name
    values = [datum.value for datum in store.metrics.series(name, "loss")]
    assert sorted(values) == sorted(float(n) for n in range(lines) for _ in range(hosts)), name
    if hosts == 1:
        assert values == sorted(values), name
    check_model(store, name)


def check_model(store: Store, name: str) -> None:
    """The archive is whole; it is a model version, unless the job failed."""
    job = store.training_jobs.get(name)
    archive = store.home.path_of(job.artifacts["model"])
    assert [path.name for path in archive.parent.iterdir()] == ["model.tar.gz"]
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar.getmembers()}
        weights, total = (tar.extractfile(members[n]) for n in ("weights", "sum"))
        assert weights
        assert total
        assert hashlib.sha256(weights.read()).hexdigest() == total.read().decode(), name
    version = store.models.of_job(name)
    assert (version is None) == (job.life.primary == "Failed"), name
    if version is None:
        return
    mine = store.home.models / version.name / str(version.version) / "model.tar.gz"
    assert mine.stat().st_size == archive.stat().st_size == version.size


def left_behind(home: Path) -> list[str]:
    """Processes, containers, volumes and networks of a home, scratch folders of its jobs."""
    found = [command for _, command in _processes(home)]
    for path in (home / "jobs").glob("*/*"):
        found += [str(p) for p in _scratch(path)]
    return found


def _processes(home: Path) -> list[tuple[int, str]]:
    """What runs for a home's jobs: pid and command."""
    found = []
    mark = os.fsencode(home) + b"/"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if PROGRAM.name.encode() in command:
                    continue
                if mark in command or b"HOME_OF_JOB=" + mark in (entry / "environ").read_bytes():
                    text = command.replace(b"\0", b" ").decode(errors="replace")
                    found.append((int(entry.name), text))
    return found


def _scratch(job: Path) -> Iterator[Path]:
    """What the end of a job should have removed."""
    for name in ("code", "files", "links", "reserve", "*/scratch", "*/venv", "*/ml/model"):
        yield from job.glob(name)


def left_in_docker(home: Path) -> list[str]:
    found = []
    for what in (["container", "ls", "-a"], ["volume", "ls"], ["network", "ls"]):
        listed = subprocess.run(
            ["docker", *what, "--filter", "label=sagelet.job", "--format", "{{.Labels}}"],
            capture_output=True,
            text=True,
            check=True,
        )
        labels = io.StringIO(listed.stdout)
        found += [f"{what[0]}: {line}" for line in labels if f"sagelet.home={home}" in line]
    return found
