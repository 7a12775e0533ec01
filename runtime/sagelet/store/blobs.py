"""The bytes of objects: immutable files of unique names. What they belong to, the index knows.

A draft is written under ``incoming/``, gets its place in ``<xx>/`` as a second name, and loses the
first once the index names it. So what a crash left over is found by looking at ``incoming/`` only.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: How much is read or written at once, in bytes.
PIECE = 1 << 20


class Blobs:
    """The files under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"

    def draft(self) -> "Draft":
        """A new, empty file to write to.

        Raises:
            OSError: it cannot be made.
        """
        name = uuid.uuid4().hex
        self._incoming.mkdir(parents=True, exist_ok=True)
        path = self._incoming / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return Draft(self, name, os.open(path, flags, 0o600))

    def adopt(self, source: Path) -> "Draft":
        """The file ``source`` as a draft: a hard link to it, where that can be, else a copy.

        Raises:
            OSError: it cannot be read, or the draft not be made.
        """
        real = source.resolve(strict=True)
        name = uuid.uuid4().hex
        self._incoming.mkdir(parents=True, exist_ok=True)
        path = self._incoming / name
        try:
            os.link(real, path)
            path.chmod(0o444)
        except OSError:  # another file system, another owner, too many links
            path.unlink(missing_ok=True)
            draft = self.draft()
            try:
                with real.open("rb") as file:
                    while piece := file.read(PIECE):
                        draft.write(piece)
            except BaseException:
                draft.discard()
                raise
            return draft
        return Draft(self, name, os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def path(self, name: str) -> Path:
        """Where the file lies."""
        return self._root / name[:2] / name

    def open(self, name: str) -> int:
        """A descriptor to read from.

        Raises:
            FileNotFoundError: it was deleted.
        """
        return os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC)

    def link(self, name: str, target: Path) -> None:
        """Make ``target`` a name of the file; a copy where that cannot be.

        Raises:
            FileNotFoundError: it was deleted.
            OSError: ``target`` cannot be made.
        """
        source = self.path(name)
        try:
            os.link(source, target)
        except (FileNotFoundError, FileExistsError):
            raise
        except OSError:  # another file system, too many links
            shutil.copyfile(source, target)

    def copy(self, name: str, draft: "Draft") -> None:
        """Append the file to a draft.

        Raises:
            FileNotFoundError: it was deleted.
            OSError: it cannot be read, or the draft not be written.
        """
        descriptor = self.open(name)
        try:
            draft.append(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Delete the file, if it is there. Other links and open descriptors keep their bytes."""
        self.path(name).unlink(missing_ok=True)

    def boot(self) -> str | None:
        """What was noted last by ``note_boot``."""
        try:
            return (self._root / "boot").read_text()
        except FileNotFoundError:
            return None

    def note_boot(self, name: str) -> None:
        """Remember during which boot of the machine files were written that are not flushed."""
        self._root.mkdir(parents=True, exist_ok=True)
        part = self._root / ".boot.part"
        part.write_text(name)
        part.replace(self._root / "boot")

    def drafts(self) -> list[str]:
        """Names of drafts neither settled nor discarded."""
        with suppress(FileNotFoundError):
            return [path.name for path in self._incoming.iterdir()]
        return []

    def settle(self, name: str) -> None:
        """Take the draft's first name from it: the index names it now."""
        (self._incoming / name).unlink(missing_ok=True)

    def place(self, name: str) -> None:
        """Give a draft its place, as a second name."""
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(self._incoming / name, target)


class Draft:
    """A file being written. ``size``: bytes so far. End it by ``keep`` or ``discard``."""

    def __init__(self, blobs: Blobs, name: str, descriptor: int) -> None:
        self._blobs = blobs
        self.name = name
        self._descriptor = descriptor

    @property
    def size(self) -> int:
        """Bytes so far."""
        return os.fstat(self._descriptor).st_size

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append.

        Raises:
            OSError: the disk is full, say.
        """
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def append(self, source: int) -> None:
        """Append all that the descriptor ``source`` has, inside the kernel where that can be.

        Raises:
            OSError: it cannot be read or written.
        """
        offset, size = 0, os.fstat(source).st_size
        try:
            while offset < size:
                copied = os.copy_file_range(source, self._descriptor, size - offset, offset)
                if not copied:
                    break
                offset += copied
        except OSError:
            if offset:
                raise
        for piece in read_pieces(source, offset, size - offset):
            self.write(piece)

    def flush(self) -> None:
        """Put what was written so far on the disk: less is left to do at the end.

        Raises:
            OSError: the disk is full or broken.
        """
        os.fdatasync(self._descriptor)

    def keep(self, *, durable: bool = True) -> None:
        """Put the bytes on the disk, for good, in their place.

        What is not ``durable`` may be lost with the machine's power, but not with this process.

        The place is named before the one fsync: the journals of Linux's file systems write that
        name no later than the file they are told to keep.

        Raises:
            OSError: the disk is full or broken; the draft is discarded.
        """
        with suppress(PermissionError):  # a link to another owner's file
            os.fchmod(self._descriptor, 0o444)
        try:
            self._blobs.place(self.name)
            if durable:
                os.fsync(self._descriptor)
        except BaseException:
            self.discard()
            raise
        self._close()

    def settle(self) -> None:
        """The index names it now."""
        self._blobs.settle(self.name)

    def discard(self) -> None:
        """Delete it."""
        self._close()
        self._blobs.remove(self.name)
        self._blobs.settle(self.name)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_pieces(descriptor: int, start: int, length: int) -> Iterator[bytes]:
    """``length`` bytes of a file from ``start``, piece by piece.

    Raises:
        OSError: it cannot be read, or ends before.
    """
    end = start + length
    while start < end:
        piece = os.pread(descriptor, min(PIECE, end - start), start)
        if not piece:
            raise OSError("a file of the store is shorter than it must be")
        start += len(piece)
        yield piece
