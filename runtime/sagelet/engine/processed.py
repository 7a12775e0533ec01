"""The outputs of a processing job: what its hosts leave in a folder goes under an address.

The files of all hosts go to the same place; of one name, the last host's stays. What was brought
there is remembered, so that an upload that was interrupted goes on. Links are not followed.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from sagelet.domain.channels import FILE_SCHEME, Location, location_of
from sagelet.domain.errors import HostFault
from sagelet.domain.hosts import HostPlan, JobPlan
from sagelet.domain.opt_ml import ROOT
from sagelet.domain.processing import Output, ProcessingJob
from sagelet.engine import remains
from sagelet.engine.syncing import FolderSync, Receiver, Way
from sagelet.store.object_store import ObjectStore

#: Of a file's name, so many bytes are in the name it has while it is not whole.
_LONGEST = 200


class Processed:
    """All outputs of a job. ``begin`` when they are staged; then ``start``, and ``finish``."""

    def __init__(
        self, job: ProcessingJob, plan: JobPlan, job_folder: Path, objects: ObjectStore
    ) -> None:
        self._all = [
            (output, _sync(job, output, number, host, job_folder, objects))
            for number, output in enumerate(job.outputs)
            for host in plan.hosts
        ]

    def begin(self) -> None:
        """The folders are made and empty."""
        for _, sync in self._all:
            sync.begin()

    def start(self, note: Callable[[str], None]) -> None:
        """Bring what is Continuous in threads; what goes wrong is noted, once, and retried."""
        for output, sync in self._all:
            if output.continuous:
                sync.start(note)

    def finish(self) -> None:
        """Stop the threads, and bring all that is left. The hosts have ended.

        Raises:
            HostFault: something could not be brought there; the rest was.
        """
        faults = []
        for _, sync in self._all:
            try:
                sync.finish()
            except HostFault as fault:
                faults.append(fault)
        if faults:
            raise faults[0]


class _Place(Location):
    """A folder of this machine in a Location's stead: its key is the path."""

    __slots__ = ()

    def __str__(self) -> str:
        return FILE_SCHEME + quote(os.fsencode(self.key))


class _Files:
    """Files of this machine as what an output is brought to.

    ``mark`` tells unfinished files from those of other hosts and jobs, which may bring one of that
    name at the same time.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def put(self, bucket: str, key: str, source: Path) -> None:  # noqa: ARG002
        """Make ``key`` the file that ``source`` is."""
        place = Path(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        name = os.fsdecode(os.fsencode(place.name)[:_LONGEST])
        part = place.with_name(f".{name}.{self._mark}.sagelet-part")
        try:
            with source.open("rb") as read, part.open("wb") as write:
                shutil.copyfileobj(read, write, 1 << 20)
                write.flush()
                os.fsync(write.fileno())
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)

    def delete(self, bucket: str, key: str) -> None:  # noqa: ARG002
        """Delete the file."""
        Path(key).unlink(missing_ok=True)


def _sync(
    job: ProcessingJob,
    output: Output,
    number: int,
    host: HostPlan,
    job_folder: Path,
    objects: ObjectStore,
) -> FolderSync:
    location = location_of(output.uri)
    receiver: Receiver = objects
    if location is None:
        path = os.fsdecode(unquote_to_bytes(output.uri.removeprefix(FILE_SCHEME)))
        mark = hashlib.sha256(f"{job.arn}\0{number}\0{host.name}".encode()).hexdigest()[:12]
        location, receiver = _Place("", path), _Files(mark)
    work = job_folder / "outputs"
    parts = output.path.removeprefix(f"{ROOT}/").split("/")
    return FolderSync(
        Way(
            what="Output",
            location=location,
            folder=partial(remains.own_folder, host, *parts),
            state=work / f"{number}-{host.name}.json",
            part=work / f".{number}-{host.name}.part",
            deletions=False,
        ),
        receiver,
    )
