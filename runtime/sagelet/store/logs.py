"""Logs as plain files: the bytes a host printed, and beside them when they came.

``log`` holds exactly what the host wrote, in order; ``log.times`` holds one fixed-size record a
batch: arrival time in epoch milliseconds and the offset at which the batch starts. Lines are
split at newlines only; a line longer than CloudWatch's event limit comes in several pieces.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: CloudWatch's largest event, in bytes.
EVENT_LIMIT = 262144 - 26

_RECORD = struct.Struct("<QQ")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line; ``time`` in epoch milliseconds, ``offset`` of its first byte in the log."""

    time: int
    offset: int
    message: str


class TimesWriter:
    """Appends arrival records; a new record only when the millisecond changed."""

    def __init__(self, log: Path) -> None:
        self._times, self._offsets = _read_times(log)
        self._known = self._offsets[-1] if self._offsets else -1
        self._file = _times(log).open("ab", buffering=0)
        # A record cut short would shift the rest.
        self._file.truncate(len(self._offsets) * _RECORD.size)
        self._last = -1

    def arrivals(self, offset: int, data: bytes, time: float) -> Iterator[tuple[bytes, float]]:
        """``data`` in the pieces in which it came, each with its time in epoch seconds.

        What an earlier writer marked came when it said so, all else at ``time``.
        """
        while data and offset <= self._known:
            following = bisect_right(self._offsets, offset)
            here = max(following - 1, 0)
            end = offset + len(data)
            if following < len(self._offsets):
                end = self._offsets[following]
            piece = data[: end - offset]
            yield piece, self._times[here] / 1000
            data = data[len(piece) :]
            offset += len(piece)
        if data:
            yield data, time

    def mark(self, offset: int, time: float) -> None:
        """Bytes from ``offset`` on arrived at ``time`` (epoch seconds).

        Bytes that an earlier writer marked keep their time.
        """
        milliseconds = int(time * 1000)
        if milliseconds != self._last and offset > self._known:
            self._last = milliseconds
            self._file.write(_RECORD.pack(milliseconds, offset))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class LogReader:
    """Reads a host's log as lines; keeps its place, so that it can follow a growing file."""

    def __init__(self, log: Path) -> None:
        self.path = log
        self.offset = 0
        self._pending = b""

    def read(self, *, end: bool = False) -> list[tuple[int, bytes]]:
        """Whole lines that are there now, as (offset, bytes without newline).

        With ``end`` the unfinished last line counts as a line too.
        """
        lines: list[tuple[int, bytes]] = []
        for block in self._blocks():
            data = self._pending + block
            start = self.offset - len(self._pending)
            self.offset += len(block)
            *whole, self._pending = data.split(b"\n")
            for line in whole:
                lines += _pieces(start, line)
                start += len(line) + 1
            while len(self._pending) > EVENT_LIMIT:
                lines.append((start, self._pending[:EVENT_LIMIT]))
                self._pending = self._pending[EVENT_LIMIT:]
                start += EVENT_LIMIT
        if end and self._pending:
            lines.append((self.offset - len(self._pending), self._pending))
            self._pending = b""
        return lines

    @property
    def unfinished(self) -> bytes:
        """What stands behind the last newline so far."""
        return self._pending

    def _blocks(self) -> Iterator[bytes]:
        """At most a few blocks, so that the caller gets its turn."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                for _ in range(4):
                    block = file.read(_BLOCK)
                    if not block:
                        return
                    yield block
        except FileNotFoundError:
            return


def events(log: Path) -> Iterator[LogEvent]:
    """All lines with their times."""
    times, offsets = _read_times(log)
    reader = LogReader(log)
    while True:
        lines = reader.read()
        if not lines and reader.offset >= _size(log):
            lines = reader.read(end=True)
            yield from _events(lines, times, offsets)
            return
        yield from _events(lines, times, offsets)


def _events(
    lines: list[tuple[int, bytes]], times: list[int], offsets: list[int]
) -> Iterator[LogEvent]:
    for offset, line in lines:
        index = bisect_right(offsets, offset) - 1
        time = times[max(index, 0)] if times else 0
        yield LogEvent(time, offset, line.decode("utf-8", "replace"))


def _pieces(start: int, line: bytes) -> list[tuple[int, bytes]]:
    if len(line) <= EVENT_LIMIT:
        return [(start, line)]
    return [(start + i, line[i : i + EVENT_LIMIT]) for i in range(0, len(line), EVENT_LIMIT)]


def _times(log: Path) -> Path:
    return log.with_name(log.name + ".times")


def _read_times(log: Path) -> tuple[list[int], list[int]]:
    try:
        data = _times(log).read_bytes()
    except FileNotFoundError:
        return [], []
    data = data[: len(data) // _RECORD.size * _RECORD.size]
    records = list(_RECORD.iter_unpack(data))
    return [time for time, _ in records], [offset for _, offset in records]


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0
