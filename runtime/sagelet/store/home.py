"""$SAGELET_HOME: which file lies where.

Layout::

    sagelet.db
    control.lock  control.sock  control.log      the control plane of this home
    jobs/<region>/<job>/                         code/  <host>/{log,log.times,ml/,scratch/}
    jobs/<region>/processing.<job>/              the same of a processing job
    models/<name>/<version>/model.tar.gz   models/<name>/latest -> <version>
    output/<job>/output/...                the default S3OutputPath
    objects/<xx>/<name>                    the bytes of S3 objects; incoming/ while they come
    s3/<bucket>/<key>                      the same files by their keys, for people to look at
    warm/<spare>/                          hosts that wait for a job; laid out as a job's folder
    samples/  tls/  secret                 sample data in the making; certificates; keys of jobs
"""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sagelet.domain.errors import ValidationException

#: Disk space kept for storing a job's end, in bytes.
RESERVE = 1 << 20


class Home:
    """Paths under one root, as one region sees them."""

    def __init__(self, root: Path, region: str) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", region):
            raise ValidationException(
                f"'{region}' is not a region's name. Set AWS_REGION, for example to us-east-1."
            )
        self.root = root
        self.region = region
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
        """Folders of the region's jobs."""
        return self.root / "jobs" / self.region

    @property
    def warm(self) -> Path:
        """Folders of the spares of all regions."""
        return self.root / "warm"

    @property
    def models(self) -> Path:
        """Versioned models."""
        return self.root / "models"

    @property
    def output(self) -> Path:
        """The default place of job outputs."""
        return self.root / "output"

    def job(self, key: str) -> Path:
        """A job's folder."""
        return self.jobs / key

    def host(self, job: str, host: str) -> Path:
        """A host's folder."""
        return self.jobs / job / host

    def log(self, job: str, host: str) -> Path:
        """A host's log: the bytes it printed."""
        return self.host(job, host) / "log"

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


def clear(root: Path) -> None:
    """Delete what jobs and clients stored under ``root``; the database and secrets stay.

    Raises:
        OSError: something could not be deleted.
    """
    for name in ("jobs", "warm", "models", "output", "objects", "s3"):
        folder = root / name
        if folder.exists():
            for entry in folder.iterdir():
                remove_tree(entry)


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


def make_empty(folder: Path) -> None:
    """Make an empty folder; one that is there stays the same folder, for a host may have it.

    Raises:
        OSError: something could not be deleted or made.
    """
    if folder.is_symlink() or not folder.is_dir():
        remove_tree(folder)
        folder.mkdir(parents=True)
        return
    for entry in folder.iterdir():
        remove_tree(entry)


def keep_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The bytes kept in ``path``, made at the first call; only their owner can read them."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(part, path)  # the first one wins
        part.unlink()
        return path.read_bytes()
