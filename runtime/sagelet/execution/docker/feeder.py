"""The feeder of a container: it ends with the container, whoever else is still there.

Standard library only: it asks the engine over its socket, without the SDK.
"""

from __future__ import annotations

import json
import time

from sagelet.execution.docker.ping import ask
from sagelet.execution.feeder import feed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: States of a container that runs, or is yet to.
_HERE = ("created", "running", "paused", "restarting")

#: Between questions to an engine that does not answer, or of one that has not begun, in seconds.
_PAUSE = 0.2

#: How long one question may wait for its answer, in seconds.
_PATIENCE = 60.0


def main(spec_path: str, lock: int) -> None:
    """Feed the host of a container, until that has ended or is gone."""
    feed(spec_path, lock, _wait_for_exit)


def _wait_for_exit(until: Mapping[str, Any]) -> None:
    engine, path = until["engine"], f"/containers/{until['container']}"
    while True:
        try:
            status, body = ask(engine, "GET", f"{path}/json", _PATIENCE)
            state = json.loads(body)["State"]["Status"] if status == 200 else ""
            if status == 404 or (status == 200 and state not in _HERE):
                return
            if state in ("running", "paused"):
                ask(engine, "POST", f"{path}/wait", _PATIENCE)
                continue
        except (OSError, ValueError, KeyError):
            pass  # the engine is started again, say
        time.sleep(_PAUSE)
