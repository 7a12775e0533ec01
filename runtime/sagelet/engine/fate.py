"""One fate for all hosts: which of them failed, which one first, and the FailureReason from it.

Hosts end within milliseconds of each other when one of them takes the others with it, and each is
watched by a thread of its own. So it is not who was heard of first that counts, but who ended
first; and a host that says it lost another one is no cause while a host has a reason of its own.
"""

import math
from collections.abc import Sequence

from sagelet.domain import failure
from sagelet.domain.failure import LastWords
from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.engine import remains
from sagelet.execution.backend import HostExited, HostLost

#: Exit codes of a host that was told to end: SIGKILL, SIGTERM.
_TOLD = frozenset({128 + 9, 128 + 15})


class Fate:
    """How the hosts of one attempt ended, as it is heard."""

    def __init__(self, plan: JobPlan) -> None:
        self._plan = plan
        self._hosts = {host.name: host for host in plan.hosts}
        self._begun: set[str] = set()
        self._failed: list[HostExited | HostLost] = []
        self.waiting = set(self._hosts)

    @property
    def failed(self) -> bool:
        """Whether a host has failed."""
        return bool(self._failed)

    def states(self) -> dict[str, str]:
        """Each host in one word: Waiting, Running, Ended or Failed."""
        failed = {event.host for event in tuple(self._failed)}
        return {
            host: "Failed"
            if host in failed
            else "Ended"
            if host not in self.waiting
            else "Running"
            if host in self._begun
            else "Waiting"
            for host in self._hosts
        }

    def begin(self, host: str) -> None:
        """A host runs."""
        self._begun.add(host)

    def hear(self, event: HostExited | HostLost) -> None:
        """A host ended."""
        self.waiting.discard(event.host)
        if (
            isinstance(event, HostLost)
            or event.code != 0
            or self._condemned(self._hosts[event.host])
        ):
            self._failed.append(event)

    def reason(self) -> str | None:
        """FailureReason once all hosts ended; None when none failed."""
        if not self._failed:
            # Of a container's files some can be read only now that they were given to the caller.
            self._failed = [
                HostExited(host.name, 0) for host in self._plan.hosts if self._condemned(host)
            ]
        words = self._plan.kind.words
        cause = _cause(self._failed, self._hosts, words)
        if cause is None:
            return None
        if isinstance(cause, HostLost):
            return f"InternalServerError: {cause.host} is gone: {cause.reason}"[: failure.LIMIT]
        return failure.host_failure(
            remains.said(self._hosts[cause.host], words.file),
            cause.code,
            oom=cause.oom,
            error=cause.error,
            host=cause.host if len(self._hosts) > 1 else None,
            words=words,
        )

    def _condemned(self, host: HostPlan) -> bool:
        """Whether a host says that it failed, whatever its exit code."""
        words = self._plan.kind.words
        return words.condemns and remains.said(host, words.file) is not None


def _cause(
    failed: Sequence[HostExited | HostLost], hosts: dict[str, HostPlan], words: LastWords
) -> HostExited | HostLost | None:
    """The first host to fail, of those that do not say it was another."""
    in_order = sorted(failed, key=lambda event: math.inf if event.time is None else event.time)
    if not in_order or not _lost_a_peer(in_order[0], hosts, words):
        return in_order[0] if in_order else None
    own = (
        event
        for event in in_order
        if not _lost_a_peer(event, hosts, words)
        and (isinstance(event, HostLost) or event.oom or event.code not in _TOLD)
    )
    return next(own, in_order[0])


def _lost_a_peer(
    event: HostExited | HostLost, hosts: dict[str, HostPlan], words: LastWords
) -> bool:
    return (
        isinstance(event, HostExited)
        and event.error is None
        and not event.oom
        and failure.blames_another(remains.said(hosts[event.host], words.file) or "")
    )
