"""Channels that lie on this machine: a folder in place, a file in a folder, or dealt to hosts.

A folder is never copied: what hosts share is mounted where it is, what is dealt to them is linked.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from sagelet.domain.channels import folders_of, location_of, manifest_file
from sagelet.domain.dealing import deal, order
from sagelet.domain.errors import ValidationException
from sagelet.domain.hosts import is_dealt, shard_of
from sagelet.domain.jobs import Channel, Job
from sagelet.domain.opt_ml import channel_hosts
from sagelet.engine.channels import make_folders
from sagelet.engine.links import link_or_copy, resolve_links
from sagelet.execution.backend import Cancelled, Progress
from sagelet.store.home import Home

_ARTICLE = {"channel": "a channel", "input": "an input"}


def local(uri: str, home: Home) -> Path | None:
    """Where a URI lies on this machine; None when it lies in S3."""
    return None if location_of(uri) else home.path_of(uri)


def source_of(channel: Channel, job_folder: Path, path: Path) -> Path:
    """The folder of a channel that lies at ``path``: where a single file's is made, or itself."""
    return job_folder / "files" / channel.name if path.is_file() else path


def check_local(channel: Channel, path: Path) -> None:
    """Refuse a channel that is not there, cannot be read, or holds nothing.

    Raises:
        ValidationException: says which.
    """
    what = f"{channel.what.capitalize()} '{channel.name}'"
    if not path.exists():
        raise ValidationException(
            f"{what}: {path} does not exist. Give an existing folder or file."
        )
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise ValidationException(f"{what}: {path} may not be read by you.")
    if path.is_dir():
        files_only = channel.input_mode == "Pipe" or channel.sharded
        entries: Iterator[object] = files_below(path) if files_only else os.scandir(path)
        if next(entries, None) is None:
            raise ValidationException(
                f"{what}: {path} is empty. SageMaker refuses {_ARTICLE[channel.what]} without "
                "objects; put data there first."
            )


def stage_local(job: Job, home: Home, progress: Progress) -> dict[str, str]:
    """Make the folders of local channels that need some; what an earlier try left is replaced.

    Returns:
        Channel name -> the text of the manifest beside it, of those that are dealt out.

    Raises:
        OSError: something cannot be read or written.
        Cancelled: told to stop.
    """
    manifests = {}
    job_folder = home.job(job.key)
    for channel in job.channels:
        path = local(channel.uri, home)
        if path is None or channel.input_mode == "Pipe":
            continue
        if is_dealt(job, channel):
            manifests[channel.name] = _deal(job, channel, job_folder, path, progress)
        elif path.is_file():
            folder = source_of(channel, job_folder, path)
            folder.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, folder / path.name)
        else:
            resolve_links(path, job_folder / "links" / channel.name)
    return manifests


def files_of(path: Path) -> list[tuple[str, Path]]:
    """The files of a channel at ``path`` by their names in it, ordered as keys in S3 are."""
    if path.is_file():
        return [(path.name, path)]
    found = [(str(file.relative_to(path)), file) for file in files_below(path)]
    return sorted(found, key=lambda each: os.fsencode(each[0]))


def files_below(folder: Path) -> Iterator[Path]:
    """Every plain file below a folder, also by way of links, but none by way of a circle."""
    seen: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        for name in names:
            path = Path(root, name)
            if path.is_file():
                yield path


def _deal(job: Job, channel: Channel, job_folder: Path, path: Path, progress: Progress) -> str:
    files = files_of(path)
    ordered = order(len(files), channel.seed)
    hosts = channel_hosts(job, channel)
    for number, host in enumerate(hosts):
        part = [files[place] for place in deal(ordered, number, len(hosts))]
        folder = Path(shard_of(str(job_folder), host, channel.name))
        make_folders(folder, folders_of(name for name, _ in part))
        for name, file in part:
            if progress.cancelled():
                raise Cancelled
            link_or_copy(file, folder / name)
    uris = (f"{channel.uri.rstrip('/')}/{files[place][0]}" for place in ordered)
    return manifest_file(str(path), uris if path.is_dir() else [channel.uri])
