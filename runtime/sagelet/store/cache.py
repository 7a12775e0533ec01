"""Files that can be had again, kept while there is room: least recently used go first.

A file is given out as a hard link, so taking its name out of the cache takes nothing from whoever
has it; as that frees no space, files in use stay. Several processes may share one cache.
"""

import hashlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

#: The default bound, in bytes.
LIMIT = 20 << 30

#: How long a file may take to be made, in seconds; then it is what a crash left.
_UNFINISHED = 86400.0

#: When the bound is passed, this part of it is kept.
_KEEP = 0.9


class Cache:
    """The files under ``folder``, of ``limit`` bytes together."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder = folder
        self._limit = limit
        self._size: int | None = None
        self._lock = threading.Lock()

    def give(self, name: str, size: int, target: Path, make: Callable[[Path], None]) -> None:
        """Make ``target`` the file called ``name``; ``make`` writes it where it is not there yet.

        ``size`` in bytes, as expected; what is larger than the cache is not kept.

        Raises:
            OSError: it cannot be written.
        """
        if size > self._limit:
            try:
                make(target)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
            return
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        place = self._folder / digest[:2] / digest
        if self._link(place, target):
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{uuid.uuid4().hex}")
        try:
            make(part)
            part.chmod(0o444)
            if not self._link(part, target):
                raise FileNotFoundError(2, "vanished from the cache", str(part))
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        self._grow(size)

    @staticmethod
    def _link(place: Path, target: Path) -> bool:
        try:
            # The time of use; that of change belongs to the file under all its names.
            os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))
            os.link(place, target)
        except FileNotFoundError:
            if target.parent.is_dir():
                return False
            raise
        except FileExistsError:
            raise
        except OSError:  # another file system, too many links
            shutil.copyfile(place, target)
        return True

    def _grow(self, size: int) -> None:
        with self._lock:
            if self._size is None:
                self._size = sum(status.st_size for _, status in self._files())
            else:
                self._size += size
            if self._size > self._limit:
                self._size = self._shrink()

    def _shrink(self) -> int:
        """Take out what was not used for longest; the size that is left, in bytes."""
        files = sorted(self._files(), key=lambda file: file[1].st_atime_ns)
        size = sum(status.st_size for _, status in files)
        for path, status in files:
            if size <= self._limit * _KEEP:
                break
            unfinished = path.name.startswith(".") and status.st_mtime > time.time() - _UNFINISHED
            if status.st_nlink == 1 and not unfinished:
                with suppress(OSError):
                    path.unlink()
                    size -= status.st_size
        return size

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder in self._folder.glob("??"):
            for entry in os.scandir(folder):
                with suppress(FileNotFoundError):
                    yield Path(entry.path), entry.stat(follow_symlinks=False)
