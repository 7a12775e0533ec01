"""Checkpoints in S3: brought in before the job runs, kept in step with what it writes.

The job works in a folder of its own, never on the store's files; deletions count too.
"""

import shutil
from pathlib import Path

from sagelet.domain.channels import Location, Unplaceable, below, lay_out, location_of
from sagelet.domain.errors import DomainError, HostFault
from sagelet.domain.failure import LIMIT
from sagelet.domain.training import TrainingJob
from sagelet.engine.syncing import FolderSync, Way
from sagelet.execution.backend import Cancelled, Progress
from sagelet.store.home import make_empty
from sagelet.store.object_store import ObjectStore


class Checkpoints(FolderSync):
    """The checkpoints of one job. ``restore`` first; then ``start`` and ``finish``, or ``sync``."""

    def __init__(self, location: Location, job_folder: Path, objects: ObjectStore) -> None:
        self._location = location
        self._objects = objects
        self._folder = folder = self.folder_in(job_folder)
        self._part = job_folder / ".checkpoint.part"
        super().__init__(
            Way(
                what="Checkpoint",
                location=location,
                folder=lambda: folder if folder.is_dir() else None,
                state=job_folder / "checkpoints.json",
                part=self._part,
            ),
            objects,
        )

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
        self.forget()  # until all is here, nothing may go back
        make_empty(self._folder)
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
        self.begin()
