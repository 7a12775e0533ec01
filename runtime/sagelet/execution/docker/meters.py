"""What containers use, as their engine counts it.

It is asked for all containers of a job at once: some engines answer the first question at once and
others with the next tick of their own clock, up to two seconds later.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sagelet.domain.errors import HostFault
from sagelet.domain.usage import Reading
from sagelet.execution.docker.ping import ask, ask_for_all

#: How long the engine may take to answer, in seconds; nothing but looks at hosts waits for it.
PATIENCE = 5.0

_OK = 200
_NANO = 1e9


class Meters:
    """Looks at containers; one thread at a time. ``host`` is the engine's address."""

    def __init__(self, host: str, version: str) -> None:
        self._host = host
        self._base = f"/v{version}/containers"
        #: The labels of a job -> each host's container; of jobs whose hosts all run.
        self._known: dict[tuple[str, ...], dict[str, str]] = {}

    def look(
        self, labels: tuple[str, ...], label: str, hosts: Sequence[str], cores: Mapping[str, float]
    ) -> list[Reading]:
        """One look at a job's containers, which have all ``labels`` and a host's name as ``label``.

        ``cores``: of hosts with a limit.

        Raises:
            HostFault: the engine does not answer now.
        """
        found = self._known.pop(labels, None)
        try:
            if found is None:
                found = self._find(labels, label)
            there = [host for host in hosts if host in found]
            paths = [
                f"{self._base}/{found[host]}/stats?stream=false&one-shot=true" for host in there
            ]
            answers = ask_for_all(self._host, paths, PATIENCE)
            taken = time.monotonic()
            readings = [
                reading
                for host, (status, body) in zip(there, answers, strict=True)
                if status == _OK
                and (reading := read(json.loads(body), host, taken, cores.get(host))) is not None
            ]
        except (OSError, ValueError, KeyError) as error:
            raise HostFault(f"the Docker engine does not tell what hosts use: {error}") from None
        if len(readings) == len(hosts):
            self._known[labels] = found  # else some have not begun, or have ended
        return readings

    def forget(self, labels: tuple[str, ...]) -> None:
        """The job's containers are no more."""
        self._known.pop(labels, None)

    def _find(self, labels: tuple[str, ...], label: str) -> dict[str, str]:
        """Each host's container, of those that run."""
        filters = quote(json.dumps({"label": list(labels)}))
        status, body = ask(self._host, "GET", f"{self._base}/json?filters={filters}", PATIENCE)
        if status != _OK:
            raise ValueError(f"it answers {status}")
        return {
            each["Labels"][label]: each["Id"]
            for each in json.loads(body)
            if label in each["Labels"]
        }


def read(stats: Mapping[str, Any], host: str, taken: float, cores: float | None) -> Reading | None:
    """The engine's document as a reading; None of a container that does not run."""
    cpu, memory = stats["cpu_stats"], stats["memory_stats"]
    if not memory.get("usage"):
        return None
    used = cpu["cpu_usage"]
    room = float(cpu.get("online_cpus") or len(used.get("percpu_usage") or ()) or 1)
    return Reading(
        host,
        taken,
        used["total_usage"] / _NANO,
        _used(memory),
        min(cores or room, room),
        memory["limit"],
    )


def _used(memory: Mapping[str, Any]) -> int:
    """Without what the kernel keeps of files and would give back: as ``docker stats`` shows it."""
    detail = memory.get("stats") or {}
    kept = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    return max(0, int(memory["usage"]) - int(kept))
