"""Objects to files: one after another from a store on this disk, side by side from one elsewhere.

A store on this disk gives each object as a hard link to an immutable file, so nothing is copied,
and what happens to the key later does not reach the job.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from sagelet.domain.errors import DomainError
from sagelet.execution.backend import Cancelled, Progress
from sagelet.store.object_store import ObjectStore, StoredObject

#: Between words about how far fetching is, in objects.
_TELL_EVERY = 1000

#: Between looks at whether the job should stop, in seconds.
_TICK = 0.2

#: A new file, and the object it shall be.
Wanted = tuple[Path, StoredObject]


def fetch_all(
    wanted: Sequence[Wanted], channel: str, objects: ObjectStore, progress: Progress
) -> None:
    """Make the files of a channel; their folders exist.

    Raises:
        DomainError: an object cannot be had.
        OSError: the disk is full, say.
        Cancelled: told to stop.
    """
    if objects.lanes == 1:
        for number, (target, found) in enumerate(wanted):
            _tell(number, len(wanted), channel, objects, progress)
            _fetch(target, found, objects)
        return
    pool = ThreadPoolExecutor(objects.lanes, thread_name_prefix="stage")
    try:
        pending = {pool.submit(_fetch, target, found, objects) for target, found in wanted}
        total = len(pending)
        while pending:
            done, pending = wait(pending, timeout=_TICK)
            for each in done:
                each.result()
            _tell(total - len(pending), total, channel, objects, progress)
    except BaseException:
        # One that is told to stop does not wait for what is on its way.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _fetch(target: Path, found: StoredObject, objects: ObjectStore) -> None:
    try:
        objects.fetch(found, target)
    except DomainError:
        current = objects.find(found.bucket, found.key)
        if current is None or current == found:
            raise
        objects.fetch(current, target)  # replaced since it was listed


def _tell(done: int, total: int, channel: str, objects: ObjectStore, progress: Progress) -> None:
    if progress.cancelled():
        raise Cancelled
    if total > _TELL_EVERY and (done % _TELL_EVERY == 0 or objects.lanes > 1):
        progress(f"channel '{channel}': {done} of {total} objects")
