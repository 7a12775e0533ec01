"""Channels that come from S3: which keys, and which file each becomes in the host's folder.

Names only; what lists, links or downloads objects belongs to the engine.

Layout. An S3Prefix is a prefix of text, not a folder: ``s3://b/data/train`` also means
``data/train.csv`` and ``data/train2/x``. Each key becomes a file as follows:

1. the key is the prefix itself (one object): its last segment, ``data/train.csv`` -> ``train.csv``;
2. the prefix ends where a segment of the key ends (``data/train/`` or ``data/train`` for
   ``data/train/a/b``): what follows, ``a/b``;
3. else the prefix ends within a segment: what follows the prefix's last ``/``,
   ``data/train`` for ``data/train2/x`` -> ``train2/x``.

A key that ends in ``/`` is a folder.
"""

from collections.abc import Iterable
from dataclasses import dataclass

S3_SCHEME = "s3://"
FILE_SCHEME = "file://"

#: The longest file name that file systems take, in bytes.
NAME_LIMIT = 255


class Unplaceable(ValueError):
    """A key that cannot be a file in a folder; the text names it."""


@dataclass(frozen=True, slots=True)
class Location:
    """``s3://bucket/key``; the key may be a prefix, or empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{S3_SCHEME}{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Layout:
    """A channel's folder: its subfolders, parents first, and (path, key) of each file."""

    folders: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


def location_of(uri: str) -> Location | None:
    """What an ``s3://`` URI names; None when it is none."""
    if not uri.startswith(S3_SCHEME):
        return None
    bucket, _, key = uri.removeprefix(S3_SCHEME).partition("/")
    return Location(bucket, key) if bucket else None


def below(location: Location, *parts: str) -> Location:
    """The location of ``parts`` under a prefix that is meant as a folder."""
    prefix = location.key.rstrip("/")
    return Location(location.bucket, "/".join([prefix, *parts] if prefix else parts))


def partial_prefix(prefix: str, keys: Iterable[str]) -> str | None:
    """SageMaker's refusal of a FastFile prefix that ends within a name; None when it may be."""
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    for key in keys:
        if key != prefix and not key.startswith(folder):
            return (
                "Failed to download data. For FastFile mode, partial S3 prefix is not supported. "
                "S3 prefix has to end with a full file or folder. Add a trailing '/' to the S3 "
                "prefix if it ends with a folder name that is also a prefix for other folders. "
                f"Current S3 prefix: [{prefix}], found S3 object: [{key}]."
            )
    return None


def place_of(key: str, prefix: str) -> str:
    """The path, in the channel's folder, of a key that begins with ``prefix``.

    It ends in ``/`` when the key is a folder, and is empty for the channel's own folder.
    """
    rest = key[len(prefix) :]
    if not rest:
        return "" if key.endswith("/") else key.rpartition("/")[2]
    if rest.startswith("/") and not prefix.endswith("/") and prefix:
        return rest[1:]
    return rest if prefix.endswith("/") else key[prefix.rfind("/") + 1 :]


def lay_out(bucket: str, keys: Iterable[str], prefix: str) -> Layout:
    """Where each key goes.

    Raises:
        Unplaceable: a key cannot be a file, or two want the same place.
    """
    folders: dict[str, str] = {}
    files: dict[str, str] = {}
    for key in keys:
        _check_key(bucket, key)
        place = place_of(key, prefix)
        _check_names(bucket, key, place)
        folder, _, name = place.rpartition("/")
        _note_folders(folder, key, folders)
        if name:
            if place in files:
                raise Unplaceable(_both(bucket, files[place], key, f"the file '{place}'"))
            files[place] = key
    for place, key in files.items():
        if place in folders:
            raise Unplaceable(_both(bucket, key, folders[place], "a file and a folder"))
    return Layout(tuple(sorted(folders)), tuple(files.items()))


def _note_folders(folder: str, key: str, folders: dict[str, str]) -> None:
    while folder and folder not in folders:
        folders[folder] = key
        folder = folder.rpartition("/")[0]


def _check_key(bucket: str, key: str) -> None:
    if "//" in key or key.startswith("/"):
        # SageMaker's own words; it looks at the whole key, not only at what becomes a path.
        raise Unplaceable(
            f"Failed to download data. S3 key: {Location(bucket, key)} has an illegal char "
            "sub-sequence '//' in it"
        )


def _check_names(bucket: str, key: str, place: str) -> None:
    for name in place.split("/"):
        if name in (".", ".."):
            what = f"'{name}' in it cannot be a file name"
        elif "\0" in name:
            what = "a NUL in it cannot be in a file name"
        elif len(name.encode("utf-8", "surrogatepass")) > NAME_LIMIT:
            what = f"'{name[:40]}...' in it is longer than {NAME_LIMIT} bytes"
        else:
            continue
        raise Unplaceable(f"Failed to download data. S3 key: {Location(bucket, key)}: {what}")


def _both(bucket: str, first: str, second: str, what: str) -> str:
    return (
        f"Failed to download data. S3 keys {Location(bucket, first)} and "
        f"{Location(bucket, second)} cannot both be files: they would be {what}"
    )


def folders_of(paths: Iterable[str]) -> tuple[str, ...]:
    """The folders that files at these paths lie in, parents first."""
    folders: dict[str, str] = {}
    for path in paths:
        _note_folders(path.rpartition("/")[0], path, folders)
    return tuple(sorted(folders))


def manifest_file(prefix: str, uris: Iterable[object]) -> str:
    """The text of ``<channel>-manifest``: the prefix, then every object, a line each."""
    return "".join(f"{line}\n" for line in (prefix, *uris))
