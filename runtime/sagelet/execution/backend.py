"""The seam to machines: what a backend must do, and what it reports.

A backend runs hosts. It knows no job status, no AWS and no database. Everything it is told is in
a JobPlan; everything it tells is a HostEvent. A host's bytes are in ``<folder>/log`` before an
Output event speaks of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sagelet.domain.hosts import JobPlan
from sagelet.domain.usage import Reading


@dataclass(frozen=True, slots=True)
class HostStarted:
    """A host runs; ``notes`` say what this machine had to do differently."""

    host: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """``data`` stands in the host's log from ``offset`` on; it came at ``time`` (epoch seconds)."""

    host: str
    offset: int
    data: bytes
    time: float


@dataclass(frozen=True, slots=True)
class HostExited:
    """A host ended. ``code`` is 128 + n after signal n; ``error``: why it never started.

    ``time`` is when (epoch seconds), as whoever ran the host has it.
    """

    host: str
    code: int
    oom: bool = False
    error: str | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True)
class HostLost:
    """A host is gone and nobody knows how it ended; ``time``: when that was seen."""

    host: str
    reason: str
    time: float | None = None


HostEvent = HostStarted | Output | HostExited | HostLost
Sink = Callable[[HostEvent], None]


class Progress(Protocol):
    """Where a long step tells how far it is."""

    def __call__(self, text: str) -> None:
        """Say what is happening now, one line."""

    def cancelled(self) -> bool:
        """Whether the step should give up."""


class Cancelled(Exception):
    """A long step gave up because it was told to."""


class ExecutionBackend(Protocol):
    """One way to run hosts. Methods may be called from any thread."""

    name: str

    def check(self, plan: JobPlan) -> None:
        """Refuse, before anything starts, what cannot run here.

        Raises:
            DomainError: no engine, unknown image, more GPUs than there are.
        """

    def prepare(self, plan: JobPlan, progress: Progress) -> None:
        """Make what the hosts run in: an image or an environment. Quick when it is there.

        Raises:
            DomainError: it cannot be made.
            Cancelled: told to stop.
        """

    def address(self) -> str | None:
        """This machine's IP address as hosts reach it; None when they reach it nowhere.

        Raises:
            HostFault: what runs them does not answer now.
        """

    def launch(self, plan: JobPlan, sink: Sink) -> None:
        """Start every host; events go to ``sink`` from the backend's own threads.

        Raises:
            HostFault: a host could not be started; none is left running.
        """

    def made_of(self, plan: JobPlan) -> str | None:
        """What the prepared plan's hosts run in, named by its content.

        None: the hosts cannot be made ready before their job.
        """

    def keep(self, plan: JobPlan) -> None:
        """Start every host of a spare, which waits at its door; nobody watches them.

        Raises:
            HostFault: they could not be started, or not so that they can wait.
        """

    def seen_from_inside(self, plan: JobPlan) -> JobPlan:
        """The plan of hosts that were kept, with addresses as they are in their network."""

    def adopt(self, plan: JobPlan, sink: Sink) -> None:
        """Like launch, for hosts an earlier process started; their logs are told from the start.

        Raises:
            HostFault: what runs them does not answer now; it may later.
        """

    def look(self, plan: JobPlan) -> list[Reading]:
        """What each host uses now; without those that do not run, or cannot be looked at.

        Raises:
            HostFault: what runs them does not answer now.
        """

    def stop(self, plan: JobPlan, *, grace: float) -> None:
        """SIGTERM, ``grace`` seconds, SIGKILL, for every host; returns at once."""

    def reclaim(self, plan: JobPlan) -> None:
        """Give the caller what the hosts wrote as root."""

    def remove(self, plan: JobPlan) -> None:
        """Leave nothing of the job on the machine but its folder; safe to repeat.

        Raises:
            HostFault: something does not go.
        """
