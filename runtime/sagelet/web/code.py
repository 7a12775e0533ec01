"""The code of a job, file by file, and how that of two jobs differs."""

import difflib
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
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
#: The channels that the SDK puts code into.
_CHANNELS = frozenset({"code", "sm_drivers"})
#: Folders that hold no code of a person's.
_PASSED = frozenset({"__pycache__", ".git", ".venv", "node_modules", ".ipynb_checkpoints"})

Document = dict[str, Any]


def code_of(job: Job, objects: Objects | None) -> dict[str, bytes]:
    """The first bytes of each file; nothing where the code is not there any more."""
    found: dict[str, bytes] = {}
    directory = submit_directory(job) if isinstance(job, TrainingJob) else None
    places = [directory] if directory else []
    places += [channel.uri for channel in job.channels if channel.name in _CHANNELS]
    for place in places:
        with suppress(*UNREADABLE, DomainError):
            for name, data in _files(place, objects):
                found[name] = data
                if len(found) >= _FILES:
                    return found
    return found


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


def _files(place: str, objects: Objects | None) -> Iterator[tuple[str, bytes]]:
    if place.startswith("s3://"):
        if objects is not None:
            yield from _stored(place, objects)
        return
    path = Path(unquote(urlsplit(place).path) if place.startswith("file://") else place)
    if path.is_dir():
        for each in sorted(path.rglob("*")):
            name = each.relative_to(path)
            if each.is_file() and not _PASSED & set(name.parts):
                with each.open("rb") as file:
                    yield str(name), file.read(_LONG)
    elif path.name.endswith((".tar.gz", ".tgz")):
        yield from _members(path)
    elif path.is_file():
        yield path.name, path.read_bytes()[:_LONG]


def _stored(uri: str, objects: Objects) -> Iterator[tuple[str, bytes]]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if key.endswith((".tar.gz", ".tgz")):
        yield from _members(objects.blobs.path(objects.get(bucket, key).blob))
        return
    for each in objects.list(bucket, key):
        path = objects.blobs.path(each.blob)
        name = each.key[len(key) :].lstrip("/") or each.key.rpartition("/")[2]
        if name.endswith((".tar.gz", ".tgz")):
            yield from _members(path)
        else:
            with path.open("rb") as file:
                yield name, file.read(_LONG)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with opened_tar(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None and not _PASSED & set(Path(member.name).parts):
                yield member.name.removeprefix("./"), file.read(_LONG)
