"""What a job leaves: archives at its output path, and the next version of its model."""

import fcntl
from collections.abc import Sequence
from pathlib import Path

from sagelet.domain.errors import HostFault
from sagelet.domain.hosts import JobPlan
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.training import TrainingJob
from sagelet.engine import remains
from sagelet.execution.backend import Progress
from sagelet.store import Store, archive

#: Archiving fewer bytes than this takes no time worth a word.
BIG = 10_000_000

#: Endings whose model becomes a version: a failed job's files are kept, but are no model.
VERSIONED = frozenset({Secondary.COMPLETED, Secondary.STOPPED, Secondary.MAX_RUNTIME_EXCEEDED})


def store_outputs(
    job: TrainingJob, plan: JobPlan, store: Store, now: float, progress: Progress
) -> dict[str, str]:
    """Archive the model and the output data; give the model its version.

    All hosts' files are merged, the primary host's first: its file wins where names clash.

    Returns:
        Kind -> URI: ``model``, and ``output`` when there is any.

    Raises:
        HostFault: they could not be written; nothing half-written is left.
    """
    models = [f for f in (remains.own_folder(host, "model") for host in plan.hosts) if f]
    data = [f for f in (remains.own_folder(host, "output", "data") for host in plan.hosts) if f]
    uri = f"{job.output_uri.rstrip('/')}/{job.name}/output"
    folder = store.home.path_of(uri)
    artifacts = {}
    try:
        if job.compressed:
            _pack(models, folder / "model.tar.gz", "model", progress)
            artifacts["model"] = f"{uri}/model.tar.gz"
            place = folder / "model.tar.gz"
        else:
            archive.copy_tree(models, folder / "model")
            artifacts["model"] = f"{uri}/model/"
            place = folder / "model"
        if any(map(_holds_anything, data)):
            if job.compressed:
                _pack(data, folder / "output.tar.gz", "output data", progress)
                artifacts["output"] = f"{uri}/output.tar.gz"
            else:
                archive.copy_tree(data, folder / "data")
                artifacts["output"] = f"{uri}/data/"
        if job.life.ending in VERSIONED and any(map(_holds_anything, models)):
            _publish(job, place, store, now)
    except OSError as error:
        store.models.release(job.name)
        raise HostFault(
            f"ClientError: Artifact upload failed: {error.strerror or error}: "
            f"{error.filename or folder}."
        ) from None
    return artifacts


def _pack(folders: Sequence[Path], target: Path, what: str, progress: Progress) -> None:
    total = sum(
        path.lstat().st_size
        for folder in folders
        for path in archive.walk(folder)
        if path.is_file()
    )
    shown = 0

    def tell(done: int) -> None:
        nonlocal shown
        if done * 100 // total > shown:
            shown = done * 100 // total
            progress(f"archiving the {what}: {shown}% of {total / 1e6:.1f} MB")

    archive.pack(folders, target, tell if total > BIG else None)


def _publish(job: TrainingJob, place: Path, store: Store, now: float) -> None:
    """Make ``place`` the next version of the job's model name."""
    name = job.model_name
    folder = store.home.models / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        version = store.models.reserve(name, job.name, now)
        target = folder / str(version) / place.name
        target.parent.mkdir(exist_ok=True)
        archive.link_or_copy(place, target)
        store.models.publish(job.name, _size(target))
        latest = max(v.version for v in store.models.published(name))
        archive.point(folder / "latest", str(latest))


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(p.lstat().st_size for p in archive.walk(path) if p.is_file())


def _holds_anything(folder: Path) -> bool:
    return any(not path.is_dir() or path.is_symlink() for path in archive.walk(folder))
