"""$SAGELET_HOME: which file lies where, and who supervises a job.

Layout::

    sagelet.db
    jobs/<job>/lock  supervisor.log  code/  <host>/{log,log.times,ml/,scratch/}
    models/<name>/<version>/model.tar.gz   models/<name>/latest -> <version>
    output/<job>/output/...                the default S3OutputPath
    s3/<bucket>/<key>                      where s3:// outputs lie for now
"""

import fcntl
import os
import shutil
from pathlib import Path
from urllib.parse import unquote_to_bytes

#: Disk space kept for storing a job's end, in bytes.
RESERVE = 1 << 20


class Home:
    """Paths under one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not root.exists():  # requests and environments may hold secrets
            root.mkdir(parents=True)
            root.chmod(0o700)
        for folder in (self.jobs, self.models):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "sagelet.db"

    @property
    def jobs(self) -> Path:
        """Folders of jobs."""
        return self.root / "jobs"

    @property
    def models(self) -> Path:
        """Versioned models."""
        return self.root / "models"

    @property
    def output(self) -> Path:
        """The default place of job outputs."""
        return self.root / "output"

    def job(self, name: str) -> Path:
        """A job's folder."""
        return self.jobs / name

    def host(self, job: str, host: str) -> Path:
        """A host's folder."""
        return self.jobs / job / host

    def log(self, job: str, host: str) -> Path:
        """A host's log: the bytes it printed."""
        return self.jobs / job / host / "log"

    def reserve(self, job: str) -> None:
        """Set some disk space aside, so that the job's end can be stored when it has filled up."""
        path = self.job(job) / "reserve"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE)

    def use_reserve(self, job: str) -> None:
        """Give that space back."""
        (self.job(job) / "reserve").unlink(missing_ok=True)

    def path_of(self, uri: str) -> Path:
        """Where a file:// or s3:// URI lies on this machine."""
        scheme, _, rest = uri.partition("://")
        if scheme == "file":
            return Path(os.fsdecode(unquote_to_bytes(rest)))
        parts = [part for part in rest.split("/") if part not in ("", ".", "..")]
        return self.root.joinpath("s3", *parts)

    def lock(self, job: str) -> "JobLock | None":
        """The right to supervise ``job``, or None while another process has it."""
        path = self.job(job) / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return JobLock(descriptor)


class JobLock:
    """Held while one process supervises a job; the kernel frees it when that process dies."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def release(self) -> None:
        """Close it here; the lock is free once no process that inherited it has it open."""
        os.close(self.descriptor)


def remove_tree(path: Path) -> None:
    """Delete a folder and all in it, also folders made unreadable; links are not followed.

    Raises:
        OSError: something could not be deleted.
    """
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    path.chmod(0o700)
    for folder, _, _ in os.walk(path):
        for below in Path(folder).iterdir():
            if below.is_dir() and not below.is_symlink():
                below.chmod(0o700)
    shutil.rmtree(path)
