"""Which objects a channel from S3 has: those under its prefix, or those its manifest lists."""

import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sagelet.domain.channels import Location, location_of
from sagelet.domain.errors import DomainError, HostFault, ValidationException
from sagelet.domain.failure import LIMIT
from sagelet.domain.jobs import Channel, Job
from sagelet.domain.manifest import SIZE_LIMIT, Manifest, read_augmented, read_manifest
from sagelet.store.object_store import ObjectStore, StoredObject

#: Missing objects named in one message.
_NAMED = 5


class Nothing(Exception):
    """There are no objects where a channel should come from."""


@dataclass(frozen=True, slots=True)
class Augmented:
    """An augmented manifest: what each line streams, and the objects among it."""

    lines: Sequence[Sequence[Location | str]]
    objects: dict[Location, StoredObject]


def check_channels(job: Job, objects: ObjectStore) -> None:
    """Refuse a job whose channels have no objects in S3.

    Raises:
        ValidationException: in SageMaker's words.
    """
    for channel in job.channels:
        location = location_of(channel.uri)
        if location is None:
            continue
        try:
            _check(channel, location, objects)
        except Nothing:
            raise ValidationException(no_objects(job, channel, location)) from None


def no_objects(job: Job, channel: Channel, location: Location) -> str:
    """SageMaker's own text for a channel without data."""
    return (
        f'No S3 objects found under S3 URL "{channel.uri}" given in input data source. Please '
        f"ensure that the bucket exists in the selected region ({job.region}), that objects exist "
        f'under that S3 prefix, and that the role "{job.request.get("RoleArn", "")}" has '
        f'"s3:ListBucket" permissions on bucket "{location.bucket}".'
    )


def failed(text: str) -> HostFault:
    """A channel that cannot be had, as SageMaker says it."""
    return HostFault(f"ClientError: Data download failed: {text}"[:LIMIT])


def find_objects(
    channel: Channel, location: Location, objects: ObjectStore
) -> tuple[Location, Sequence[StoredObject]]:
    """What the keys are relative to, and the channel's objects, in its order.

    Raises:
        Nothing: there are none.
        HostFault: one that the manifest lists is not there.
    """
    if channel.data_type == "S3Prefix":
        found = list(_listed(objects, location))
        if not found:
            raise Nothing
        return location, found
    manifest = _manifest(channel, location, objects)
    wanted = [Location(manifest.prefix.bucket, key) for key in manifest.keys]
    return manifest.prefix, list(_find_all(channel, wanted, objects).values())


def find_augmented(channel: Channel, location: Location, objects: ObjectStore) -> Augmented:
    """What an augmented manifest streams.

    Raises:
        Nothing: there is no manifest.
        ValidationException: it is malformed.
        HostFault: an object that it names is not there.
    """
    lines = _augmented(channel, _find_manifest(location, objects), objects)
    wanted = dict.fromkeys(part for line in lines for part in line if isinstance(part, Location))
    return Augmented(lines, _find_all(channel, list(wanted), objects))


def _find_all(
    channel: Channel, wanted: Sequence[Location], objects: ObjectStore
) -> dict[Location, StoredObject]:
    def find(location: Location) -> StoredObject | None:
        return objects.find(location.bucket, location.key)

    if objects.lanes > 1:
        with ThreadPoolExecutor(objects.lanes) as pool:
            found = list(pool.map(find, wanted))
    else:
        found = [find(location) for location in wanted]
    there = {at: each for at, each in zip(wanted, found, strict=True) if each is not None}
    missing = [str(at) for at in wanted if at not in there]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise failed(
            f"the manifest {channel.uri} lists objects that do not exist: "
            f"{', '.join(missing[:_NAMED])}{more}"
        )
    return there


def _listed(objects: ObjectStore, location: Location) -> Iterable[StoredObject]:
    try:
        yield from objects.list(location.bucket, location.key)
    except DomainError as error:
        if error.code != "NoSuchBucket":
            raise


def _check(channel: Channel, location: Location, objects: ObjectStore) -> None:
    if channel.data_type == "S3Prefix":
        if next(iter(_listed(objects, location)), None) is None:
            raise Nothing
    elif channel.data_type == "ManifestFile":
        _manifest(channel, location, objects)
    else:
        found = _find_manifest(location, objects)
        if found.size <= SIZE_LIMIT:  # a larger one is read when the job is prepared
            _augmented(channel, found, objects)


def _manifest(channel: Channel, location: Location, objects: ObjectStore) -> Manifest:
    """Read a channel's manifest.

    Raises:
        Nothing: there is none.
        ValidationException: it is malformed.
    """
    found = _find_manifest(location, objects)
    if found.size > SIZE_LIMIT:
        raise ValidationException(
            f"The manifest {channel.uri} has {found.size} bytes; at most {SIZE_LIMIT} are read."
        )
    with tempfile.TemporaryDirectory(prefix="sagelet-") as folder:
        text = Path(folder, "manifest")
        objects.fetch(found, text)
        return read_manifest(text.read_bytes(), channel.uri)


def _augmented(
    channel: Channel, found: StoredObject, objects: ObjectStore
) -> list[list[Location | str]]:
    with tempfile.TemporaryDirectory(prefix="sagelet-") as folder:
        text = Path(folder, "manifest")
        objects.fetch(found, text)
        with text.open("rb") as lines:
            return list(read_augmented(lines, channel.uri, channel.attributes))


def _find_manifest(location: Location, objects: ObjectStore) -> StoredObject:
    found = objects.find(location.bucket, location.key) if location.key else None
    if found is None:
        raise Nothing
    return found
