"""The command line as its user runs it: a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "sagelet"]


def sagelet(
    *arguments: str, timeout: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        errors="replace",
        **options,
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start it in a process group of its own, so that a signal reaches it alone."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def read_until(running: subprocess.Popen[str], words: str) -> str:
    """What a started command prints, up to the line that holds ``words``."""
    assert running.stdout is not None
    said = ""
    while words not in said:
        line = running.stdout.readline()
        assert line, f"ended without '{words}': {said}"
        said += line
    return said


def describe(job: str) -> dict[str, Any]:
    done = sagelet("describe", job, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


class Trainer:
    """Runs scripts on one backend."""

    def __init__(self, backend: str, image: Callable[[], str], folder: Path) -> None:
        self.backend = backend
        self.folder = folder
        self._image = image

    def where(self) -> list[str]:
        if self.backend == "docker":
            return ["--backend", "docker", "--image", self._image()]
        return ["--backend", "process", "--python", sys.executable]

    def script(self, text: str, name: str = "train.py") -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def arguments(self, text: str, *more: str) -> list[str]:
        return ["train", self.script(text), *self.where(), *more]

    def run(self, text: str, *more: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return sagelet(*self.arguments(text, *more), timeout=timeout)

    def start(self, text: str, *more: str) -> subprocess.Popen[str]:
        return start(*self.arguments(text, *more))


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.05)


def log_of(home: Path, job: str, host: str = "algo-1") -> bytes:
    path = folder_of(home, job) / host / "log"
    return path.read_bytes() if path.exists() else b""


def folder_of(home: Path, job: str, region: str = "us-east-1") -> Path:
    return home / "jobs" / region / job


def kill_plane(home: Path) -> None:
    """Kill the control plane that runs, as if the machine had failed it; none: nothing to do."""
    try:
        pid = json.loads((home / "control.lock").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return
    wait_until(lambda: not alive(pid), "the control plane's end")


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def planes_of(home: Path) -> list[int]:
    """Processes of control planes, and of anything else, that work on ``home``."""
    return [pid for pid in running_with(f"SAGELET_HOME={home}") if alive(pid)]


def steps(assignments: Sequence[dict[str, Any]]) -> list[str]:
    return [step["Status"] for step in assignments]


def running_with(marker: str) -> list[int]:
    """Processes whose command line or environment holds ``marker``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in text:
                found.append(int(entry.name))
    return found


@contextmanager
def serving(*options: str, **more: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``sagelet serve`` while the block runs: the process, and the URL it announced."""
    with subprocess.Popen(
        [*COMMAND, "serve", *(options or ("--port", "0"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **more,
    ) as plane:
        assert plane.stdout is not None
        said = ""
        try:
            while "http://" not in said or not said.endswith("\n"):
                line = plane.stdout.readline()
                assert line, f"sagelet serve ended: {said}"
                said += line
            yield plane, said.split("http://")[1].split()[0].join(("http://", ""))
        finally:
            if plane.poll() is None:
                plane.terminate()
                plane.communicate(timeout=60)
