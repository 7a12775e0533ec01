"""What a job leaves: archives at its output path, and the next version of its model."""

import fcntl
from collections.abc import Sequence
from pathlib import Path

from sagelet.domain.channels import Location, below, location_of
from sagelet.domain.errors import DomainError, HostFault
from sagelet.domain.hosts import JobPlan
from sagelet.domain.lifecycle import TERMINAL, Secondary
from sagelet.domain.training import TrainingJob
from sagelet.engine import remains
from sagelet.execution.backend import Progress
from sagelet.store import Store, archive
from sagelet.store.home import remove_tree
from sagelet.store.object_store import ObjectStore

_WORDS = {"model": "model", "output": "output data", "data": "output data"}

#: Files named in one note.
_NAMED = 5

#: Archiving fewer bytes than this takes no time worth a word.
BIG = 10_000_000

#: Endings whose model becomes a version: a failed job's files are kept, but are no model.
VERSIONED = TERMINAL - {Secondary.FAILED}


def store_outputs(
    job: TrainingJob,
    plan: JobPlan,
    store: Store,
    objects: ObjectStore,
    now: float,
    progress: Progress,
) -> dict[str, str]:
    """Archive the model and the output data; give the model its version.

    All hosts' files are merged, the primary host's first: its file wins where names clash. What
    goes to S3 is made in the job's folder first; doing all of it again changes nothing.

    Returns:
        Kind -> URI: ``model``, and ``output`` when there is any.

    Raises:
        HostFault: they could not be written; nothing half-written is left.
    """
    models = [f for f in (remains.own_folder(host, "model") for host in plan.hosts) if f]
    data = [f for f in (remains.own_folder(host, "output", "data") for host in plan.hosts) if f]
    uri = f"{job.output_uri.rstrip('/')}/{job.name}/output"
    location = location_of(uri)
    made = store.home.job(job.key) / "upload" if location else store.home.path_of(uri)
    artifacts = {}
    try:
        if len(plan.hosts) > 1:
            _tell_clashes("model", models, job, store)
            _tell_clashes("output/data", data, job, store)
        model = _make(models, made, "model", job, progress)
        artifacts["model"] = f"{uri}/{model}"
        kept = {model: made / model}
        if any(map(_holds_anything, data)):
            output = _make(data, made, "output" if job.compressed else "data", job, progress)
            artifacts["output"] = f"{uri}/{output}"
            kept[output] = made / output
        if location:
            for name, place in kept.items():
                _upload(place, below(location, name.rstrip("/")), objects, progress)
        if job.life.ending in VERSIONED and any(map(_holds_anything, models)):
            _publish(job, made / model, store, now)
        if location:
            remove_tree(made)
    except OSError as error:
        store.models.release(job.name)
        raise HostFault(
            f"ClientError: Artifact upload failed: {error.strerror or error}: "
            f"{error.filename or made}."
        ) from None
    except DomainError as error:
        store.models.release(job.name)
        raise HostFault(f"ClientError: Artifact upload failed: {uri}: {error}") from None
    return artifacts


def _tell_clashes(what: str, folders: Sequence[Path], job: TrainingJob, store: Store) -> None:
    """Several hosts wrote one name: say whose file is left out."""
    found = archive.clashes(folders)
    if found:
        hosts = store.home.job(job.key)
        named = ", ".join(
            f"{folder.relative_to(hosts).parts[0]}'s {name}" for folder, name in found[:_NAMED]
        )
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        store.training_jobs.note(
            job.name,
            f"/opt/ml/{what}: an earlier host's file of the same name is kept, not {named}{more}",
        )


def _make(
    folders: Sequence[Path], place: Path, what: str, job: TrainingJob, progress: Progress
) -> str:
    """Make the archive or folder ``what`` in ``place``; returns its name, ``/`` after a folder."""
    if job.compressed:
        _pack(folders, place / f"{what}.tar.gz", _WORDS[what], progress)
        return f"{what}.tar.gz"
    archive.copy_tree(folders, place / what)
    return f"{what}/"


def _upload(place: Path, location: Location, objects: ObjectStore, progress: Progress) -> None:
    """Put a file, or every file of a folder, under the location."""
    if place.is_file():
        progress(f"storing {location}")
        objects.put(location.bucket, location.key, place)
        return
    inside = place.resolve()
    for path in archive.walk(place):
        target = path.resolve()
        if target.is_file() and target.is_relative_to(inside):  # S3 has no links to follow
            key = below(location, *path.relative_to(place).parts)
            try:
                key.key.encode()
            except UnicodeEncodeError:
                raise HostFault(
                    f"ClientError: Artifact upload failed: {str(path.relative_to(place))!r} is not "
                    "UTF-8, so it cannot be a key in S3."
                ) from None
            progress(f"storing {key}")
            objects.put(key.bucket, key.key, target)


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
