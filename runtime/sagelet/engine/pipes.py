"""Pipe channels: what there is to stream, linked and written down, and the first pipe.

The objects are had before the job starts, as hard links to the store's own files: what happens to
a key later does not reach the job. Objects of an S3 elsewhere are fetched into the cache. Files of
this machine are streamed from where they are. The streaming itself is done by ``execution.feeder``.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sagelet.domain.channels import Location, location_of
from sagelet.domain.errors import DomainError
from sagelet.domain.hosts import HostPlan, index_of
from sagelet.domain.jobs import Channel, Job
from sagelet.domain.pipes import Part, index_line, pipe_name
from sagelet.engine.fetching import Wanted, fetch_all
from sagelet.engine.listing import Nothing, failed, find_augmented, find_objects, no_objects
from sagelet.engine.local import files_of
from sagelet.execution.backend import Progress
from sagelet.store.home import Home, remove_tree
from sagelet.store.object_store import ObjectStore, StoredObject

#: Files in one folder: many file systems get slow with more.
_FOLDER = 1000


def stage_pipes(job: Job, home: Home, objects: ObjectStore, progress: Progress) -> None:
    """Make the index of every Pipe channel; what an earlier try left is replaced.

    Raises:
        HostFault: an object cannot be had; it is named.
        OSError: something cannot be read or written.
        Cancelled: told to stop.
    """
    for channel in job.channels:
        if channel.input_mode != "Pipe":
            continue
        index = Path(index_of(str(home.job(job.key)), channel.name))
        remove_tree(index.parent)
        index.parent.mkdir(parents=True)
        location = location_of(channel.uri)
        if location is None:
            files = files_of(home.path_of(channel.uri))
            _write(index, ([(str(path), str(path))] for _, path in files))
            continue
        try:
            _stage(channel, location, index, objects, progress)
        except Nothing:
            raise failed(no_objects(job, channel, location)) from None
        except DomainError as error:
            raise failed(f"{channel.uri}: {error}") from None


def make_first_pipes(host: HostPlan) -> None:
    """The pipe of the first epoch is there when the host starts.

    Raises:
        OSError: it cannot be made.
    """
    for pipe in host.pipes:
        path = Path(host.folder, "ml", pipe.folder, pipe_name(pipe.name or pipe.channel, 0))
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(path)
        path.chmod(0o666)  # an image's program need not run as root


def _stage(
    channel: Channel, location: Location, index: Path, objects: ObjectStore, progress: Progress
) -> None:
    links = _Links(index.parent)
    if channel.data_type == "AugmentedManifestFile":
        found = find_augmented(channel, location, objects)
        files = {at: links.add(each) for at, each in found.objects.items()}
        items: list[list[Part]] = [
            [files[part] if isinstance(part, Location) else (part,) for part in line]
            for line in found.lines
        ]
    else:
        _, listed = find_objects(channel, location, objects)
        items = [[links.add(each)] for each in listed if not each.key.endswith("/")]
        if not items:
            raise Nothing
    fetch_all(links.wanted, channel.name, objects, progress)
    _write(index, items)


class _Links:
    """The files that objects become, below one folder, by running numbers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.wanted: list[Wanted] = []

    def add(self, found: StoredObject) -> Part:
        """Want an object; the part that it is."""
        number = len(self.wanted)
        path = f"{number // _FOLDER}/{number % _FOLDER}"
        if number % _FOLDER == 0:
            (self._folder / path).parent.mkdir()
        self.wanted.append((self._folder / path, found))
        return path, str(Location(found.bucket, found.key))


def _write(index: Path, items: Iterable[list[Part]]) -> None:
    part = index.with_name("index.part")
    with part.open("wb") as file:
        file.writelines(index_line(parts) for parts in items)
    part.replace(index)
