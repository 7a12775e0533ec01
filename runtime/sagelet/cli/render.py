"""What people see: our own words, one line of progress, the summary of a job."""

import math
import os
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote_to_bytes

import click


class Screen:
    """Our own words go to stderr, the script's to stdout; progress is one line that is replaced."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.live = sys.stderr.isatty()
        self._shown = False
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
        room = shutil.get_terminal_size().columns - 5
        sys.stderr.write(f"\r\x1b[2K\x1b[2m... {text[:room]}\x1b[0m")
        sys.stderr.flush()
        self._shown = True

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self.say(text, dim=True)

    def clear(self) -> None:
        """Take the progress line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False

    def mute(self) -> None:
        """Nobody reads any more: print nothing from now on."""
        self.out = sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        self.live = False

    def write(self, text: str) -> None:
        """Output of the job."""
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


def summarise(screen: Screen, document: dict[str, Any], beside: dict[str, Any]) -> None:
    """The end of a job in a few lines; ``beside`` is what the description does not say."""
    status, secondary = document["TrainingJobStatus"], document["SecondaryStatus"]
    colour = {"Completed": "green", "Failed": "red"}.get(status, "yellow")
    ending = status if status == secondary else f"{status} ({secondary})"
    rows = [
        ("job", document["TrainingJobName"]),
        ("status", click.style(ending, fg=colour, bold=True)),
    ]
    if document.get("FailureReason"):
        rows.append(("reason", document["FailureReason"].replace("\n", "\n             ")))
    phases = [
        f"{step['Status']} {step['EndTime'] - step['StartTime']:.1f}s"
        for step in document["SecondaryStatusTransitions"][:-1]
        if step.get("EndTime") is not None
    ]
    rows.append(("time", ", ".join(phases)))
    metrics = document.get("FinalMetricDataList")
    if metrics:
        shown = [f"{m['MetricName']}={float(m['Value']):g}" for m in metrics]
        rows.append(("metrics", ", ".join(shown)))
    version, artifacts = beside.get("Version"), beside.get("Artifacts") or {}
    if version:
        name = f"{version['Name']} version {version['Version']}"
        place = Path(version["Path"])
        files = [path for path in place.iterdir() if not path.name.startswith(".")]
        rows.append(("model", f"{name}, {size(version['SizeInBytes'])}"))
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
    screen.clear()
    click.echo("", err=True)
    for key, value in rows:
        click.echo(f"  {key:<10} {value}", err=True)


def place_of(uri: str) -> str:
    """A file:// URI as a path; another one as it is."""
    scheme, _, rest = uri.partition("://")
    return os.fsdecode(unquote_to_bytes(rest)) if scheme == "file" else uri


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
