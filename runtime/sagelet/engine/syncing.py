"""A folder that a job writes to, kept in step in S3 while it runs.

What S3 holds of the folder, and since which state of each file, is remembered in a file beside it,
so that another process can go on. Objects that others put under the prefix are left alone.
"""

import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sagelet.domain.channels import Location, below
from sagelet.domain.errors import DomainError, HostFault
from sagelet.domain.failure import LIMIT

#: Between two looks at the folder, in seconds.
PAUSE = 5.0

#: A file's size in bytes and its time of change in ns: as long as both stay, so does the content.
Mark = tuple[int, int]

#: A file changed this shortly before it was read, in ns, may change again with the same time.
_TICK = 50_000_000
_UNSETTLED = (-1, 0)

#: How often a file that changes while it is read is read again at the end.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Way:
    """What is synced: ``what`` names it in messages, ``deletions`` says whether those count too.

    ``folder`` gives the folder, or None when it is not there (or is none of the job's own).
    ``state`` and ``part`` are files to work with. Folders named in ``skipped`` are left out.
    """

    what: str
    location: Location
    folder: Callable[[], Path | None]
    state: Path
    part: Path
    deletions: bool = True
    skipped: tuple[str, ...] = ()


class Receiver(Protocol):
    """What a folder's files are brought to; an ObjectStore is one."""

    def put(self, bucket: str, key: str, source: Path) -> None:
        """Store the file ``source``, which is nobody else's, under ``key``."""

    def delete(self, bucket: str, key: str) -> None:
        """Delete what is stored under ``key``, if anything."""


class FolderSync:
    """One folder. ``begin`` first; then ``start`` and ``finish``, or ``sync``."""

    def __init__(self, way: Way, receiver: Receiver) -> None:
        self._way = way
        self._receiver = receiver
        self._marks: dict[str, Mark] | None = None
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def forget(self) -> None:
        """Until ``begin``, nothing is brought to S3."""
        self._way.state.unlink(missing_ok=True)
        self._marks = None

    def begin(self) -> None:
        """S3 holds what is in the folder now."""
        folder = self._way.folder()
        self._marks = {n: m for n, m, _ in self._files(folder, lambda _: None)} if folder else {}
        self._remember(self._marks)

    def start(self, note: Callable[[str], None], pause: float = PAUSE) -> None:
        """Sync every ``pause`` seconds in a thread; what goes wrong is noted, once, and retried."""

        def work() -> None:
            noted = ""
            while not self._over.wait(pause):
                try:
                    self.sync()
                    noted = ""
                except Exception as error:  # noqa: BLE001 - the job goes on without
                    if str(error) != noted:
                        noted = str(error)
                        note(noted)

        self._thread = threading.Thread(target=work, name="sync", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Stop the thread, if any, and bring all that is left to S3. The hosts have ended.

        Raises:
            HostFault: something could not be brought there; it is still in the folder.
        """
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        for _ in range(_TRIES):
            if self.sync():
                return
        raise HostFault(f"ClientError: {self._way.what} upload failed: the files keep changing.")

    def sync(self) -> bool:
        """Bring what changed since the last time to S3, deletions too.

        Returns:
            Whether nothing changed while it was read, so that S3 holds all there is.

        Raises:
            HostFault: something could not be brought there; the rest was.
        """
        with self._turn:
            marks, folder = self._recall(), self._way.folder()
            # A folder that was never filled, or is gone, says nothing about what S3 should hold.
            return marks is None or folder is None or self._sync(marks, folder)

    def _sync(self, marks: dict[str, Mark], folder: Path) -> bool:
        before = dict(marks)
        problems: list[str] = []
        there, whole = set(), True
        try:
            for name, mark, opened in self._files(folder, problems.append):
                there.add(name)
                if marks.get(name) == mark:
                    continue
                try:
                    began = time.time_ns()
                    if self._upload(name, mark, opened):
                        marks[name] = mark if began - mark[1] > _TICK else _UNSETTLED
                    else:
                        whole = False
                except (OSError, DomainError) as error:
                    problems.append(f"{name}: {error}")
            gone = marks.keys() - there if self._way.deletions and not problems else ()
            for name in gone:
                self._receiver.delete(
                    self._way.location.bucket, below(self._way.location, name).key
                )
                del marks[name]
        except (OSError, DomainError) as error:
            problems.append(str(error))
        finally:
            if marks != before:
                self._remember(marks)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise HostFault(
                f"ClientError: {self._way.what} upload failed: {self._way.location}: "
                f"{problems[0]}{more}"[:LIMIT]
            )
        return whole

    def _files(
        self, top: Path, problem: Callable[[str], None]
    ) -> Iterator[tuple[str, Mark, Callable[[], int]]]:
        """Every plain file: its name, its mark, and what opens it. No link is followed."""

        def failed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                problem(str(error))

        for root, folders, names, folder in os.fwalk(top, onerror=failed):
            folders[:] = [name for name in folders if name not in self._way.skipped]
            for name in names:
                try:
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if not stat.S_ISREG(status.st_mode):
                    continue
                path = str(Path(root, name).relative_to(top))
                try:
                    path.encode()
                except UnicodeEncodeError:
                    problem(f"{path!r} is not UTF-8, so it cannot be a key")
                    continue

                def opened(name: str = name, folder: int = folder) -> int:
                    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                    return os.open(name, flags, dir_fd=folder)

                yield path, (status.st_size, status.st_mtime_ns), opened

    def _upload(self, name: str, mark: Mark, opened: Callable[[], int]) -> bool:
        """Upload a copy of the file, unless it changed while it was copied."""
        self._way.part.unlink(missing_ok=True)
        try:
            with (
                os.fdopen(opened(), "rb") as source,
                self._way.part.open("xb") as copy,
            ):
                shutil.copyfileobj(source, copy, 1 << 20)
                status = os.fstat(source.fileno())
                copied = copy.tell()
            if (status.st_size, status.st_mtime_ns) != mark or copied != mark[0]:
                return False
            key = below(self._way.location, name).key
            self._receiver.put(self._way.location.bucket, key, self._way.part)
        except FileNotFoundError:
            return False
        finally:
            self._way.part.unlink(missing_ok=True)
        return True

    def _recall(self) -> dict[str, Mark] | None:
        if self._marks is None:
            with suppress(FileNotFoundError):
                stored = json.loads(self._way.state.read_text())
                self._marks = {name: (size, changed) for name, (size, changed) in stored.items()}
        return self._marks

    def _remember(self, marks: dict[str, Mark]) -> None:
        part = self._way.state.with_name(f".{self._way.state.name}.part")
        part.parent.mkdir(exist_ok=True)
        part.write_text(json.dumps(marks))
        part.replace(self._way.state)
