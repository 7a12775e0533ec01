"""What containers use, as the engine counts it.

Who looks must not wait long for an engine that has other things to do: the client has little
patience, and is no other's.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from docker import APIClient
from docker.errors import DockerException, NotFound
from requests.exceptions import RequestException

from sagelet.domain.errors import HostFault
from sagelet.domain.usage import Reading

#: How long the engine may take for one answer, in seconds.
PATIENCE = 5

_NANO = 1e9


class Meters:
    """Looks at containers; only one thread may. ``host`` is the engine's address."""

    def __init__(self, host: str, version: str) -> None:
        self._host = host
        self._version = version
        self._api: APIClient | None = None
        self._known: dict[tuple[str, ...], dict[str, str]] = {}

    def look(
        self, labels: Sequence[str], label: str, hosts: Sequence[str], cores: Mapping[str, float]
    ) -> list[Reading]:
        """One look at a job's containers, which have all ``labels`` and a host's name as ``label``.

        ``cores``: of hosts with a limit.

        Raises:
            HostFault: the engine does not answer now.
        """
        key = tuple(labels)
        try:
            found = self._known.get(key) or self._find(key, label)
            readings = [
                reading
                for host in hosts
                if host in found
                and (reading := self._read(host, found[host], cores.get(host))) is not None
            ]
        except (DockerException, RequestException) as error:
            raise HostFault(f"the Docker engine does not answer: {error}") from None
        if len(readings) == len(hosts):
            self._known = {**self._known, key: found}
        else:  # some have not begun, or have ended: look for them again
            self._known.pop(key, None)
        return readings

    def _find(self, labels: tuple[str, ...], label: str) -> dict[str, str]:
        """Each host's container, of those that run."""
        there = self._client().containers(filters={"label": list(labels)})
        return {each["Labels"][label]: each["Id"] for each in there if label in each["Labels"]}

    def _read(self, host: str, container: str, cores: float | None) -> Reading | None:
        """None: it does not run."""
        try:
            stats: dict[str, Any] = self._client().stats(container, stream=False, one_shot=True)
        except NotFound:
            return None
        taken = time.monotonic()
        cpu, memory = stats["cpu_stats"], stats["memory_stats"]
        if not memory.get("usage") or not cpu["cpu_usage"]["total_usage"]:
            return None
        room = float(cpu.get("online_cpus") or len(cpu["cpu_usage"].get("percpu_usage") or ()) or 1)
        return Reading(
            host,
            taken,
            cpu["cpu_usage"]["total_usage"] / _NANO,
            _used(memory),
            min(cores or room, room),
            memory["limit"],
        )

    def _client(self) -> APIClient:
        if self._api is None:
            self._api = APIClient(base_url=self._host, version=self._version, timeout=PATIENCE)
        return self._api


def _used(memory: Mapping[str, Any]) -> int:
    """Without what the kernel keeps of files and would give back: as ``docker stats`` shows it."""
    detail = memory.get("stats") or {}
    kept = detail.get("inactive_file", detail.get("total_inactive_file", 0))
    return max(0, int(memory["usage"]) - int(kept))
