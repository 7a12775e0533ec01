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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sagelet.domain.training import TrainingJob

S3_SCHEME = "s3://"

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
class Source:
    """A channel's data source; ``location`` is None when it lies on this machine."""

    channel: str
    uri: str
    location: Location | None
    manifest: bool
    gzipped: bool


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


def sources_of(job: TrainingJob) -> tuple[Source, ...]:
    """The data sources of the job's channels, in their order."""
    return tuple(
        _source(channel.name, channel.uri, document)
        for channel, document in zip(
            job.channels, job.request.get("InputDataConfig") or (), strict=True
        )
    )


def _source(name: str, uri: str, document: dict[str, object]) -> Source:
    data_source = document.get("DataSource")
    given = data_source.get("S3DataSource") if isinstance(data_source, dict) else None
    return Source(
        channel=name,
        uri=uri,
        location=location_of(uri),
        manifest=(given or {}).get("S3DataType") == "ManifestFile",
        gzipped=document.get("CompressionType") == "Gzip",
    )


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


def lay_out(bucket: str, keys: Iterable[str], prefix: str, *, unzipped: bool = False) -> Layout:
    """Where each key goes; ``unzipped`` files lose the suffix ``.gz``.

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
            place = place.removesuffix(".gz") if unzipped and name != ".gz" else place
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


def manifest_file(prefix: str, bucket: str, keys: Sequence[str]) -> str:
    """The text of ``<channel>-manifest``: the prefix, then every object, a line each."""
    return "".join(f"{line}\n" for line in (prefix, *(str(Location(bucket, k)) for k in keys)))
