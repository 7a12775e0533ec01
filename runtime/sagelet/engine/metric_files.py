"""Metric files: what trackers write in a host, a line of JSON a point.

smexperiments appends to ``<pid>.json`` in the folder that SAGEMAKER_METRICS_DIRECTORY names, and on
SageMaker an agent beside the job picks it up. The files are the job's: nothing here follows a link
or waits for a pipe, and a line that is no point is passed over.
"""

import json
import math
import os
import stat
from contextlib import suppress
from pathlib import Path

from sagelet.domain.metrics import Datum
from sagelet.engine import remains

#: Where the files are, below /opt/ml.
FOLDER = ("output", "metrics", "sagemaker")

#: So much of a file is read at once, and no line may be longer, in bytes.
_CHUNK = 1 << 20

_LONGEST_NAME = 255


class MetricFiles:
    """The metric files of one host, each read once from its start to its end."""

    def __init__(self, host: Path) -> None:
        self._host = host
        self._places: dict[str, int] = {}

    def read(self, *, whole: bool = False) -> list[Datum]:
        """The points that have come since; ``whole``: last lines count that have no end."""
        folder = remains.within(self._host, *FOLDER)
        if folder is None:
            return []
        found: list[Datum] = []
        with suppress(OSError):
            for path in sorted(folder.iterdir()):
                if path.suffix == ".json":
                    with suppress(OSError):
                        found += self._read(path, whole=whole)
        return found

    def _read(self, path: Path, *, whole: bool) -> list[Datum]:
        place = self._places.get(path.name, 0)
        if path.lstat().st_size <= place:
            return []
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        found: list[Datum] = []
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return []
            while True:
                file.seek(place)
                data = file.read(_CHUNK)
                lines, newline, _ = data.rpartition(b"\n")
                if not newline:
                    if not data or not (whole or len(data) == _CHUNK):
                        break
                    lines = data
                place += len(lines) + len(newline)
                found += [datum for line in lines.split(b"\n") if (datum := point(line))]
        self._places[path.name] = place
        return found


def point(line: bytes) -> Datum | None:
    """The point a line holds; None for any other line."""
    try:
        document = json.loads(line)
        name, value, time = document["MetricName"], document["Value"], document["Timestamp"]
        step = document.get("IterationNumber")
        datum = Datum(str(name), float(value), float(time), None if step is None else int(step))
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError, RecursionError):
        return None
    fits = 0 < len(datum.name) <= _LONGEST_NAME and math.isfinite(datum.time)
    fits = fits and (datum.step is None or 0 <= datum.step < 2**63)
    return datum if fits else None
