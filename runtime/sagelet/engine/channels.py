"""Channels from S3 into the job's folder: one folder a channel, for all hosts, made of links.

A store on this disk gives each object as a hard link to an immutable file, so nothing is copied,
and what happens to the key later does not reach the job. Which key becomes which file is decided
by ``domain.channels``.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sagelet.domain.channels import (
    Location,
    Source,
    Unplaceable,
    lay_out,
    manifest_file,
    sources_of,
)
from sagelet.domain.errors import DomainError, HostFault, ValidationException
from sagelet.domain.failure import LIMIT
from sagelet.domain.manifest import SIZE_LIMIT, Manifest, read_manifest
from sagelet.domain.training import TrainingJob
from sagelet.execution.backend import Cancelled, Progress
from sagelet.store import archive
from sagelet.store.home import remove_tree
from sagelet.store.object_store import ObjectStore, StoredObject

#: Between words about how far staging is, in objects.
_TELL_EVERY = 1000

#: Missing keys named in one message.
_NAMED = 5

#: Between looks at whether the job should stop, in seconds.
_TICK = 0.2


class _Nothing(Exception):
    """There are no objects where a channel should come from."""


def folder_of(job_folder: Path, channel: str) -> Path:
    """Where a channel from S3 is made."""
    return job_folder / "inputs" / channel


def check_channels(job: TrainingJob, objects: ObjectStore) -> None:
    """Refuse a job whose channels have no objects in S3.

    Raises:
        ValidationException: in SageMaker's words.
    """
    for source in sources_of(job):
        if source.location is None:
            continue
        try:
            _check(source, source.location, objects)
        except _Nothing:
            raise ValidationException(
                no_objects(source, source.location, job.region, job.request.get("RoleArn", ""))
            ) from None


def no_objects(source: Source, location: Location, region: str, role: str) -> str:
    """SageMaker's own text for a channel without data."""
    return (
        f'No S3 objects found under S3 URL "{source.uri}" given in input data source. Please '
        f"ensure that the bucket exists in the selected region ({region}), that objects exist "
        f'under that S3 prefix, and that the role "{role}" has "s3:ListBucket" permissions on '
        f'bucket "{location.bucket}".'
    )


def stage_channels(
    job: TrainingJob, job_folder: Path, objects: ObjectStore, progress: Progress
) -> dict[str, str]:
    """Make the folders of all channels from S3; what an earlier try left is replaced.

    Returns:
        Channel name -> the text of the manifest beside it.

    Raises:
        HostFault: an object cannot be had, or cannot be a file; it is named.
        OSError: the disk is full, say.
        Cancelled: told to stop.
    """
    manifests = {}
    for source in sources_of(job):
        if source.location is None:
            continue
        folder = folder_of(job_folder, source.channel)
        remove_tree(folder)
        folder.mkdir(parents=True)
        try:
            manifests[source.channel] = _Channel(source, folder, objects, progress).stage()
        except _Nothing:
            role = job.request.get("RoleArn", "")
            raise _failed(no_objects(source, source.location, job.region, role)) from None
        except Unplaceable as error:
            raise HostFault(f"ClientError: Data download failed:{error}"[:LIMIT]) from None
        except DomainError as error:
            raise _failed(f"{source.uri}: {error}") from None
    return manifests


def _failed(text: str) -> HostFault:
    return HostFault(f"ClientError: Data download failed: {text}"[:LIMIT])


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel being staged."""

    source: Source
    folder: Path
    objects: ObjectStore
    progress: Progress

    def stage(self) -> str:
        location, found = self._list()
        keys = {each.key: each for each in found}
        layout = lay_out(location.bucket, keys, location.key, unzipped=self.source.gzipped)
        for path in ("", *layout.folders):
            (self.folder / path).mkdir(exist_ok=True)
            (self.folder / path).chmod(0o777)  # an image's program need not run as root
        files = [(self.folder / path, keys[key]) for path, key in layout.files]
        self._each(self._unpack if self.source.gzipped else self._fetch, files)
        return manifest_file(location.key, location.bucket, [key for _, key in layout.files])

    def _list(self) -> tuple[Location, Sequence[StoredObject]]:
        """What the keys are relative to, and the objects.

        Raises:
            _Nothing: there are none.
        """
        location = self.source.location
        if location is None:
            raise _Nothing
        if not self.source.manifest:
            found = list(_listed(self.objects, location))
            if not found:
                raise _Nothing
            return location, found
        manifest = _manifest(self.source, location, self.objects)
        return manifest.prefix, self._find_all(manifest)

    def _find_all(self, manifest: Manifest) -> Sequence[StoredObject]:
        bucket = manifest.prefix.bucket
        find = partial(self.objects.find, bucket)
        if self.objects.lanes > 1:
            with ThreadPoolExecutor(self.objects.lanes) as pool:
                found = list(pool.map(find, manifest.keys))
        else:
            found = [find(key) for key in manifest.keys]
        there = [each for each in found if each is not None]
        if len(there) < len(found):
            missing = [
                str(Location(bucket, key))
                for key, each in zip(manifest.keys, found, strict=True)
                if each is None
            ]
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise _failed(
                f"the manifest {self.source.uri} lists objects that do not exist: "
                f"{', '.join(missing[:_NAMED])}{more}"
            )
        return there

    def _fetch(self, target: Path, found: StoredObject) -> None:
        try:
            self.objects.fetch(found, target)
        except DomainError:
            current = self.objects.find(found.bucket, found.key)
            if current is None or current == found:
                raise
            self.objects.fetch(current, target)  # replaced since it was listed

    def _unpack(self, target: Path, found: StoredObject) -> None:
        descriptor, name = tempfile.mkstemp(prefix=".packed-", dir=self.folder.parent)
        os.close(descriptor)
        packed = Path(name)
        packed.unlink()
        try:
            self._fetch(packed, found)
            archive.gunzip(packed, target, archive.KEEP_FREE)
        except archive.NotGzip as error:
            where = Location(found.bucket, found.key)
            raise _failed(
                f"{where} is not gzip ({error}), but the channel's CompressionType is Gzip"
            ) from None
        finally:
            packed.unlink(missing_ok=True)

    def _each(
        self, work: Callable[[Path, StoredObject], None], files: Sequence[tuple[Path, StoredObject]]
    ) -> None:
        lanes = self.objects.lanes
        if self.source.gzipped:
            lanes = max(lanes, min(4, os.cpu_count() or 1))
        if lanes == 1:
            for number, (target, found) in enumerate(files):
                self._tell(number, len(files))
                work(target, found)
        else:
            self._side_by_side(lanes, work, files)

    def _side_by_side(
        self,
        lanes: int,
        work: Callable[[Path, StoredObject], None],
        files: Iterable[tuple[Path, StoredObject]],
    ) -> None:
        pool = ThreadPoolExecutor(lanes, thread_name_prefix="stage")
        try:
            pending = {pool.submit(work, target, found) for target, found in files}
            total = len(pending)
            while pending:
                done, pending = wait(pending, timeout=_TICK)
                for each in done:
                    each.result()
                self._tell(total - len(pending), total)
        except BaseException:
            # One that is told to stop does not wait for what is on its way.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()

    def _tell(self, done: int, total: int) -> None:
        if self.progress.cancelled():
            raise Cancelled
        if total > _TELL_EVERY and (done % _TELL_EVERY == 0 or self.objects.lanes > 1):
            self.progress(f"channel '{self.source.channel}': {done} of {total} objects")


def _listed(objects: ObjectStore, location: Location) -> Iterable[StoredObject]:
    try:
        yield from objects.list(location.bucket, location.key)
    except DomainError as error:
        if error.code != "NoSuchBucket":
            raise


def _check(source: Source, location: Location, objects: ObjectStore) -> None:
    if source.manifest:
        _manifest(source, location, objects)
    elif next(iter(_listed(objects, location)), None) is None:
        raise _Nothing


def _manifest(source: Source, location: Location, objects: ObjectStore) -> Manifest:
    """Read a channel's manifest.

    Raises:
        _Nothing: there is none.
        ValidationException: it is malformed.
    """
    found = objects.find(location.bucket, location.key) if location.key else None
    if found is None:
        raise _Nothing
    if found.size > SIZE_LIMIT:
        raise ValidationException(
            f"The manifest {source.uri} has {found.size} bytes; at most {SIZE_LIMIT} are read."
        )
    with tempfile.TemporaryDirectory(prefix="sagelet-") as folder:
        text = Path(folder, "manifest")
        objects.fetch(found, text)
        return read_manifest(text.read_bytes(), source.uri)
