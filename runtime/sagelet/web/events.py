"""/_api/events: what changes, as server-sent events, from where a page left off.

The bus says that something changed, the store says what, and the engine how hosts are. A place in
the stream is a cursor: the time of the last state, an offset in each log, the length of each
metric's series, the place of the last look at the hosts, the number of the last call. So a page
that lost its connection goes on without a gap, however long it was away and whichever process
answers.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool

from sagelet.domain.jobs import Job
from sagelet.engine.bus import Bus, Topic
from sagelet.store import Store
from sagelet.store.calls import Calls
from sagelet.web.call_views import call_row
from sagelet.web.lanes import Lanes, View, lane_document, view_document
from sagelet.web.rows import job_rows, metric_names_of, tracked
from sagelet.web.tunings import Search
from sagelet.web.views import job_document, series, usage_document

#: Changes that come close together are sent together, in seconds.
PAUSE = 0.03
#: The same of a tuning job, which is read with all its training jobs.
TUNING_PAUSE = 0.3
#: An idle stream says so, for a dead connection to be noticed, in seconds.
BEAT = 15.0
#: Who is further behind than this in a log is shown its end, in bytes.
BEHIND = 2 << 20
_TAIL = 400
_LINES = 2000
#: Values of a metric, and looks at hosts, that a page gets whole; of more, what it can draw.
_VALUES = 4000
_WIDTH = 1200
#: Rows sent to a page that was away; one that missed more asks for its table again anyway.
_ROWS = 200

Document = dict[str, Any]

#: Each host of a job in one word; none of a job that does not run.
HostStates = Callable[[Job], Mapping[str, str]]


def _no_hosts(_job: Job) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Watch:
    """What a page wants to hear of.

    ``job`` is a job's key; ``tracked``: experiments and all that is in them; ``tunings``: every
    tuning job; ``tuning``: one, by its name, with its training jobs; ``usage``: what hosts of the
    job use; ``stored``: objects, and models, of which the last of a job come with its states.
    """

    region: str
    jobs: bool = False
    job: str | None = None
    log: bool = False
    lanes: tuple[str, ...] = ()
    calls: bool = False
    tracked: bool = False
    tunings: bool = False
    tuning: str | None = None
    usage: bool = False
    stored: bool = False

    @property
    def pause(self) -> float:
        """How close together events may come, in seconds: a tuning job has many sources of news."""
        return PAUSE if self.tuning is None else TUNING_PAUSE

    def wants(self, topic: Topic) -> bool:
        """Whether a topic of the bus is part of it."""
        if topic[0] == "calls":
            return self.calls
        if topic[0] == "storage":
            return self.stored
        if topic[0] == "job" and self.stored:
            return True  # of every region: models are in none
        if topic[1] != self.region:
            return False
        if topic[0] == "tracked":
            return self.tracked
        if topic[0] == "log":
            return self.log and topic[2] == self.job
        if topic[0] == "usage":
            return self.usage and topic[2] == self.job
        if topic[0] == "hosts":
            return topic[2] == self.job
        if topic[0] == "tuning":
            return self.tunings or topic[2] == self.tuning
        if self.tuning is not None and topic[2].startswith(f"{self.tuning}-"):
            return True
        return self.jobs or self.tracked or topic[2] == self.job


@dataclass(slots=True)
class Cursor:
    """Where a page is; see the module."""

    time: float = 0.0
    log: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, int] = field(default_factory=dict)
    call: int = 0
    usage: int = 0

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """The cursor in an event's id; a new one if there is none that can be read."""
        try:
            found = orjson.loads(text or "")
            return cls(
                float(found.get("t", 0)),
                {str(lane): _place(at) for lane, at in found.get("l", {}).items()},
                {str(name): _place(at) for name, at in found.get("m", {}).items()},
                _place(found.get("c", 0)),
                _place(found.get("u", 0)),
            )
        except (ValueError, AttributeError, TypeError, OverflowError):
            return cls()

    def write(self) -> str:
        """The id of the event that leaves a page here; ASCII, on one line."""
        document = {
            "t": self.time,
            "l": self.log,
            "m": self.metrics,
            "c": self.call,
            "u": self.usage,
        }
        return json.dumps(document, separators=(",", ":"))


class Reader:
    """Reads what is new for one page; blocking. ``hosts`` tells how those of a job are."""

    def __init__(
        self,
        store: Store,
        calls: Calls,
        watch: Watch,
        cursor: Cursor,
        hosts: HostStates = _no_hosts,
    ) -> None:
        self._store = store
        self._calls = calls
        self._hosts = hosts
        self._watch = watch
        self.cursor = cursor
        self._shown: Document | None = None
        self._search = Search(store, watch.tuning) if watch.tuning is not None else None

    def read(self, topics: set[Topic] | None) -> list[tuple[str, Document]]:
        """Events for what ``topics`` may have changed; None: for all since the cursor."""
        found: list[tuple[str, Document]] = []
        if self._watch.jobs:
            found += self._rows(topics)
        if self._watch.job is not None:
            found += self._job(topics)
        if self._watch.calls and (topics is None or ("calls",) in topics):
            found += self._new_calls()
        if self._watch.tunings and topics and any(topic[0] == "tuning" for topic in topics):
            found.append(("tunings", {}))
        if self._search is not None and (topics is None or topics):
            found += self._search.news()
        if self._watch.tracked and topics and any(topic[0] != "tuning" for topic in topics):
            # What it is now is another question, which a page asks for what it shows of it.
            found.append(("tracked", {}))
        if self._watch.stored and topics:
            found.append(("stored", {}))
        return found

    def _rows(self, topics: set[Topic] | None) -> list[tuple[str, Document]]:
        table = self._store.job_table
        gone = []
        if topics is None:
            changed = table.changed(self.cursor.time, _ROWS)
        else:
            changed = []
            for key in sorted({topic[2] for topic in topics if topic[0] in ("job", "metrics")}):
                job = table.find(key)
                if job is None:
                    gone.append(key)
                else:
                    changed.append(job)
        if not changed and not gone:
            return []
        self.cursor.time = max([self.cursor.time, *(job.modified for job in changed)])
        rows = job_rows(self._store, changed)
        return [("jobs", {"rows": rows, "gone": gone, "counts": table.counts()})]

    def _job(self, topics: set[Topic] | None) -> list[tuple[str, Document]]:
        key = self._watch.job or ""
        job = self._store.job_table.find(key)
        if job is None:
            return [("gone", {"key": key})]
        found: list[tuple[str, Document]] = []
        told = {topic[0] for topic in topics or () if topic[0] != "tuning" and topic[2:3] == (key,)}
        if job.kind.metrics and (topics is None or "metrics" in told or job.life.over):
            found += self._metrics(job.name)
        if self._watch.log and (topics is None or told & {"log", "job"}):
            found += self._log(job)
        if self._watch.usage and (topics is None or "usage" in told):
            found += self._usage(job)
        document = {
            **job_document(job, *tracked(self._store, [job]).get(key, (None, None))),
            "hostStates": dict(self._hosts(job)),
        }
        if document != self._shown:
            self._shown = document
            found.append(("job", document))
        return found

    def _metrics(self, job: str) -> list[tuple[str, Document]]:
        new: Document = {}
        metrics = self._store.metrics
        following = metrics.following(job)
        for name in metric_names_of(self._store, job):
            low = self.cursor.metrics.get(name, 0)
            count = following.get(name, 0) - low
            many = count > _VALUES
            points = (
                metrics.thinned(job, name, _WIDTH, low)
                if many
                else metrics.points(job, name, low=low)
            )
            if points:
                self.cursor.metrics[name] = points[-1].place + 1
                new[name] = {**series(points), **({"count": count} if many else {})}
        return [("metrics", {"series": new})] if new else []

    def _usage(self, job: Job) -> list[tuple[str, Document]]:
        samples = self._store.usage.samples(job.kind, job.name, low=self.cursor.usage)
        if not samples:
            return []
        self.cursor.usage = samples[-1].place + 1
        width = len(samples)
        if width > _VALUES:
            width = _VALUES // len({each.host for each in samples}) // 4
        return [("usage", usage_document(samples, max(width, 40)))]

    def _log(self, job: Job) -> list[tuple[str, Document]]:
        with Lanes(self._store.logs_of(job.kind), job.name, self._watch.lanes) as lanes:
            sizes = lanes.sizes()
            behind = sum(size - self.cursor.log.get(lane, 0) for lane, size in sizes.items())
            skipped = behind > BEHIND
            if skipped:
                view = lanes.backward(sizes, _TAIL)
                view = View(view.lines, view.start, sizes)
            else:
                view = lanes.forward(self.cursor.log, _LINES)
            known = [lane_document(lane, s, sizes.get(lane, 0)) for lane, s in lanes.all.items()]
        if not view.lines:
            return []
        self.cursor.log.update(view.end)
        event = {**view_document(view), "known": known, "skipped": skipped, "sizes": sizes}
        event["more"] = any(view.end.get(lane, 0) < size for lane, size in sizes.items())
        return [("log", event)]

    def _new_calls(self) -> list[tuple[str, Document]]:
        # Who knows of later ones than there are saw those of a process before, by another clock.
        anew = self.cursor.call > self._calls.last
        new = self._calls.since(0 if anew else self.cursor.call)
        if not new and not anew:
            return []
        self.cursor.call = new[-1][0] if new else 0
        rows = [call_row(number, call) for number, call in new]
        return [("calls", {"rows": rows, "missing": self._calls.missing(), "anew": anew})]


async def stream(
    bus: Bus, reader: Reader, watch: Watch, clock: Callable[[], float] = time.time
) -> AsyncIterator[bytes]:
    """The bytes of the stream, until the page goes or the process ends."""
    loop = asyncio.get_running_loop()
    wake = asyncio.Event()

    def rouse() -> None:
        with suppress(RuntimeError):  # the loop is over
            loop.call_soon_threadsafe(wake.set)

    with bus.listen(watch.wants, rouse) as listener:
        yield b"retry: 1000\n\n" + _event("hello", {"now": clock()}, reader.cursor.write())
        topics: set[Topic] | None = None
        while not listener.closed:
            events = await run_in_threadpool(reader.read, topics)
            for number, (kind, document) in enumerate(events, start=1):
                # Who misses a part of what belongs together gets all of it again.
                mark = reader.cursor.write() if number == len(events) else None
                yield _event(kind, document, mark)
            if any(document.get("more") for _, document in events):
                topics = {("log", watch.region, watch.job or "", "")}
                continue
            await asyncio.sleep(watch.pause)
            try:
                async with asyncio.timeout(BEAT):
                    await wake.wait()
            except TimeoutError:
                yield b": still here\n\n"
            wake.clear()
            topics = listener.take()


def _place(given: Any) -> int:
    """A place as a database and a file can count it."""
    return min(max(int(given), 0), 1 << 62)


def _event(kind: str, document: Mapping[str, Any], mark: str | None) -> bytes:
    data = orjson.dumps(document)  # one line: JSON has no line ends of its own
    place = b"" if mark is None else b"id: %b\n" % mark.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (place, kind.encode(), data)
