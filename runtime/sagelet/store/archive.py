"""tar.gz in and out; the only compression code but the feeder's.

Archives are written beside their final name, flushed to disk and renamed: a reader sees a whole
archive or none. Compression is Intel's ISA-L, which is many times faster than zlib at its size.
"""

import errno
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from isal import igzip, igzip_threaded

#: At this level weights come out as small as from zlib's level 9 and text a fifth larger, at a
#: fifteenth of the time.
LEVEL = 2

Progress = Callable[[int], None]

#: Disk space that unpacking what others packed leaves alone, in bytes.
KEEP_FREE = 256 << 20

#: Between looks at how much of the disk is free, in bytes written.
_CHECK_EVERY = 16 << 20


def pack(folders: Sequence[Path], target: Path, progress: Progress | None = None) -> int:
    """Write the members of ``folders`` at the root of the archive ``target``.

    Where two folders hold the same name, the first folder's file is kept. Owners are not recorded;
    links stay links. ``progress`` gets the number of bytes read so far.

    Returns:
        The archive's size in bytes.

    Raises:
        OSError: reading or writing failed; nothing is left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as raw:
            threads = min(4, os.cpu_count() or 1)
            with (
                igzip_threaded.open(
                    raw, "wb", compresslevel=LEVEL, threads=threads, block_size=1 << 20
                ) as packed,
                tarfile.open(
                    fileobj=cast("BinaryIO", packed),
                    mode="w|",
                    format=tarfile.PAX_FORMAT,
                    bufsize=1 << 20,
                ) as tar,
            ):
                _add_all(tar, folders, progress)
            raw.flush()
            os.fsync(raw.fileno())
            size = os.fstat(raw.fileno()).st_size
        part.replace(target)
        sync_folder(target.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return size


def _add_all(tar: tarfile.TarFile, folders: Sequence[Path], progress: Progress | None) -> None:
    done = 0
    for path, name in _merged(folders):
        info = tar.gettarinfo(path, str(name))
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        if info.isreg():
            with os.fdopen(
                os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb"
            ) as file:
                tar.addfile(info, file)
            done += info.size
            if progress:
                progress(done)
        else:
            tar.addfile(info)


def walk(folder: Path) -> list[Path]:
    """Everything below ``folder``, parents first, in a stable order; links are not followed.

    Raises:
        OSError: a folder cannot be read. One that is not there holds nothing.
    """
    found: list[Path] = []
    for root, folders, files in os.walk(folder, onerror=_unless_missing):
        found += [Path(root, name) for name in folders + files]
    return sorted(found)


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def clashes(folders: Sequence[Path]) -> list[tuple[Path, Path]]:
    """What a merge of the folders leaves out because an earlier one has its name: folder, name."""
    found: list[tuple[Path, Path]] = []
    for _ in _merged(folders, lambda folder, name: found.append((folder, name))):
        pass
    return found


def _merged(
    folders: Sequence[Path], left_out: Callable[[Path, Path], None] | None = None
) -> Iterator[tuple[Path, Path]]:
    """The folders' members, each with its name in the whole.

    The first folder that has a name keeps it, and nothing comes to lie below a file or link it
    keeps there. Sockets, pipes and devices hold nothing that could be kept.
    """
    is_folder: dict[Path, bool] = {}
    for folder in folders:
        for path in walk(folder):
            name = path.relative_to(folder)
            blocked = is_folder.get(name.parent) is False
            if name in is_folder and not blocked:
                if left_out and not (is_folder[name] and path.is_dir() and not path.is_symlink()):
                    left_out(folder, name)
                continue
            mode = path.lstat().st_mode
            is_folder[name] = stat.S_ISDIR(mode) and not blocked
            if blocked and left_out and not stat.S_ISDIR(mode):
                left_out(folder, name)
            if not blocked and (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                yield path, name


def compress(data: bytes) -> bytes:
    """A small file's bytes as gzip; the same bytes give the same gzip."""
    packed: bytes = igzip.compress(data, LEVEL, mtime=0)
    return packed


def unpack(archive: Path, folder: Path, keep_free: int = KEEP_FREE) -> None:
    """Unpack a tar archive, refusing members that would land outside ``folder``.

    ``keep_free``: bytes that stay free on the disk, however much is packed into how little.

    Raises:
        tarfile.TarError, OSError: it is no archive, holds such a member, or cannot be written.
    """
    with tarfile.open(archive) as tar:
        folder.mkdir(parents=True, exist_ok=True)
        tar.extractall(folder, filter=_Inside(folder, keep_free))  # noqa: S202 - the filter decides


class _Inside:
    """A filter of tar members that does not trust the disk.

    tarfile's own asks where a path leads, and links nested deeply enough hide that from it on many
    versions of Python, while others fail at links that lead to each other. Here nothing is unpacked
    by way of a link, and links are judged as text.
    """

    def __init__(self, folder: Path, keep_free: int) -> None:
        self._folder = folder
        self._keep_free = keep_free
        self._links: set[tuple[str, ...]] = set()
        self._unchecked = _CHECK_EVERY

    def __call__(self, member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        name = PurePosixPath(member.name.lstrip("/")).parts
        if ".." in name or self._by_link(name[:-1]):
            raise tarfile.OutsideDestinationError(member, member.name)
        safe: tarfile.TarInfo | None
        if member.issym():
            self._judge_link(member, name)
            self._links.add(name)
            safe = tarfile.TarInfo("/".join(name))
            safe.type, safe.linkname, safe.mtime = member.type, member.linkname, member.mtime
        else:
            target = PurePosixPath(member.linkname).parts
            if member.islnk() and (".." in target or self._by_link(target)):
                raise tarfile.LinkOutsideDestinationError(member, member.linkname)
            safe = tarfile.data_filter(member, path)
        self._make_room(member.size)
        return safe

    def _judge_link(self, member: tarfile.TarInfo, name: tuple[str, ...]) -> None:
        target = PurePosixPath(member.linkname)
        if target.is_absolute():
            raise tarfile.AbsoluteLinkError(member)
        up = next((i for i, part in enumerate(target.parts) if part != ".."), len(target.parts))
        if up >= len(name) or ".." in target.parts[up:]:
            raise tarfile.LinkOutsideDestinationError(member, member.linkname)

    def _by_link(self, parts: tuple[str, ...]) -> bool:
        return any(parts[:end] in self._links for end in range(1, len(parts) + 1))

    def _make_room(self, size: int) -> None:
        self._unchecked += size
        if self._unchecked > _CHECK_EVERY:
            self._unchecked = 0
            if shutil.disk_usage(self._folder).free - size < self._keep_free + _CHECK_EVERY:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))


def copy_tree(folders: Sequence[Path], target: Path) -> int:
    """Copy the members of ``folders`` into a new folder ``target``; the first folder wins.

    Returns:
        Bytes copied.

    Raises:
        OSError: nothing is left behind.
    """
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    size = 0
    try:
        part.mkdir(parents=True)
        for path, name in _merged(folders):
            if path.is_dir() and not path.is_symlink():
                (part / name).mkdir()
            else:
                shutil.copy2(path, part / name, follow_symlinks=False)
                size += path.lstat().st_size
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
        sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return size


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` the same file (or tree) as ``source``: a hard link where possible.

    Raises:
        OSError: nothing is left behind.
    """
    part = target.with_name(f".{target.name}.part")
    _discard(part)
    try:
        if source.is_dir():
            shutil.copytree(source, part, copy_function=_link_file, symlinks=True)
            shutil.rmtree(target, ignore_errors=True)
        else:
            _link_file(str(source), str(part))
        part.replace(target)
    except BaseException:
        _discard(part)
        raise
    sync_folder(target.parent)


def _discard(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        with suppress(OSError):
            part.unlink()


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def point(link: Path, target: str) -> None:
    """Make ``link`` a symbolic link to ``target``, in one step."""
    part = link.with_name(f".{link.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    part.replace(link)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
