"""Channels from S3 into folders of links: one a channel for all hosts, or one a host.

Which key becomes which file is decided by ``domain.channels``, which host gets it by
``domain.dealing``; Pipe channels are ``engine.pipes``' business.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sagelet.domain.channels import (
    Layout,
    Location,
    Unplaceable,
    folders_of,
    lay_out,
    location_of,
    manifest_file,
    partial_prefix,
)
from sagelet.domain.dealing import deal, order
from sagelet.domain.errors import DomainError, HostFault
from sagelet.domain.failure import LIMIT
from sagelet.domain.hosts import is_dealt, shard_of
from sagelet.domain.jobs import Channel, Job
from sagelet.domain.opt_ml import channel_hosts
from sagelet.engine.fetching import fetch_all
from sagelet.engine.listing import Nothing, failed, find_objects, no_objects
from sagelet.execution.backend import Progress
from sagelet.store.home import make_empty
from sagelet.store.object_store import ObjectStore, StoredObject


def folder_of(job_folder: Path, channel: str) -> Path:
    """Where a channel from S3 is made, if all hosts get the same of it."""
    return job_folder / "inputs" / channel


def stage_channels(
    job: Job, job_folder: Path, objects: ObjectStore, progress: Progress
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
    for channel in job.channels:
        location = location_of(channel.uri)
        if location is None or channel.input_mode == "Pipe":
            continue
        try:
            prefix, found = find_objects(channel, location, objects)
            manifests[channel.name] = _stage(
                job, channel, job_folder, prefix, found, objects, progress
            )
        except Nothing:
            raise failed(no_objects(job, channel, location)) from None
        except Unplaceable as error:
            raise HostFault(f"ClientError: Data download failed:{error}"[:LIMIT]) from None
        except DomainError as error:
            raise failed(f"{channel.uri}: {error}") from None
    return manifests


def _stage(
    job: Job,
    channel: Channel,
    job_folder: Path,
    prefix: Location,
    found: Sequence[StoredObject],
    objects: ObjectStore,
    progress: Progress,
) -> str:
    keys = {each.key: each for each in found}
    if channel.input_mode == "FastFile":
        refusal = partial_prefix(prefix.key, keys)
        if refusal:
            raise Unplaceable(refusal)
    layout = lay_out(prefix.bucket, keys, prefix.key)
    ordered = order(len(layout.files), channel.seed)
    for folder, part in _parts(job, channel, job_folder, layout, ordered).items():
        make_folders(folder, part.folders)
        files = [(folder / path, keys[key]) for path, key in part.files]
        fetch_all(files, channel.name, objects, progress)
    names = (Location(prefix.bucket, layout.files[place][1]) for place in ordered)
    return manifest_file(prefix.key, names)


def _parts(
    job: Job, channel: Channel, job_folder: Path, layout: Layout, ordered: Sequence[int]
) -> Mapping[Path, Layout]:
    """Each folder to make and what is in it."""
    if not is_dealt(job, channel):
        return {folder_of(job_folder, channel.name): layout}
    hosts = channel_hosts(job, channel)
    parts = {}
    for number, host in enumerate(hosts):
        files = tuple(layout.files[place] for place in deal(ordered, number, len(hosts)))
        folder = Path(shard_of(str(job_folder), host, channel.name))
        parts[folder] = Layout(folders_of(path for path, _ in files), files)
    return parts


def make_folders(folder: Path, below: Sequence[str]) -> None:
    """Make a channel's folder anew, and those below it; any user may write into an overlay of it.

    Raises:
        OSError: the disk is full, say.
    """
    make_empty(folder)
    for path in ("", *below):
        (folder / path).mkdir(exist_ok=True)
        (folder / path).chmod(0o777)  # an image's program need not run as root
