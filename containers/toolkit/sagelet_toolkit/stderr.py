"""Keeps the end of what a child writes to stderr, so that a failure has a reason to show.

stdout is never touched where it is a file of its own: it is inherited, its lines cost nothing.
stderr to a regular file is inherited too and its end read back afterwards; any other stderr is a
pipe copied byte for byte. Only if both are one pipe are both copied: else their order would change.
"""

from __future__ import annotations

import os
import select

KEPT = 64 * 1024
CHUNK = 64 * 1024
STDOUT, STDERR = 1, 2


class FileEnd:
    """Stderr is a regular file: the child writes to it directly, and we read its end later."""

    fd = -1  # nothing to poll
    closed = True

    def __init__(self, readable: int) -> None:
        self._readable = readable
        self._start = os.fstat(readable).st_size

    def file_actions(self) -> list[tuple[int, ...]]:
        """The child inherits its streams as they are."""
        return []

    def started(self) -> None:
        """Nothing of ours is left to close once the child runs."""

    def begin(self) -> None:
        """What was written before now is not the script's."""
        self._start = os.fstat(self._readable).st_size

    def copy(self) -> None:
        """Nothing passes here."""

    def drain(self) -> None:
        """Nothing is in flight."""

    def finish(self) -> bytes:
        """Return the end of what was written since the child started."""
        size = os.fstat(self._readable).st_size
        start = self._start if size >= self._start else 0  # truncated meanwhile
        data = os.pread(self._readable, KEPT, max(start, size - KEPT))
        os.close(self._readable)
        return data


class Copy:
    """Stderr is a pipe of ours: each byte goes on to the real one, the last ones are kept."""

    def __init__(self, streams: list[int], to: int = STDERR) -> None:
        self._streams = streams
        self._to = to
        self.fd, self._child_end = os.pipe()
        os.set_blocking(self.fd, False)
        self._kept = bytearray()
        self.closed = False

    def file_actions(self) -> list[tuple[int, ...]]:
        """Put our pipe in the place of the child's streams."""
        return [(os.POSIX_SPAWN_DUP2, self._child_end, stream) for stream in self._streams]

    def started(self) -> None:
        """Leave the writing end to the child alone, so that its end is seen."""
        os.close(self._child_end)

    def begin(self) -> None:
        """What was written before now is not the script's."""
        self._kept.clear()

    def copy(self) -> None:
        """Pass on what is there now, at most one chunk."""
        if not self.closed:
            self._copy_chunk()

    def drain(self) -> None:
        """Pass on all that is in flight, without waiting for more."""
        while not self.closed and self._copy_chunk():
            pass

    def finish(self) -> bytes:
        """Stop copying; return the last bytes."""
        if not self.closed:
            self._close()
        return bytes(self._kept[-KEPT:])

    def _copy_chunk(self) -> bool:
        try:
            data = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close()
            return False
        self.take(data)
        return True

    def take(self, data: bytes) -> None:
        """Keep what the child wrote, and pass it on."""
        self._kept += data
        if len(self._kept) > 2 * KEPT:
            del self._kept[:-KEPT]
        view = memoryview(data)
        try:
            while view:
                view = view[_write_some(view, self._to) :]
        except OSError:  # its reader is gone: let the child see that as it would without us
            self._close()

    def _close(self) -> None:
        os.close(self.fd)
        self.closed = True


def _write_some(view: memoryview, to: int) -> int:
    try:
        return os.write(to, view)
    except BlockingIOError:  # somebody made the shared stream non-blocking
        waiting = select.poll()
        waiting.register(to, select.POLLOUT)
        waiting.poll()
        return 0


def watch() -> FileEnd | Copy:
    """Choose how the end of stderr is kept, for one child."""
    error = os.fstat(STDERR)
    if error.st_mode & 0o170000 == 0o100000:  # a regular file; the `stat` module has the names
        try:
            return FileEnd(os.open(f"/proc/self/fd/{STDERR}", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:  # not ours to read
            pass
    output = os.fstat(STDOUT)
    together = (output.st_dev, output.st_ino) == (error.st_dev, error.st_ino)
    return Copy([STDOUT, STDERR] if together else [STDERR])
