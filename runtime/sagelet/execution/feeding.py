"""Feeders (``feeder``): starting one for each host with Pipe channels, watching it, ending it.

A reader cannot tell a feeder's death from the end of the data. So a host whose feeder died, or
could not go on, is killed, and its exit is told as what it was.
"""

import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagelet.domain.errors import HostFault
from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.execution import detached
from sagelet.execution.backend import HostEvent, HostExited, HostLost, Sink

#: Between looks at a feeder, in seconds.
TICK = 0.1

#: How long a feeder may take to notice that its host has ended, or to be killed, in seconds.
PATIENCE = 10.0

#: Stops one host at once.
Kill = Callable[[JobPlan], None]


def start(host: HostPlan, module: str, until: Mapping[str, Any]) -> None:
    """Start the host's feeder, if it has Pipe channels; it ends when ``until`` comes true.

    Raises:
        OSError: it cannot be started.
    """
    if not host.pipes:
        return
    folder = Path(host.folder)
    for name in ("fed.json", "feeder.stop", "feeder.pid"):
        (folder / name).unlink(missing_ok=True)
    spec = {
        "folder": host.folder,
        "pipes": [dataclasses.asdict(pipe) for pipe in host.pipes],
        "until": until,
    }
    (folder / "feeder.json").write_text(json.dumps(spec))
    feeder = detached.start(module, folder / "feeder.json", "feeder")
    threading.Thread(target=feeder.wait, name=f"reap-{host.name}", daemon=True).start()


def guarded(plan: JobPlan, sink: Sink) -> Sink:
    """A sink that tells a host's exit as its feeder's fault, where it was that."""
    fed = {host.name: host for host in plan.hosts if host.pipes}
    if not fed:
        return sink

    def take(event: HostEvent) -> None:
        if isinstance(event, HostExited) and event.host in fed and event.error is None:
            _wait_until_gone(fed[event.host])
            trouble = _trouble(fed[event.host])
            event = dataclasses.replace(trouble, time=event.time) if trouble else event
        sink(event)

    return take


def watch(plan: JobPlan, kill: Kill) -> None:
    """Kill hosts whose feeders are in trouble, from threads."""
    for host in plan.hosts:
        if host.pipes:
            alone = dataclasses.replace(plan, hosts=(host,))
            threading.Thread(
                target=_watch, args=(host, alone, kill), name=f"feeder-{host.name}", daemon=True
            ).start()


def end(plan: JobPlan) -> None:
    """End the feeders of a job's hosts, whoever started them; safe to repeat.

    Raises:
        HostFault: one does not end.
    """
    for host in plan.hosts:
        if host.pipes and Path(host.folder).is_dir():
            (Path(host.folder) / "feeder.stop").touch()  # for one that only begins
    deadline = time.monotonic() + PATIENCE
    for host in plan.hosts:
        while host.pipes and alive(host):
            with suppress(OSError, ValueError, KeyError):
                record = json.loads((Path(host.folder) / "feeder.pid").read_bytes())
                os.kill(record["pid"], signal.SIGKILL)
            if time.monotonic() > deadline:
                raise HostFault(f"InternalServerError: a feeder of {plan.job} does not end.")
            time.sleep(0.01)


def alive(host: HostPlan) -> bool:
    """Whether the host's feeder lives."""
    return detached.alive(Path(host.folder) / "feeder.lock")


def _watch(host: HostPlan, alone: JobPlan, kill: Kill) -> None:
    while True:
        living = alive(host)
        if _trouble(host, living=living) is not None:
            kill(alone)
            return
        if not living:
            return
        time.sleep(TICK)


def _wait_until_gone(host: HostPlan) -> None:
    deadline = time.monotonic() + PATIENCE
    while alive(host) and time.monotonic() < deadline:
        if _trouble(host) is not None:
            return
        time.sleep(0.005)


def _trouble(host: HostPlan, *, living: bool | None = None) -> HostExited | HostLost | None:
    """How the host's end must be told, if its feeder failed it."""
    living = alive(host) if living is None else living  # asked first: it writes, then goes
    try:
        record = json.loads((Path(host.folder) / "fed.json").read_bytes())
    except FileNotFoundError:
        if living:
            return None
        return HostLost(host.name, f"what fed its Pipe channels disappeared{_last_words(host)}")
    if record["error"]:
        return HostExited(host.name, 1, error=f"Data download failed: {record['error']}")
    return None


def _last_words(host: HostPlan) -> str:
    with suppress(OSError):
        lines = (Path(host.folder) / "feeder.err").read_text(errors="replace").splitlines()
        if lines:
            return f" ({lines[-1]})"
    return " (killed, or the machine was restarted)"
