"""The attach stream of a container: frames apart, and lines kept whole when they are put together.

The engine reads stdout and stderr in chunks that end anywhere, so frames of one may arrive in the
middle of the other's line. No I/O and no clock here.
"""

import struct
from collections.abc import Iterator

STDOUT, STDERR = 1, 2

#: How long one stream waits for the other to end its line, in seconds, and how much of it.
HOLD = 0.3
HELD_LIMIT = 1 << 20

_HEADER = 8
_length = struct.Struct(">4xI").unpack_from


class Frames:
    """Cuts bytes into frames: an 8-byte header (stream, three zeros, length) and a payload."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames completed by ``chunk``; neighbours of one stream come as one."""
        data = self._pending + chunk
        parts: list[bytes] = []
        current, position, size = 0, 0, len(data)
        while size - position >= _HEADER:
            end = position + _HEADER + _length(data, position)[0]
            if end > size:
                break
            if data[position] != current and parts:
                yield current, b"".join(parts)
                parts = []
            current = data[position]
            parts.append(data[position + _HEADER : end])
            position = end
        self._pending = data[position:]
        if parts:
            yield current, b"".join(parts)


class Merge:
    """Puts two streams into one, whole lines where that takes no longer than HOLD.

    Every byte comes out once, each stream in its order.
    """

    def __init__(self) -> None:
        self._open = 0  # the stream whose unfinished line was given out last
        self._held = b""  # what the other one said since
        self._since = 0.0

    def feed(self, stream: int, data: bytes, now: float) -> bytes:
        """What may be written now that ``data`` has come."""
        if self._open and stream != self._open:
            if not self._held:
                self._since = now
            self._held += data
            return self.tick(now)
        if not self._held:
            self._open = 0 if data.endswith(b"\n") else stream
            return data
        cut = data.rfind(b"\n") + 1
        if not cut:
            return data + self.tick(now)
        whole, rest = data[:cut], data[cut:]
        held, self._held = self._held, b""
        if held.endswith(b"\n"):
            self._open = stream if rest else 0
            return whole + held + rest
        self._open = STDOUT + STDERR - stream
        self._held, self._since = rest, now
        return whole + held

    def tick(self, now: float) -> bytes:
        """What has waited long enough."""
        if self._held and (now - self._since > HOLD or len(self._held) > HELD_LIMIT):
            return self.flush()
        return b""

    def flush(self) -> bytes:
        """What is still held."""
        held, self._held = self._held, b""
        if held:
            self._open = 0 if held.endswith(b"\n") else STDOUT + STDERR - self._open
        return held
