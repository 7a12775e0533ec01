"""Logs for a page: the lanes of a job (a host's log each), read side by side from any place.

A lane is a log stream's name behind the job's. A place in a view of several lanes is an offset in
each of them.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple, Self

import regex

from sagelet.store.log_streams import LogStream, LogStreams
from sagelet.store.logs import Log, LogEvent

Document = dict[str, Any]
Places = Mapping[str, int]

#: Longer lines are cut for display, in characters.
WIDTH = 8192
#: How long one search may take before its caller asks again, in seconds.
SEARCH = 0.4
#: How long one line may keep a regular expression busy, in seconds.
_LINE = 0.1

#: Lines that a file of several lanes is made of at a time.
_MERGED = 2000

#: What usually says that something went wrong.
ERROR = regex.compile(
    r"(?i:(^|[^a-z_=])(error|exception|traceback|fatal|panic|segfault|oom-kill|out of memory)"
    r"([^a-z_=]|$))|[a-z](Error|Exception)\b|\bKilled\b|core dumped"
)

#: What a terminal takes for itself: colours, moves, titles. Nobody sees or searches it.
_UNSEEN = regex.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]"
)

#: The most places of one line that are said to match.
_MARKS = 50

Marks = tuple[tuple[int, int], ...]


class Line(NamedTuple):
    """One line of one lane; ``marks``: where a search found something in what is seen of it."""

    lane: str
    event: LogEvent
    end: int
    marks: Marks = ()


@dataclass(frozen=True, slots=True)
class View:
    """Lines in the order of their times, and the places before the first and behind the last."""

    lines: Sequence[Line]
    start: dict[str, int]
    end: dict[str, int]


class Lanes:
    """The open logs of one job. A context manager."""

    def __init__(self, streams: LogStreams, job: str, wanted: Sequence[str] = ()) -> None:
        found = {s.name.partition("/")[2]: s for s in streams.named(f"{job}/")}
        self.all: dict[str, LogStream] = found
        self._wanted = [lane for lane in found if lane in wanted] if wanted else list(found)
        self._stack = ExitStack()
        self.logs: dict[str, Log] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for lane in self._wanted:
                try:
                    self.logs[lane] = stack.enter_context(self.all[lane].open())
                except FileNotFoundError:
                    continue
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def sizes(self) -> dict[str, int]:
        """Where each log ends now."""
        return {lane: log.end for lane, log in self.logs.items()}

    def at_time(self, milliseconds: int) -> dict[str, int]:
        """The place of a moment."""
        return {lane: log.since(milliseconds) for lane, log in self.logs.items()}

    def completed(self, places: Places) -> dict[str, int]:
        """The places with those of the other lanes, where they were at that time.

        Each is the beginning of a line, or behind all of them: one may be given that is within.
        """
        places = {
            lane: self.logs[lane].begin(place) if lane in self.logs else place
            for lane, place in places.items()
        }
        lines = self._view_at(places)
        if not lines or all(lane in places for lane in self.logs):
            return places
        return {**self.at_time(min(lines)), **places}

    def _view_at(self, places: Places) -> list[int]:
        found = []
        for lane, place in places.items():
            log = self.logs.get(lane)
            page = log.forward(place, count=1) if log else None
            found += [event.time for event in page.events] if page else []
        return found

    def forward(self, places: Places, count: int) -> View:
        """At most ``count`` lines from ``places`` on."""
        start = {lane: places.get(lane, 0) for lane in self.logs}
        found: list[Line] = []
        known: list[int] = []  # up to which time, by lane, all lines are at hand
        for lane, log in self.logs.items():
            page = log.forward(start[lane], count=count)
            found += _lines(lane, page.events, page.end)
            if page.events and page.end < log.end:
                known.append(page.events[-1].time)
        bound = min(known, default=None)
        taken = sorted(
            (each for each in found if bound is None or each.event.time <= bound), key=_order
        )[:count]
        end = dict(start)
        for line in taken:
            end[line.lane] = line.end
        return View(taken, start, end)

    def merged(self) -> Iterator[bytes]:
        """All lines as a file, in the order of their times: the time, the lane, the text."""
        here = dict.fromkeys(self.logs, 0)
        until = self.sizes()  # what is printed meanwhile is not waited for
        while any(here[lane] < until[lane] for lane in here):
            view = self.forward(here, _MERGED)
            if not view.lines:
                return
            yield b"".join(
                f"{_moment(line.event.time)} {line.lane} | {line.event.message}\n".encode()
                for line in view.lines
            )
            here = view.end

    def backward(self, places: Places, count: int) -> View:
        """At most ``count`` lines before ``places``."""
        end = {lane: places.get(lane, log.end) for lane, log in self.logs.items()}
        found: list[Line] = []
        known: list[int] = []
        for lane, log in self.logs.items():
            page = log.backward(end[lane], count=count)
            found += _lines(lane, page.events, page.end)
            if page.events and page.start > 0:
                known.append(page.events[0].time)
        bound = max(known, default=None)
        taken = sorted(
            (each for each in found if bound is None or each.event.time >= bound), key=_order
        )[-count:]
        start = dict(end)
        for line in reversed(taken):
            start[line.lane] = line.event.offset
        return View(taken, start, end)

    def search(
        self, pattern: "regex.Pattern[str]", places: Places, count: int, *, back: bool = False
    ) -> tuple[View, bool]:
        """Lines that match, and whether the end was reached; else go on from the view's place.

        One line at least is looked at, and no more when the time is up.
        """
        deadline = time.monotonic() + SEARCH
        here = dict(places)
        found: list[Line] = []
        step = 2000
        while True:
            view = self.backward(here, step) if back else self.forward(here, step)
            here = view.start if back else view.end
            lines = reversed(view.lines) if back else iter(view.lines)
            for line in lines:
                marks = _matches(pattern, line.event.message)
                if marks is not None:
                    found.append(line._replace(marks=marks))
                if len(found) == count or time.monotonic() > deadline:
                    place = {**(view.end if back else view.start)}
                    _pass(place, view.lines, line, back=back)
                    return _found(found, place, back=back), False
            if not view.lines:
                return _found(found, here, back=back), True


def compile_search(text: str, *, plain: bool) -> "regex.Pattern[str]":
    """What was typed as a pattern, in any case unless it has capitals.

    Raises:
        ValueError: not a regular expression.
    """
    flags = 0 if any(c.isupper() for c in text) and plain else regex.IGNORECASE
    try:
        return regex.compile(regex.escape(text) if plain else text, flags)
    except regex.error as error:
        raise ValueError(f"'{text}' is not a regular expression: {error}") from None


def lane_document(lane: str, stream: LogStream, size: int) -> Document:
    """What a page knows of a lane."""
    host, _, begun = lane.rpartition("-")
    return {"id": lane, "host": host, "begun": int(begun), "size": size, "ended": stream.ended}


def view_document(view: View) -> Document:
    """Lines as ``[lane's number, offset, time in ms, text, marks]``; marks only of what matched.

    They are counted as a browser counts, in UTF-16.
    """
    lanes = list(view.start)
    number = {lane: index for index, lane in enumerate(lanes)}
    return {
        "lanes": lanes,
        "lines": [
            [
                *(number[line.lane], line.event.offset, line.event.time, _cut(line.event.message)),
                *([line.marks] if line.marks else []),
            ]
            for line in view.lines
        ],
        "start": view.start,
        "end": view.end,
    }


def _lines(lane: str, events: Sequence[LogEvent], end: int) -> list[Line]:
    if not events:
        return []
    ends = [event.offset for event in events[1:]] + [end]
    return [Line(lane, event, stop) for event, stop in zip(events, ends, strict=True)]


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _order(line: Line) -> tuple[int, str, int]:
    return line.event.time, line.lane, line.event.offset


def _matches(pattern: "regex.Pattern[str]", text: str) -> Marks | None:
    """Where a line matches; None if it does not, as far as can be said in time."""
    if not text.isprintable():
        text = _UNSEEN.sub("", text)
    found: list[tuple[int, int]] = []
    with suppress(TimeoutError):
        matches = islice(pattern.finditer(text, timeout=_LINE), _MARKS)
        found.extend(match.span() for match in matches)  # those in time
    return _units(text, found) if found else None


def _units(text: str, spans: list[tuple[int, int]]) -> Marks:
    def at(place: int) -> int:
        return place if text.isascii() else len(text[:place].encode("utf-16-le")) // 2

    return tuple((at(start), at(end)) for start, end in spans if end > start)


def _pass(places: dict[str, int], lines: Sequence[Line], last: Line, *, back: bool) -> None:
    """Move ``places`` past every line up to and with ``last``."""
    for line in reversed(lines) if back else lines:
        places[line.lane] = line.event.offset if back else line.end
        if line is last:
            return


def _found(lines: list[Line], here: dict[str, int], *, back: bool) -> View:
    ordered = lines[::-1] if back else lines
    return View(ordered, here, here)


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[:WIDTH] + " …"
