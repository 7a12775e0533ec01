"""Checkpoints in S3: brought in before the job runs, kept in step with what it writes.

The job works in a folder of its own, never on the store's files. What was in S3 when it began, and
every change of it since (deletions too), is remembered in a file beside that folder, so that
another process can go on. Objects that others put under the prefix are left alone.
"""

import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from sagelet.domain.channels import Location, Unplaceable, below, lay_out, location_of
from sagelet.domain.errors import DomainError, HostFault
from sagelet.domain.failure import LIMIT
from sagelet.domain.training import TrainingJob
from sagelet.execution.backend import Cancelled, Progress
from sagelet.store.home import remove_tree
from sagelet.store.object_store import ObjectStore

#: Between two looks at the folder, in seconds.
PAUSE = 5.0

#: A file's size in bytes and its time of change in ns: as long as both stay, so does the content.
Mark = tuple[int, int]

#: A file changed this shortly before it was read, in ns, may change again with the same time.
_TICK = 50_000_000
_UNSETTLED = (-1, 0)

#: How often a file that changes while it is read is read again at the end.
_TRIES = 3


class Checkpoints:
    """The checkpoints of one job. ``restore`` first; then ``start`` and ``finish``, or ``sync``."""

    def __init__(self, location: Location, job_folder: Path, objects: ObjectStore) -> None:
        self._location = location
        self._folder = self.folder_in(job_folder)
        self._state = job_folder / "checkpoints.json"
        self._part = job_folder / ".checkpoint.part"
        self._objects = objects
        self._marks: dict[str, Mark] | None = None
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @staticmethod
    def folder_in(job_folder: Path) -> Path:
        """Where the job's checkpoints lie while it runs."""
        return job_folder / "checkpoints"

    @classmethod
    def of(cls, job: TrainingJob, job_folder: Path, objects: ObjectStore) -> "Checkpoints | None":
        """The job's checkpoints, if it keeps them in S3."""
        location = location_of(job.checkpoints[0]) if job.checkpoints else None
        return cls(location, job_folder, objects) if location else None

    def restore(self, progress: Progress) -> None:
        """Fill the folder with what is in S3; what an earlier try left is replaced.

        Raises:
            HostFault: an object cannot be had, or cannot be a file.
            OSError: the disk is full, say.
            Cancelled: told to stop.
        """
        self._state.unlink(missing_ok=True)  # until all is here, nothing may go back
        remove_tree(self._folder)
        self._folder.mkdir(parents=True)
        prefix = below(self._location, "").key
        try:
            found = {o.key: o for o in self._objects.list(self._location.bucket, prefix)}
            layout = lay_out(self._location.bucket, found, prefix)
            for path in ("", *layout.folders):
                (self._folder / path).mkdir(exist_ok=True)
                (self._folder / path).chmod(0o777)  # an image's program need not run as root
            for path, key in layout.files:
                if progress.cancelled():
                    raise Cancelled
                progress(f"restoring the checkpoint {path}")
                self._part.unlink(missing_ok=True)
                self._objects.fetch(found[key], self._part)
                shutil.copyfile(self._part, self._folder / path)
                (self._folder / path).chmod(0o666)
        except Unplaceable as error:
            raise HostFault(f"ClientError: Data download failed:{error}"[:LIMIT]) from None
        except DomainError as error:
            raise HostFault(
                f"ClientError: Data download failed: {self._location}: {error}"[:LIMIT]
            ) from None
        finally:
            self._part.unlink(missing_ok=True)
        self._marks = {name: mark for name, mark, _ in self._files(lambda _: None)}
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

        self._thread = threading.Thread(target=work, name="checkpoints", daemon=True)
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
        raise HostFault("ClientError: Checkpoint upload failed: the files keep changing.")

    def sync(self) -> bool:
        """Bring what changed since the last time to S3, deletions too.

        Returns:
            Whether nothing changed while it was read, so that S3 holds all there is.

        Raises:
            HostFault: something could not be brought there; the rest was.
        """
        with self._turn:
            marks = self._recall()
            # A folder that was never filled, or is gone, says nothing about what S3 should hold.
            return marks is None or not self._folder.is_dir() or self._sync(marks)

    def _sync(self, marks: dict[str, Mark]) -> bool:
        before = dict(marks)
        problems: list[str] = []
        there, whole = set(), True
        try:
            for name, mark, opened in self._files(problems.append):
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
            for name in marks.keys() - there if not problems else ():
                self._objects.delete(self._location.bucket, below(self._location, name).key)
                del marks[name]
        except (OSError, DomainError) as error:
            problems.append(str(error))
        finally:
            if marks != before:
                self._remember(marks)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise HostFault(
                f"ClientError: Checkpoint upload failed: {self._location}: {problems[0]}{more}"[
                    :LIMIT
                ]
            )
        return whole

    def _files(
        self, problem: Callable[[str], None]
    ) -> Iterator[tuple[str, Mark, Callable[[], int]]]:
        """Every plain file: its name, its mark, and what opens it. No link is followed."""

        def failed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                problem(str(error))

        for root, _, names, folder in os.fwalk(self._folder, onerror=failed):
            for name in names:
                try:
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if not stat.S_ISREG(status.st_mode):
                    continue
                path = str(Path(root, name).relative_to(self._folder))
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
        self._part.unlink(missing_ok=True)
        try:
            with (
                os.fdopen(opened(), "rb") as source,
                self._part.open("xb") as copy,
            ):
                shutil.copyfileobj(source, copy, 1 << 20)
                status = os.fstat(source.fileno())
                copied = copy.tell()
            if (status.st_size, status.st_mtime_ns) != mark or copied != mark[0]:
                return False
            key = below(self._location, name).key
            self._objects.put(self._location.bucket, key, self._part)
        except FileNotFoundError:
            return False
        finally:
            self._part.unlink(missing_ok=True)
        return True

    def _recall(self) -> dict[str, Mark] | None:
        if self._marks is None:
            with suppress(FileNotFoundError):
                stored = json.loads(self._state.read_text())
                self._marks = {name: (size, changed) for name, (size, changed) in stored.items()}
        return self._marks

    def _remember(self, marks: dict[str, Mark]) -> None:
        part = self._state.with_name(f".{self._state.name}.part")
        part.write_text(json.dumps(marks))
        part.replace(self._state)
