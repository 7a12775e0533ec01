"""The feeder: fills the pipes of one host's Pipe channels, and outlives whoever started it.

Standard library only, like the shim. For every epoch a channel has a pipe, ``<channel>_<epoch>``
in /opt/ml/input/data; the next ones are there before somebody wants them, so that a reader may
leave an epoch early, or out. A pipe is filled as soon as it is opened, and its name goes when the
reader has all of it or has left.

The feeder ends when the host has ended, and then says so in ``fed.json``. What it cannot stream
it says there at once; it keeps the pipe open then, for its end would look like the data's.
It holds a lock on ``feeder.lock`` as long as it lives.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import zlib
from array import array

from sagelet.domain.dealing import deal, order
from sagelet.domain.pipes import parts_of, pipe_name
from sagelet.domain.recordio import frames
from sagelet.execution.pouring import Bad, copy, unpacked, write_all
from sagelet.execution.shim import write_json

TYPE_CHECKING = False  # typing itself takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

#: Pipes made ahead of the last one that was opened.
AHEAD = 2

#: Pipes that nobody opened are given up when one so much later is opened.
BEHIND = 16

#: What an unprivileged process may ask for, in bytes.
_PIPE_SIZE = 1 << 20

#: Files up to this size are written in one piece with what frames them, in bytes.
_SMALL = 64 << 10

#: How much of a packed record is held, so that it need not be unpacked twice, in bytes.
_HELD = 16 << 20


def main(spec_path: str, lock: int) -> None:
    """Feed the host of a shim, until the shim's lock is free."""
    feed(spec_path, lock, _wait_for_lock)


def _wait_for_lock(until: Mapping[str, Any]) -> None:
    try:
        with open(until["lock"], "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        pass


def feed(spec_path: str, lock: int, wait: Callable[[Mapping[str, Any]], None]) -> None:
    """Feed the host that ``spec_path`` (feeder.json) describes until ``wait`` returns."""
    os.set_inheritable(lock, False)
    with open(spec_path, encoding="utf-8") as file:
        spec = json.load(file)
    folder = spec["folder"]
    write_json(os.path.join(folder, "feeder.pid.part"), {"pid": os.getpid()})
    if os.path.exists(os.path.join(folder, "feeder.stop")):
        return
    record = _Record(os.path.join(folder, "fed.json"))
    threading.stack_size(256 << 10)
    for document in spec["pipes"]:
        try:
            pipes = _open_below(os.path.join(folder, "ml"), document["folder"].split("/"))
            _Channel(document, pipes, record).start()
        except Exception as error:
            record.write(f"channel '{document['channel']}': {_said(error)}")
    wait(spec["until"])
    record.write(None)


def _open_below(root: str, parts: list[str]) -> int:
    """A folder, held open: a job that puts a link in its place leads nobody elsewhere."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    found = os.open(root, flags)
    for part in parts:
        within = found
        found = os.open(part, flags, dir_fd=within)
        os.close(within)
    return found


class _Record:
    """Why feeding ended, written once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = False
        write_json(f"{path}.part", {"error": None}, rename=False)  # for a full disk

    def write(self, error: str | None) -> None:
        with self._lock:
            if not self._written:
                write_json(f"{self._path}.part", {"error": error and error[:2000]})
                self._written = True


class _Channel:
    """One channel; a thread waits for the reader of each of its pipes."""

    def __init__(self, document: Mapping[str, Any], pipes: int, record: _Record) -> None:
        self._name: str = document["name"] or document["channel"]
        self._channel: str = document["channel"]
        self._share = (document["number"], document["hosts"])
        self._seed: int | None = document["seed"]
        self._gzipped: bool = document["gzipped"]
        self._wrapped: bool = document["wrapped"]
        self._folder = os.path.dirname(document["index"])
        self._index = Index(document["index"])
        self._pipes = pipes
        self._record = record
        self._turn = threading.Lock()
        self._made = 0
        self._waiting: dict[int, int] = {}

    def start(self) -> None:
        """Make the first pipes and wait for their readers, in threads."""
        self._make_until(AHEAD - 1)

    def _make_until(self, last: int) -> None:
        with self._turn:
            while self._made <= last:
                held = self._make(pipe_name(self._name, self._made))
                self._waiting[self._made] = held
                threading.Thread(target=self._serve, args=(self._made, held), daemon=True).start()
                self._made += 1

    def _make(self, name: str) -> int:
        """Make a pipe; a descriptor that means it, whatever its name will."""
        try:
            os.mkfifo(name, dir_fd=self._pipes)
        except FileExistsError:
            pass
        held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._pipes)
        if os.fstat(held).st_mode & 0o170000 != 0o010000:
            os.close(held)
            raise Bad(f"something else is in the place of the pipe {name}")
        os.chmod(f"/proc/self/fd/{held}", 0o666)  # an image's program need not run as root
        return held

    def _serve(self, epoch: int, held: int) -> None:
        try:
            writer = os.open(f"/proc/self/fd/{held}", os.O_WRONLY | os.O_CLOEXEC)  # a reader came
            with self._turn:
                self._waiting.pop(epoch, None)
                os.close(held)
            self._make_until(epoch + AHEAD)
            self._give_up_before(epoch - BEHIND)
            try:
                self._write_epoch(epoch, writer)
            except BrokenPipeError:
                pass  # the reader left
            try:
                os.unlink(pipe_name(self._name, epoch), dir_fd=self._pipes)
            except FileNotFoundError:
                pass
            os.close(writer)
        except Exception as error:
            self._record.write(f"channel '{self._channel}': {_said(error)}")

    def _give_up_before(self, first: int) -> None:
        """Let go of older pipes that nobody opened: a reader that leaves at once ends them."""
        with self._turn:
            for epoch in [epoch for epoch in self._waiting if epoch < first]:
                held = self._waiting.pop(epoch)
                os.close(os.open(f"/proc/self/fd/{held}", os.O_RDONLY | os.O_NONBLOCK))

    def _write_epoch(self, epoch: int, writer: int) -> None:
        try:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        except OSError:
            pass  # the user has many pipes; a smaller one is slower
        for place in deal(order(len(self._index), self._seed, epoch), *self._share):
            for part in parts_of(self._index.line(place)):
                self._write_part(part, writer)

    def _write_part(self, part: list[str], writer: int) -> None:
        if len(part) == 1:
            self._write_bytes(part[0].encode("utf-8", "surrogatepass"), writer)
            return
        path, name = part
        try:
            source = os.open(os.path.join(self._folder, path), os.O_RDONLY | os.O_CLOEXEC)
            try:
                if self._gzipped:
                    self._write_unpacked(source, writer)
                else:
                    self._write_file(source, writer)
            finally:
                os.close(source)
        except BrokenPipeError:
            raise
        except zlib.error as error:
            raise Bad(
                f"{name} is not gzip ({error}), but the channel's CompressionType is Gzip"
            ) from None
        except (OSError, Bad) as error:
            raise Bad(f"{name}: {_said(error)}") from None

    def _write_file(self, source: int, writer: int) -> None:
        size = os.fstat(source).st_size
        if size <= _SMALL:
            self._write_bytes(os.read(source, size), writer)
        elif self._wrapped:
            for header, length, padding in frames(size):
                write_all(writer, header)
                copy(source, writer, length)
                write_all(writer, padding)
        else:
            copy(source, writer, size)

    def _write_unpacked(self, source: int, writer: int) -> None:
        pieces = unpacked(source)
        if not self._wrapped:
            for piece in pieces:
                write_all(writer, piece)
            return
        # The length comes first: what is too long to hold is unpacked twice.
        held, size = [], 0
        for piece in pieces:
            size += len(piece)
            if size <= _HELD:
                held.append(piece)
            else:
                held.clear()
        if size <= _HELD:
            self._write_bytes(b"".join(held), writer)
            return
        os.lseek(source, 0, os.SEEK_SET)
        pieces, rest = unpacked(source), b""
        for header, length, padding in frames(size):
            write_all(writer, header)
            left = length
            while left:
                rest = rest or next(pieces)
                write_all(writer, rest[:left])
                left, rest = left - min(left, len(rest)), rest[left:]
            write_all(writer, padding)

    def _write_bytes(self, data: bytes, writer: int) -> None:
        if self._wrapped:
            data = b"".join(
                header + data[at : at + length] + padding
                for at, header, length, padding in _at(data)
            )
        write_all(writer, data)


def _at(data: bytes) -> Iterator[tuple[int, bytes, int, bytes]]:
    at = 0
    for header, length, padding in frames(len(data)):
        yield at, header, length, padding
        at += length


class Index:
    """The lines of an index, each found at once; what stands in them stays on disk."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._starts = array("Q", [0])
        with open(path, "rb") as lines:
            for line in lines:
                self._starts.append(self._starts[-1] + len(line))

    def __len__(self) -> int:
        """The number of items."""
        return len(self._starts) - 1

    def line(self, place: int) -> bytes:
        """One item's line."""
        start = self._starts[place]
        return os.pread(self._file, self._starts[place + 1] - start, start)


def _said(error: Exception) -> str:
    if isinstance(error, Bad):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
