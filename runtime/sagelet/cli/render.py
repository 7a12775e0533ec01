"""What people see: our own words, one line of progress, the summary of a job."""

import math
import os
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote_to_bytes

import click

from sagelet.cli.kinds import metrics_of, shown, status_of
from sagelet.domain.options import size_in_words

#: Least time between two drawings of the status line, in seconds.
REDRAW = 0.1


class Screen:
    """Our own words go to stderr, the script's to stdout.

    On a terminal the last line is one that is replaced: the status of what is followed, if there
    is one, and how far a long step is.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.live = sys.stderr.isatty()
        self._shown = ""
        self._drawn = 0.0
        self._status = ""
        self._last = ""

    def say(self, text: str, **style: Any) -> None:
        """A line of ours."""
        self.clear()
        self.out.flush()
        click.echo(click.style(text, **style) if style else text, err=True)

    def progress(self, text: str) -> None:
        """Where a long step is."""
        if text == self._last:
            return
        self._last = text
        if not self.live:
            click.echo(f"... {text}", err=True)
            return
        self._draw(f"{self._status}  {text}" if self._status else f"... {text}")

    def status(self, text: str) -> None:
        """How what is followed is now; shown on a terminal only, below everything else.

        Cheap: it is drawn at most ten times a second. Empty: there is no more to say.
        """
        self._status = text
        if not text:
            self.clear()
        elif self.live and time.monotonic() - self._drawn > REDRAW:
            self._draw(f"{text}  {self._last}" if self._last else text)

    def _draw(self, line: str) -> None:
        room = _columns() - 1  # never to the edge: it would wrap
        if line[:room] == self._shown:
            return
        self.out.flush()
        self._shown = line[:room]
        self._drawn = time.monotonic()
        sys.stderr.write(f"\r\x1b[2K\x1b[2m{self._shown}\x1b[0m")
        sys.stderr.flush()

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self.say(text, dim=True)

    def clear(self) -> None:
        """Take the last line away; how far a step was is worth nothing after what comes now."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = ""
            if self._status:
                self._last = ""

    def mute(self) -> None:
        """Nobody reads any more: print nothing from now on."""
        self.out = sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        self.live = False

    def write(self, text: str) -> None:
        """Output of the job."""
        self.clear()
        self.out.write(text)


def _columns() -> int:
    """The terminal's width now; $COLUMNS may be what it was."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return shutil.get_terminal_size().columns


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


def summarise(screen: Screen, document: dict[str, Any], beside: dict[str, Any]) -> None:
    """The end of a job in a few lines; ``beside`` is what the description does not say."""
    status, secondary = status_of(document), document["SecondaryStatus"]
    colour = {"Completed": "green", "Failed": "red"}.get(status, "yellow")
    ending = status if status == secondary else f"{status} ({secondary})"
    rows = [
        ("job", document.get("TrainingJobName") or document["ProcessingJobName"]),
        ("status", click.style(ending, fg=colour, bold=True)),
    ]
    if document.get("FailureReason"):
        rows.append(("reason", document["FailureReason"].replace("\n", "\n             ")))
    if document.get("ExitMessage"):
        rows.append(("message", document["ExitMessage"].replace("\n", "\n             ")))
    phases = [
        f"{shown(step['Status'], processing='ProcessingJobName' in document)}"
        f" {step['EndTime'] - step['StartTime']:.1f}s"
        for step in document["SecondaryStatusTransitions"][:-1]
        if step.get("EndTime") is not None
    ]
    rows.append(("time", ", ".join(phases)))
    metrics = metrics_of(document)
    if metrics:
        rows.append(("metrics", ", ".join(metrics)))
    rows += _stored(document, status, beside)
    screen.clear()
    click.echo("", err=True)
    for key, value in rows:
        click.echo(f"  {key:<10} {value}", err=True)


def _stored(document: dict[str, Any], status: str, beside: dict[str, Any]) -> list[tuple[str, str]]:
    """Where what the job left is."""
    version, artifacts = beside.get("Version"), beside.get("Artifacts") or {}
    if "ProcessingJobName" in document:
        return [(f"{name}"[:10], place_of(uri)) for name, uri in artifacts.items()]
    rows = []
    if version:
        name = f"{version['Name']} version {version['Version']}"
        place = Path(version["Path"])
        files = [path for path in place.iterdir() if not path.name.startswith(".")]
        rows.append(("model", f"{name}, {size_in_words(version['SizeInBytes'])}"))
        rows.append(("", str(files[0] if files else place)))
    elif artifacts.get("model"):
        why = (
            f"the job failed; what it wrote is at {place_of(artifacts['model'])}"
            if status == "Failed"
            else "the script wrote nothing to /opt/ml/model (SM_MODEL_DIR)"
        )
        rows.append(("model", f"no version: {why}"))
    if artifacts.get("output"):
        rows.append(("output", place_of(artifacts["output"])))
    return rows


def place_of(uri: str) -> str:
    """A file:// URI as a path; another one as it is."""
    scheme, _, rest = uri.partition("://")
    return os.fsdecode(unquote_to_bytes(rest)) if scheme == "file" else uri


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
