"""The door of hosts that wait for their job, as whoever has the job sees it.

The other side is the toolkit's (``sagelet_toolkit.door``): the host takes away what is said to it,
and by that answers.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sagelet.domain.hosts import HostPlan
from sagelet.domain.opt_ml import ROOT

#: In a host's ml/: a folder in which whoever the host's program runs as may write.
_PLACE = "input/config/.door"

#: Between looks for the answer, in seconds.
TICK = 0.002


def build(host: HostPlan, until: float, *, preload: bool) -> HostPlan:
    """Make the host's door; the host that waits there until a time, in epoch seconds.

    Raises:
        OSError: it cannot be made.
    """
    door = _door(host)
    for path in (door, _said(door)):
        path.unlink(missing_ok=True)
    os.mkfifo(door)
    door.chmod(0o666)
    waits = {"SAGELET_DOOR": f"{ROOT}/{_PLACE}", "SAGELET_DOOR_UNTIL": str(until)}
    if preload:
        waits["SAGELET_PRELOAD"] = "1"
    return replace(host, environment={**host.environment, **waits})


def open_all(hosts: Sequence[HostPlan], patience: float, arrival: float) -> bool:
    """Tell hosts that their job is here; whether every one heard it.

    ``arrival``: how long one that is not at its door may still be on its way there, in seconds.
    """
    said = [{"environment": dict(host.environment)} for host in hosts]
    return tell(hosts, said, patience, arrival)


def renew(hosts: Sequence[HostPlan], until: float, patience: float) -> bool:
    """Tell hosts to wait until another time, in epoch seconds; whether every one heard it."""
    return tell(hosts, [{"until": until} for _ in hosts], patience)


def tell(
    hosts: Sequence[HostPlan],
    said: Sequence[Mapping[str, Any]],
    patience: float,
    arrival: float = 0.0,
) -> bool:
    """Say something to each host; what one does not take in time is taken back."""
    doors = [_door(host) for host in hosts]
    try:
        for door, document in zip(doors, said, strict=True):
            part = door.with_name(".door.part")
            part.write_text(json.dumps(document))
            part.chmod(0o666)
            part.replace(_said(door))
        began = time.monotonic()
        left = doors
        while left := [door for door in left if _said(door).exists()]:
            heard = sum(_ring(door) for door in left) == len(left)
            if time.monotonic() > began + (patience if heard else min(arrival, patience)):
                break
            time.sleep(TICK)
        return sum(_take_back(door) for door in left) == 0
    except OSError:
        return False


def _ring(door: Path) -> bool:
    """Whether somebody is there to hear it."""
    try:
        bell = os.open(door, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with suppress(OSError):
        os.write(bell, b".")
    os.close(bell)
    return True


def _take_back(door: Path) -> bool:
    """Whether what was said was still there."""
    try:
        _said(door).unlink()
    except FileNotFoundError:
        return False
    return True


def _door(host: HostPlan) -> Path:
    return Path(host.folder) / "ml" / _PLACE


def _said(door: Path) -> Path:
    return door.with_name(door.name + ".json")
