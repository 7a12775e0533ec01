"""Logs as plain files: the bytes a host printed, and beside them when they came.

``log`` holds exactly what the host wrote, in order. ``log.times`` holds one fixed-size record a
millisecond in which something came: that time in epoch milliseconds, and the offset up to which
the log had come by then. Lines are split at newlines only; a line longer than CloudWatch's event
limit comes in several pieces. Each has the time at which its last byte came, so that times never
go back within a log, and what is read once stays as it was read.
"""

import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Self

#: CloudWatch's largest event, in bytes.
EVENT_LIMIT = 262144 - 26

#: A page of events holds at most this, each event counted with CloudWatch's overhead, in bytes.
PAGE_LIMIT = 1 << 20
_OVERHEAD = 26

_Raw = tuple[int, int, bytes]  # start, end, the line without its newline

_RECORD = struct.Struct("<QQ")
_BLOCK = 1 << 20


class LogEvent(NamedTuple):
    """One line; ``time`` in epoch milliseconds, ``offset`` of its first byte in the log."""

    time: int
    offset: int
    message: str


class Page(NamedTuple):
    """Events in order, and the offsets at which the first begins and the last has ended."""

    events: list[LogEvent]
    start: int
    end: int


class TimesWriter:
    """Writes arrival records; one writer a log."""

    def __init__(self, log: Path) -> None:
        path = _times(log)
        path.touch()
        with _Times(log) as times:
            self._known = times.all()
        self._count = len(self._known)
        self._time, self._end = self._known[-1] if self._known else (-1, 0)
        self._file = path.open("r+b", buffering=0)

    def arrivals(self, offset: int, data: bytes, time: float) -> Iterator[tuple[bytes, float]]:
        """``data`` in the pieces in which it came, each with its time in epoch seconds.

        What an earlier writer marked came when it said so, all else at ``time``.
        """
        while data and self._known and offset < self._known[-1][1]:
            index = bisect_right(self._known, offset, key=lambda record: record[1])
            came, end = self._known[index]
            piece = data[: end - offset]
            yield piece, came / 1000
            data = data[len(piece) :]
            offset += len(piece)
        if data:
            yield data, time

    def mark(self, end: int, time: float) -> None:
        """Bytes up to ``end`` have come by ``time`` (epoch seconds).

        Bytes that an earlier writer marked keep their time. When the clock was set back, the time
        stands still until it is caught up with.
        """
        if end <= self._end:
            return
        milliseconds = int(time * 1000)
        if milliseconds > self._time:
            self._time = milliseconds
            self._count += 1
        self._end = end
        record = _RECORD.pack(self._time, end)
        os.pwrite(self._file.fileno(), record, (self._count - 1) * _RECORD.size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Log:
    """A host's log, open for reading from any place. A context manager.

    Without ``ended`` it is read up to the last whole line whose time is known. ``end`` is where
    that is.

    Raises:
        FileNotFoundError: nothing was printed yet.
    """

    def __init__(self, path: Path, *, ended: bool) -> None:
        self._file = path.open("rb", buffering=0)
        self._times = _Times(path)
        size = os.fstat(self._file.fileno()).st_size
        if ended:
            self.end = size
        else:
            self.end = self._whole(min(size, self._times[-1][1]) if len(self._times) else 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._times.close()
        self._file.close()

    def forward(
        self, start: int, stop: int | None = None, *, count: int = 10_000, size: int = PAGE_LIMIT
    ) -> Page:
        """Events from the offset ``start`` on, up to ``stop``: at most ``count``, ``size`` bytes.

        Both offsets are those of events or of pages.
        """
        stop = self.end if stop is None else min(stop, self.end)
        return self._page(_first(self._ahead(start, stop, _step(count)), count, size), start)

    def backward(
        self, stop: int, start: int = 0, *, count: int = 10_000, size: int = PAGE_LIMIT
    ) -> Page:
        """The last events before the offset ``stop``, not before ``start``; in order."""
        stop = min(stop, self.end)
        taken = _first(self._back(start, stop, _step(count)), count, size)
        return self._page(taken[::-1], stop)

    def since(self, time: int) -> int:
        """The offset of the first event at or after ``time`` (epoch milliseconds)."""
        index = bisect_left(self._times, time, key=itemgetter(0))
        if index == 0 and (len(self._times) or time <= 0):
            return 0
        if index == len(self._times):
            return self.end
        return min(self._event_at(self._times[index - 1][1]), self.end)

    def begin(self, offset: int) -> int:
        """Where the event begins that holds the byte at ``offset``; the end is a place too."""
        return offset if offset >= self.end else self._event_at(offset)

    def _page(self, taken: list[_Raw], at: int) -> Page:
        if not taken:
            return Page([], at, at)
        times = self._times.of([end for _, end, _ in taken])
        events = [
            LogEvent(time, start, line.decode("utf-8", "replace"))
            for time, (start, _, line) in zip(times, taken, strict=True)
        ]
        return Page(events, taken[0][0], taken[-1][1])

    def _ahead(self, start: int, stop: int, step: int) -> Iterator[_Raw]:
        while start < stop:
            data = self._read(start, min(start + step, stop))
            if len(data) == step and b"\n" not in data:
                data = self._read(start, min(start + EVENT_LIMIT + 1, stop))
            if not data:
                return
            for event in _cut(data, start, whole=start + len(data) >= stop):
                start = event[1]
                yield event

    def _back(self, start: int, stop: int, step: int) -> Iterator[_Raw]:
        while start < stop:
            low = start if stop - start <= step else self._event_at(stop - step)
            yield from reversed(list(_cut(self._read(low, stop), low, whole=True)))
            stop = low

    def _whole(self, size: int) -> int:
        """Where the last event ends that is complete when the log is ``size`` bytes long."""
        line = self._line_at(size)
        return line + max(0, size - line - 1) // EVENT_LIMIT * EVENT_LIMIT

    def _event_at(self, offset: int) -> int:
        """Where the event begins that holds the byte at ``offset``."""
        line = self._line_at(offset)
        pieces, rest = divmod(offset - line, EVENT_LIMIT)
        if pieces and not rest and self._read(offset, offset + 1) in (b"\n", b""):
            pieces -= 1  # the newline belongs to the piece before it
        return line + pieces * EVENT_LIMIT

    def _line_at(self, offset: int) -> int:
        """Where the line begins that holds the byte at ``offset``."""
        high, block = offset, 4096
        while high > 0:
            low = max(0, high - block)
            newline = self._read(low, high).rfind(b"\n")
            if newline >= 0:
                return low + newline + 1
            high, block = low, _BLOCK
        return 0

    def _read(self, start: int, stop: int) -> bytes:
        return os.pread(self._file.fileno(), stop - start, start) if stop > start else b""


class _Times:
    """The arrival records of a log, as many as there are now, read where they lie."""

    def __init__(self, log: Path) -> None:
        try:
            self._file = _times(log).open("rb", buffering=0)
        except FileNotFoundError:
            self._count = 0
        else:
            self._count = os.fstat(self._file.fileno()).st_size // _RECORD.size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[int, int]:
        return self._read(index % self._count, 1)[0]

    def all(self) -> list[tuple[int, int]]:
        """Every record."""
        return self._read(0, self._count) if self._count else []

    def of(self, ends: list[int]) -> Iterator[int]:
        """The times of events that end at these offsets, which ascend."""
        if self._count == 0:
            yield from [0] * len(ends)
            return
        first = bisect_left(self, ends[0], key=itemgetter(1))
        last = bisect_left(self, ends[-1], first, key=itemgetter(1))
        # What nobody marked has the last time there is.
        records = self._read(min(first, self._count - 1), last + 1 - first)
        index, final = 0, len(records) - 1
        for end in ends:
            while records[index][1] < end and index < final:
                index += 1
            yield records[index][0]

    def _read(self, start: int, count: int) -> list[tuple[int, int]]:
        data = os.pread(self._file.fileno(), count * _RECORD.size, start * _RECORD.size)
        return list(_RECORD.iter_unpack(data[: len(data) // _RECORD.size * _RECORD.size]))


def events(log: Path) -> Iterator[LogEvent]:
    """All lines with their times; an unfinished last line counts as one too."""
    try:
        file = Log(log, ended=True)
    except FileNotFoundError:
        return
    with file:
        page = file.forward(0)
        while page.events:
            yield from page.events
            page = file.forward(page.end)


def move_log(log: Path, target: Path) -> None:
    """Move a log that is complete, with its times; who has it open reads on."""
    if _times(log).exists():
        _times(log).replace(_times(target))
    log.replace(target)


def _step(count: int) -> int:
    """What to read for so many events of the usual length, in bytes."""
    return min(max(4096, count * 64), _BLOCK)


def _first(events: Iterator[_Raw], count: int, size: int) -> list[_Raw]:
    """At most ``count`` of them and ``size`` bytes, but one at least."""
    taken: list[_Raw] = []
    for event in events:
        size -= len(event[2]) + _OVERHEAD
        if taken and size < 0:
            break
        taken.append(event)
        if len(taken) == count:
            break
    return taken


def _cut(data: bytes, start: int, *, whole: bool) -> Iterator[_Raw]:
    """Lines as (start, end, bytes without newline).

    ``whole``: what stands behind the last newline is a line too.
    """
    *lines, rest = data.split(b"\n")
    for line in lines:
        end = start + len(line) + 1
        if len(line) <= EVENT_LIMIT:
            yield start, end, line
        else:
            *pieces, (place, last) = _pieces(start, line)
            for first, piece in pieces:
                yield first, first + EVENT_LIMIT, piece
            yield place, end, last
        start = end
    pieces = _pieces(start, rest) if rest else []
    for first, piece in pieces if whole else pieces[:-1]:
        yield first, first + len(piece), piece


def _pieces(start: int, line: bytes) -> list[tuple[int, bytes]]:
    if len(line) <= EVENT_LIMIT:
        return [(start, line)]
    return [(start + i, line[i : i + EVENT_LIMIT]) for i in range(0, len(line), EVENT_LIMIT)]


def _times(log: Path) -> Path:
    return log.with_name(log.name + ".times")
