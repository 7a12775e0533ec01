"""A snapshot of a script's code: editing it while it trains changes nothing."""

import os
import shutil
import stat
import tarfile
import zlib
from pathlib import Path

from sagelet.domain.channels import Location
from sagelet.domain.errors import DomainError, HostFault
from sagelet.execution.backend import Cancelled, Progress
from sagelet.store.archive import unpack
from sagelet.store.home import make_empty
from sagelet.store.object_store import ObjectStore

#: Folders that are never part of a script's code.
NOT_CODE = frozenset({".git", "__pycache__", ".ipynb_checkpoints", ".venv", ".mypy_cache"})

Inode = tuple[int, int]


def snapshot(source: Path, target: Path, leave_out: Path, progress: Progress) -> None:
    """Copy a folder, unpack an archive or copy one file into the new folder ``target``.

    ``leave_out`` is not copied although it may lie in ``source``: the home, which holds ``target``.

    Raises:
        HostFault: an archive that cannot be unpacked.
        OSError: something cannot be read or written.
        Cancelled: told to stop.
    """
    make_empty(target)
    if source.is_dir():
        seen = {_inode(leave_out)} if leave_out.exists() else set()
        _Copy(source.resolve(), seen, progress).folder(source, target)
    elif source.name.endswith((".tar.gz", ".tgz")):
        _unpack(source, target, str(source))
    else:
        shutil.copy2(source, target / source.name)


def unpack_object(source: Location, target: Path, objects: ObjectStore) -> None:
    """Unpack the archive that lies in S3 into the new folder ``target``.

    Raises:
        HostFault: there is no such object, or it cannot be unpacked.
        OSError: something cannot be written.
    """
    make_empty(target)
    packed = target.with_name(f".{target.name}.tar.gz")
    packed.unlink(missing_ok=True)
    try:
        found = objects.find(source.bucket, source.key)
        if found is None:
            raise HostFault(f"ClientError: Data download failed: the code {source} does not exist.")
        objects.fetch(found, packed)
        _unpack(packed, target, str(source))
    except DomainError as error:
        raise HostFault(f"ClientError: Data download failed: {source}: {error}") from None
    finally:
        packed.unlink(missing_ok=True)


def _unpack(source: Path, target: Path, name: str) -> None:
    try:
        unpack(source, target)
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise HostFault(f"ClientError: {name} cannot be unpacked: {error}") from None


class _Copy:
    """Copies folders; links within the source stay links, others become what they point at."""

    def __init__(self, source: Path, seen: set[Inode], progress: Progress) -> None:
        self._source = source
        self._seen = seen  # folders on the way here, which must not be entered again
        self._progress = progress

    def folder(self, source: Path, target: Path) -> None:
        here = _inode(source)
        if here in self._seen:
            return
        self._seen.add(here)
        target.mkdir(exist_ok=True)
        for entry in os.scandir(source):
            if self._progress.cancelled():
                raise Cancelled
            self._entry(Path(entry.path), target / entry.name)

    def _entry(self, path: Path, place: Path) -> None:
        if path.name in NOT_CODE or (path / "pyvenv.cfg").exists():
            return
        inside = path.is_symlink() and path.resolve().is_relative_to(self._source)
        if inside and not path.readlink().is_absolute():
            place.symlink_to(path.readlink())
            return
        try:
            mode = path.stat().st_mode
        except OSError:  # a link to nothing, or in a circle
            return
        if stat.S_ISDIR(mode):
            self.folder(path, place)
        elif stat.S_ISREG(mode):  # sockets, pipes and devices are not code
            shutil.copy2(path, place)


def _inode(path: Path) -> Inode:
    status = path.stat()
    return status.st_dev, status.st_ino
