"""The door at which a host that was made ready waits for its job.

SAGELET_DOOR names a FIFO in /opt/ml/input/config. Whoever has something to say writes
`<door>.json` and then a byte into the FIFO; taking the file away is the answer. It holds
`environment`, the job's variables, or `until`, another end of the wait. Waiting costs no CPU, and
ends by itself.
"""

from __future__ import annotations

import os
import time

from sagelet_toolkit import config, jsontext, machine
from sagelet_toolkit.environment import Environment
from sagelet_toolkit.paths import Paths
from sagelet_toolkit.preload import Ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sagelet_toolkit.log import Log

DOOR = b"SAGELET_DOOR"
UNTIL = b"SAGELET_DOOR_UNTIL"
PRELOAD = b"SAGELET_PRELOAD"
_OWN = (DOOR, UNTIL, PRELOAD)
_LONGEST = 60.0  # between looks at the clock, which may be set


class Opened:
    """A job came: its variables, and who runs its children."""

    def __init__(self, environment: dict[bytes, bytes], child: Ready) -> None:
        self.environment = environment
        self.child = child


def wait(inherited: dict[bytes, bytes], log: Log) -> Opened | None:
    """Wait for a job; None: none came in time, or the host was told to end."""
    base = {name: value for name, value in inherited.items() if name not in _OWN}
    child = Ready(log)
    door = os.fsdecode(inherited[DOOR])
    until = float(inherited[UNTIL])
    bell = os.open(door, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    if inherited.get(PRELOAD) == b"1":
        _preload(base, child)
    while not child.stopped_by:
        said = _take(door)
        if said is None:
            left = until - time.time()
            if left <= 0:
                break
            child.rest(bell, min(left, _LONGEST))
        elif "environment" in said:
            os.close(bell)
            os.unlink(door)
            given = {_bytes(name): _bytes(value) for name, value in said["environment"].items()}
            environment = {**base, **given}
            for name in set(os.environb) - set(environment):
                del os.environb[name]
            os.environb.update(environment)
            return Opened(environment, child)
        else:
            until = float(said["until"])
    child.end()
    return None


def _preload(inherited: dict[bytes, bytes], child: Ready) -> None:
    """Start the script's interpreter, with the environment that a job like the last one has."""
    from sagelet_toolkit import train

    environ = {train.text(name): train.text(value) for name, value in inherited.items()}
    paths = Paths(environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    documents = config.read(paths)
    kind = str(documents.resources.get("current_instance_type", "local"))
    environment = Environment(documents, paths, machine.inspect(environ, kind), environ)
    own, variables = train.script_variables(environment, paths, environ)
    child.prepare(environment, {**environ, **own, **variables}, paths)


def _take(door: str) -> dict[str, Any] | None:
    """Read what was said, if something was, and take it away."""
    taken = door + ".taken"
    try:
        os.rename(door + ".json", taken)
    except FileNotFoundError:
        return None
    with open(taken, "rb") as file:
        said: dict[str, Any] = jsontext.loads(file.read().decode("utf-8"))
    os.unlink(taken)
    return said


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
