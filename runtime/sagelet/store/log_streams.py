"""Which hosts of which jobs have a log: CloudWatch's log streams.

A stream is ``<job>/<host>-<epoch seconds>``; the number is when its hosts were started, so that
each attempt of a job has streams of its own. What is in a log belongs to ``logs``; log groups
belong to the wire.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from pathlib import Path
from typing import Any

from sagelet.domain.lifecycle import BEGINS_AGAIN, Secondary
from sagelet.store.database import Database
from sagelet.store.home import Home
from sagelet.store.jobs import Jobs
from sagelet.store.logs import Log, LogEvent

#: Clocks are set while jobs run: a job's own times and those of its log may differ by this much,
#: in seconds.
_SLACK = 60.0

#: What is read of a stream at once when many are read side by side, in bytes.
_STEP = 1 << 18

_QUERY = "SELECT name, steps, over FROM {table} WHERE region = ? AND steps LIKE '%\"Training\"%'"


@dataclass(frozen=True, slots=True)
class LogStream:
    """One host's log; ``begun`` in epoch seconds, ``ended`` once nothing more will come."""

    name: str
    path: Path
    begun: float
    ended: bool

    def open(self) -> Log:
        """The log itself.

        Raises:
            FileNotFoundError: it was removed.
        """
        return Log(self.path, ended=self.ended)


class LogStreams:
    """The streams of one region's jobs of one kind."""

    def __init__(self, database: Database, home: Home, region: str, jobs: Jobs[Any]) -> None:
        self._database = database
        self._home = home
        self._region = region
        self._kind = jobs.kind
        self._query = _QUERY.format(table=jobs.table)

    def get(self, name: str) -> LogStream | None:
        """The stream of that name."""
        job = name.partition("/")[0]
        return next((stream for stream in self._of_job(job) if stream.name == name), None)

    def named(
        self, prefix: str = "", *, after: str | None = None, descending: bool = False
    ) -> Iterator[LogStream]:
        """Streams whose names begin with ``prefix``, by name, from the one behind ``after`` on."""
        job, slash, _ = prefix.partition("/")
        # "a-1/..." stands before "a/...", but "a" before "a-1".
        jobs = sorted(name + "/" for name in ([job] if slash else self._jobs(job)))
        if after is not None:
            last = after.partition("/")[0] + "/"
            jobs = [job for job in jobs if (job <= last if descending else job >= last)]
        for job in reversed(jobs) if descending else jobs:
            streams = list(self._of_job(job[:-1]))
            for stream in reversed(streams) if descending else streams:
                if not stream.name.startswith(prefix):
                    continue
                if after is None or (stream.name < after if descending else stream.name > after):
                    yield stream

    def since(self, time: float) -> Iterator[LogStream]:
        """Streams of jobs that had not ended by ``time`` (epoch seconds)."""
        rows = self._database.connection().execute(
            self._query + " AND (over = 0 OR modified >= ?)", (self._region, time - _SLACK)
        )
        for row in rows.fetchall():
            yield from self._of_row(*row)

    def first(self) -> float | None:
        """When the first stream began; None while there is none."""
        rows = self._database.connection().execute(
            self._query + " ORDER BY created", (self._region,)
        )
        return next((stream.begun for row in rows for stream in self._of_row(*row)), None)

    def _jobs(self, prefix: str) -> list[str]:
        rows = self._database.connection().execute(
            self._query + " AND name >= ? AND name < ?", (self._region, prefix, prefix + "\x7f")
        )
        return [row[0] for row in rows]

    def _of_job(self, name: str) -> Iterator[LogStream]:
        rows = self._database.connection().execute(
            self._query + " AND name = ?", (self._region, name)
        )
        for row in rows.fetchall():
            yield from self._of_row(*row)

    def _of_row(self, name: str, steps: str, over: int) -> list[LogStream]:
        """The streams of one job, by name."""
        begun = _begun([(status, start) for status, start, _, _ in json.loads(steps)])
        last = max(begun, default=1)
        folder = self._home.job(self._kind.key(name))
        found: list[LogStream] = []
        number = 0
        for attempt, start in begun.items():
            number = max(int(start), number + 1)  # two attempts may begin in one second
            hosts = {log.stem: log for log in folder.glob(f"attempts/{attempt}/algo-*.log")}
            if attempt == last:  # one that is given up is put aside a moment later
                hosts = {log.parent.name: log for log in folder.glob("algo-*/log")} | hosts
            for host, log in hosts.items():
                ended = bool(over) or attempt != last
                stream = f"{name}/{host}-{number:010d}"
                found.append(LogStream(stream, log, start, ended))
        return sorted(found, key=lambda stream: stream.name)


def _begun(steps: list[tuple[str, float]]) -> dict[int, float]:
    """Attempt -> when its training began, of those that came so far."""
    attempt, begun = 1, {}
    for status, start in steps:
        if status in BEGINS_AGAIN:
            attempt += 1
        elif status == Secondary.TRAINING:
            begun[attempt] = start
    return begun


#: Time in epoch milliseconds, stream, offset: unique, and the same at every reading.
Place = tuple[int, str, int]


def interleave(
    streams: Iterable[LogStream], since: int, until: int, after: Place | None
) -> Iterator[tuple[str, LogEvent]]:
    """The streams' events in the one order of their places, each with its stream's name.

    ``since`` and ``until`` in epoch milliseconds, the second excluded; what is at ``after`` or
    before need not come again. A stream is opened when its time has come.
    """
    waiting = deque(sorted(streams, key=lambda stream: stream.begun))
    heap: list[tuple[int, str, int, LogEvent, Iterator[LogEvent]]] = []
    while heap or waiting:
        while waiting and (not heap or waiting[0].begun - _SLACK <= heap[0][0] / 1000):
            stream = waiting.popleft()
            source = _events(stream, since, until, after)
            first = next(source, None)
            if first is not None:
                heappush(heap, (first.time, stream.name, first.offset, first, source))
        if not heap:
            return
        _, name, _, event, source = heap[0]
        yield name, event
        following = next(source, None)
        if following is None:
            heappop(heap)
        else:
            heapreplace(heap, (following.time, name, following.offset, following, source))


def _events(stream: LogStream, since: int, until: int, after: Place | None) -> Iterator[LogEvent]:
    try:
        log = stream.open()
    except FileNotFoundError:
        return
    with log:
        place, stop = log.since(since), log.since(until)
        if after is not None:
            time, name, offset = after
            place = max(place, log.since(time if stream.name > name else time + 1))
            if stream.name == name:
                place = max(log.since(since), log.forward(offset, count=1).end)
        while True:
            page = log.forward(place, stop, size=_STEP)
            if not page.events:
                return
            yield from page.events
            place = page.end
