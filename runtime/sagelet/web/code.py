"""The code of a job, file by file, and how that of two jobs differs."""

import difflib
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from sagelet.domain.errors import DomainError
from sagelet.domain.jobs import Job
from sagelet.domain.rules import submit_directory
from sagelet.domain.training import TrainingJob
from sagelet.store.objects import Objects
from sagelet.web.archives import UNREADABLE, opened_tar

#: The most files of one job, and the longest that is compared line by line, in bytes.
_FILES = 400
_LONG = 256 * 1024
#: The most lines of one difference.
_LINES = 2000
#: Digests that are remembered.
_KEPT = 1000
#: The channels that the SDK puts code into.
_CHANNELS = frozenset({"code", "sm_drivers"})
#: Folders that hold no code of a person's.
_PASSED = frozenset({"__pycache__", ".git", ".venv", "node_modules", ".ipynb_checkpoints"})

Document = dict[str, Any]


class Piece(NamedTuple):
    """A file of a job's code as it lies on the disk; ``packed``: an archive of such files."""

    name: str
    path: Path
    packed: bool = False


def code_of(job: Job, objects: Objects | None) -> dict[str, bytes]:
    """The first bytes of each file; nothing where the code is not there any more."""
    return _read(pieces(job, objects))


def pieces(job: Job, objects: Objects | None) -> list[Piece]:
    """What a job's code is made of; nothing of it is read."""
    directory = submit_directory(job) if isinstance(job, TrainingJob) else None
    places = [directory] if directory else []
    places += [channel.uri for channel in job.channels if channel.name in _CHANNELS]
    found: list[Piece] = []
    for place in places:
        with suppress(OSError, DomainError):
            found += islice(_pieces(place, objects), _FILES - len(found))
    return found


class Digests:
    """Short names for exactly the code of jobs; what has not changed is not read again."""

    def __init__(self) -> None:
        self._known: dict[bytes, str | None] = {}

    def __call__(self, job: Job, objects: Objects | None) -> str | None:
        """The digest; None for no code."""
        made = pieces(job, objects)
        key = _stamp(made)
        if key not in self._known:
            found = digest(_read(made))
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = found
            return found
        return self._known.get(key)


def difference(before: dict[str, bytes], after: dict[str, bytes]) -> list[Document]:
    """Each file that is not the same in both, with the lines that differ."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        state = "added" if old is None else "removed" if new is None else "changed"
        found.append({"file": name, "state": state, "lines": _lines(old or b"", new or b"")})
    return found


def digest(files: dict[str, bytes]) -> str | None:
    """A short name for exactly this code; None for none."""
    if not files:
        return None
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name} {len(files[name])}\n".encode())
        total.update(files[name])
    return total.hexdigest()[:10]


def _lines(old: bytes, new: bytes) -> list[str] | None:
    """The lines of a unified diff; None where there are no lines to compare."""
    if b"\0" in old or b"\0" in new or max(len(old), len(new)) >= _LONG:
        return None
    lines = difflib.unified_diff(
        old.decode("utf-8", "replace").splitlines(),
        new.decode("utf-8", "replace").splitlines(),
        lineterm="",
        n=3,
    )
    return [line for line in list(lines)[2 : 2 + _LINES] if line]


def _stamp(made: Iterable[Piece]) -> bytes:
    """Another one when a file is another one or was written to."""
    total = hashlib.sha256()
    for name, path, packed in made:
        with suppress(OSError):
            at = path.stat()
            total.update(f"{(name, str(path), packed)} {at.st_ino} {at.st_size}".encode())
            total.update(f" {at.st_mtime_ns}\n".encode())
    return total.digest()


def _read(made: Iterable[Piece]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for piece in made:
        with suppress(*UNREADABLE):
            for name, data in _files(piece):
                found[name] = data
                if len(found) >= _FILES:
                    return found
    return found


def _files(piece: Piece) -> Iterator[tuple[str, bytes]]:
    if piece.packed:
        yield from _members(piece.path)
        return
    with piece.path.open("rb") as file:
        yield piece.name, file.read(_LONG)


def _pieces(place: str, objects: Objects | None) -> Iterator[Piece]:
    if place.startswith("s3://"):
        if objects is not None:
            yield from _stored(place, objects)
        return
    path = Path(unquote(urlsplit(place).path) if place.startswith("file://") else place)
    if path.is_dir():
        yield from _folder(path)
    elif path.is_file():
        yield Piece(path.name, path, _packed(path.name))


def _folder(path: Path) -> Iterator[Piece]:
    for at, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - _PASSED)  # what is passed over is not walked through
        for name in sorted(files):
            each = Path(at, name)
            if each.is_file():
                yield Piece(str(each.relative_to(path)), each)


def _stored(uri: str, objects: Objects) -> Iterator[Piece]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if _packed(key):
        yield Piece(key, objects.blobs.path(objects.get(bucket, key).blob), packed=True)
        return
    for each in objects.list(bucket, key):
        name = each.key[len(key) :].lstrip("/") or each.key.rpartition("/")[2]
        yield Piece(name, objects.blobs.path(each.blob), _packed(name))


def _packed(name: str) -> bool:
    return name.endswith((".tar.gz", ".tgz"))


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with opened_tar(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None and not _PASSED & set(Path(member.name).parts):
                yield member.name.removeprefix("./"), file.read(_LONG)
