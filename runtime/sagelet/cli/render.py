"""What people see: log lines by host, one line of progress, the summary of a job."""

import math
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click

from sagelet.domain.lifecycle import Secondary
from sagelet.domain.training import TrainingJob
from sagelet.store import Store
from sagelet.store.logs import LogReader

#: Between looks at the hosts' logs, in seconds.
POLL = 0.02

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue")

# Everything that could move the cursor or ring the bell; tabs and colours stay.
_UNSAFE = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\x80-\x9f]")

#: A block of only these bytes is shown as it is.
_HARMLESS = bytes([0x09, 0x0A, *range(0x20, 0x7F)])


class Screen:
    """Our own words go to stderr, the script's to stdout; progress is one line that is replaced."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.live = sys.stderr.isatty()
        self.muted = False
        self._shown = False
        self._last = ""
        self._lock = threading.RLock()  # the supervisor's thread speaks too

    def say(self, text: str, **style: Any) -> None:
        """A line of ours."""
        with self._lock:
            self.clear()
            self.out.flush()
            click.echo(click.style(text, **style) if style else text, err=True)

    def progress(self, text: str) -> None:
        """Where a long step is."""
        with self._lock:
            if text == self._last:
                return
            self._last = text
            if not self.live:
                click.echo(f"... {text}", err=True)
                return
            room = shutil.get_terminal_size().columns - 5
            sys.stderr.write(f"\r\x1b[2K\x1b[2m... {text[:room]}\x1b[0m")
            sys.stderr.flush()
            self._shown = True

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self.say(text, dim=True)

    def clear(self) -> None:
        """Take the progress line away."""
        with self._lock:
            if self._shown:
                sys.stderr.write("\r\x1b[2K")
                sys.stderr.flush()
                self._shown = False

    def mute(self) -> None:
        """Nobody reads any more: print nothing from now on."""
        self.out = sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        self.live = False
        self.muted = True

    def write(self, text: str) -> None:
        """Output of the job."""
        with self._lock:
            self.clear()
            self.out.write(text)


class Unstoppable:
    """The Progress of a step outside a job: shown here; Ctrl-C ends the command itself."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def __call__(self, text: str) -> None:
        """Show it."""
        self._screen.progress(text)

    def cancelled(self) -> bool:
        """Never: KeyboardInterrupt does it."""
        return False


class HostLines:
    """Prints a host's log as it grows, each line behind the host's name."""

    def __init__(self, screen: Screen, store: Store, job: str, host: str, index: int) -> None:
        self._screen = screen
        self._host = host
        self._reader = LogReader(store.home.log(job, host))
        name = f"{host} | "
        self._prefix = (
            click.style(name, fg=_COLOURS[index % len(_COLOURS)]) if screen.out.isatty() else name
        )

    def pump(self, *, end: bool = False) -> bool:
        """Print what is new; whether there was anything."""
        lines = self._reader.read(end=end)
        if not lines:
            self._show_bar()
            return False
        block = b"\n".join([line for _, line in lines])
        if block.translate(None, _HARMLESS):
            texts = [_visible(line) for _, line in lines]
        else:  # nearly always: nothing to look at line by line
            texts = block.decode().split("\n")
        prefix = self._prefix
        self._screen.write("".join([f"{prefix}{text}\n" for text in texts]))
        return True

    def _show_bar(self) -> None:
        """A bar that a script draws over and over has no newline yet: show its last state."""
        if self._screen.live and b"\r" in self._reader.unfinished:
            state = _visible(self._reader.unfinished)
            if state:
                self._screen.progress(f"{self._host}: {state}")


def _visible(line: bytes) -> str:
    """The line as a terminal would have left it: a bar drawn over and over shows its last state."""
    text = line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


class JobView:
    """Follows a job in the store: state changes and all hosts' lines."""

    def __init__(self, screen: Screen, store: Store, job: str, hosts: tuple[str, ...]) -> None:
        self._screen = screen
        self._store = store
        self._job = job
        self._hosts = [
            HostLines(screen, store, job, host, index) for index, host in enumerate(hosts)
        ]
        self._told = 0
        self._statuses: set[Secondary] = set()
        self._looked = 0.0

    def follow(
        self,
        *,
        states: bool = True,
        alive: Callable[[], bool] = lambda: True,
        tick: Callable[[], None] = lambda: None,
    ) -> TrainingJob:
        """Print until the job is over, or whoever drives it is not alive any more.

        ``tick`` is called now and then. A reader that goes away ends the printing, not the job.
        """
        while True:
            try:
                tick()
                if states and Secondary.TRAINING not in self._statuses:
                    self._tell_states(self._store.training_jobs.get(self._job))
                moved = any([host.pump() for host in self._hosts])  # noqa: C419 - each of them
                if moved:
                    self._screen.out.flush()
                now, dead = time.monotonic(), not alive()
                if now - self._looked > 0.1 or dead:
                    self._looked = now
                    job = self._store.training_jobs.get(self._job)
                    if states:
                        self._tell_states(job)
                    if job.life.over or dead:
                        self.drain()
                        return job
                if not moved:
                    time.sleep(POLL)
            except OSError:
                if self._screen.muted:  # it is not the reader: a log cannot be read
                    self._hosts = []
                self._screen.mute()
                time.sleep(POLL)

    def drain(self) -> None:
        """Print what is left, unfinished lines too."""
        for host in self._hosts:
            while host.pump():
                pass
            host.pump(end=True)
        self._screen.out.flush()

    def _tell_states(self, job: TrainingJob) -> None:
        message = job.life.steps[-1].message
        if message.startswith("Waiting"):
            self._screen.progress(message)
        for step in job.life.steps[self._told :]:
            stamp = datetime.fromtimestamp(step.start).strftime("%H:%M:%S")  # noqa: DTZ006
            self._screen.say(f"{stamp} {step.status} - {step.message}", dim=True)
            self._statuses.add(step.status)
        self._told = len(job.life.steps)


def summarise(screen: Screen, store: Store, job: TrainingJob) -> None:
    """The end of a job in a few lines."""
    life = job.life
    colour = {"Completed": "green", "Failed": "red"}.get(life.primary, "yellow")
    status = (
        life.primary if life.primary == life.secondary else f"{life.primary} ({life.secondary})"
    )
    rows = [("job", job.name), ("status", click.style(status, fg=colour, bold=True))]
    if life.failure_reason:
        rows.append(("reason", life.failure_reason.replace("\n", "\n             ")))
    phases = [
        f"{step.status} {step.end - step.start:.1f}s"
        for step in life.steps
        if step.end is not None and step is not life.steps[-1]
    ]
    rows.append(("time", ", ".join(phases)))
    metrics = store.metrics.final(job.name)
    if metrics:
        rows.append(("metrics", ", ".join(f"{m.name}={m.value:g}" for m in metrics)))
    version = store.models.of_job(job.name)
    if version:
        place = store.home.models / version.name / str(version.version)
        rows.append(("model", f"{version.name} version {version.version}, {size(version.size)}"))
        files = [path for path in place.iterdir() if not path.name.startswith(".")]
        rows.append(("", str(files[0] if files else place)))
    elif job.artifacts.get("model"):
        rows.append(("model", f"no version: {_why_no_version(store, job)}"))
    if job.artifacts.get("output"):
        rows.append(("output", str(store.home.path_of(job.artifacts["output"]))))
    screen.clear()
    click.echo("", err=True)
    for key, value in rows:
        click.echo(f"  {key:<10} {value}", err=True)


def _why_no_version(store: Store, job: TrainingJob) -> str:
    if job.life.primary == "Failed":
        return f"the job failed; what it wrote is at {store.home.path_of(job.artifacts['model'])}"
    return "the script wrote nothing to /opt/ml/model (SM_MODEL_DIR)"


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def moment(seconds: float) -> str:
    """Epoch seconds for people, local time."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ006


def plain(document: Any) -> Any:
    """A document for ``--json``: times in ISO 8601, NaN and infinities as strings."""
    if isinstance(document, dict):
        return {
            key: datetime.fromtimestamp(value).astimezone().isoformat(timespec="milliseconds")
            if key.endswith(("Time", "Timestamp")) and isinstance(value, int | float)
            else plain(value)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [plain(item) for item in document]
    if isinstance(document, float) and not math.isfinite(document):
        return str(document)  # JSON has no NaN
    return document
