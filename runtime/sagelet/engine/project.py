"""A job as a compose project: what its document mounts, and the files that must lie beside it.

Folders of this machine are mounted where they are. What cannot be mounted (objects from S3, code
in an archive, links that lead out of a channel) is put into the project's folder, if there is one
to write to. Nothing is started and no job is remembered.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagelet.domain import opt_ml
from sagelet.domain.channels import location_of
from sagelet.domain.compose_scripts import OWN
from sagelet.domain.errors import ValidationException
from sagelet.domain.hosts import Access, HostPlan, JobPlan, Mount
from sagelet.domain.training import TrainingJob
from sagelet.engine import channels
from sagelet.engine.code import snapshot, unpack_object
from sagelet.engine.links import leads_out, resolve_links
from sagelet.engine.local import local
from sagelet.engine.staging import code_object, code_source, plan_job
from sagelet.execution.backend import Progress
from sagelet.store import Store
from sagelet.store.home import remove_tree
from sagelet.store.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Project:
    """``files``: further files of every host, path in the host -> path in the project's folder."""

    plan: JobPlan
    files: Mapping[str, str]


def lay_out(
    job: TrainingJob,
    store: Store,
    objects: ObjectStore,
    folder: Path,
    progress: Progress | None,
) -> Project:
    """The project of ``job`` in ``folder``, and its files there.

    ``progress`` None: nothing may be written.

    Raises:
        ValidationException: compose cannot do what the job asks for, or needs files.
        HostFault: something cannot be read or written.
    """
    _check(job)
    own = folder / OWN
    needs = _needs(job, store, own, objects)
    if needs and progress is None:
        what = "; ".join(text for text, _ in needs)
        raise ValidationException(
            f"This job needs files beside its compose document: {what}. Name a folder for all of "
            "it: sagelet compose -o DIR."
        )
    files: dict[str, str] = {}
    if progress is not None:
        for _, make in needs:
            make(progress)
        files = _manifests(job, own, objects, progress)
    plan = plan_job(job, store, own)
    hosts = tuple(_in_place(host, job, store) for host in plan.hosts)
    return Project(dataclasses.replace(plan, hosts=hosts), files)


def _check(job: TrainingJob) -> None:
    """Refuse what only a control plane can do while a job runs."""
    for channel in job.channels:
        if channel.input_mode != "File":
            raise ValidationException(
                f"Channel '{channel.name}': input mode {channel.input_mode} needs the control "
                "plane while the job runs; a compose project has File only."
            )
        if channel.distribution != "FullyReplicated" and job.host_count > 1:
            raise ValidationException(
                f"Channel '{channel.name}': {channel.distribution} gives each host a part; a "
                "compose project has FullyReplicated only."
            )
    if job.checkpoints and location_of(job.checkpoints[0]):
        raise ValidationException(
            f"CheckpointConfig.S3Uri: {job.checkpoints[0]} is kept in step by the control plane "
            "while the job runs; a compose project wants a folder (file://, --checkpoints DIR)."
        )


_Need = tuple[str, Callable[[Progress], None]]


def _needs(job: TrainingJob, store: Store, own: Path, objects: ObjectStore) -> Sequence[_Need]:
    """What cannot be mounted from where it is, and how to put it into the folder."""
    needs: list[_Need] = []
    for channel in job.channels:
        path = local(channel.uri, store.home)
        if path is None:
            # Staged with its manifest, all channels at once.
            needs.append((f"channel '{channel.name}' comes from {channel.uri}", lambda _: None))
        elif path.is_dir() and leads_out(path):
            needs.append(
                (
                    f"channel '{channel.name}' has links that lead out of {path}",
                    _Links(path, own / "links" / channel.name),
                )
            )
    source, found = code_source(job, store.home), code_object(job)
    if source is not None and _packed(source):
        needs.append(
            (
                f"the code is the archive {source}",
                lambda progress: snapshot(source, own / "code", store.home.root, progress),
            )
        )
    if found is not None:
        needs.append(
            (
                f"the code comes from {found}",
                lambda _: unpack_object(found, own / "code", objects),
            )
        )
    return needs


@dataclass(frozen=True, slots=True)
class _Links:
    channel: Path
    over: Path

    def __call__(self, _progress: Progress) -> None:
        if self.over.exists():
            remove_tree(self.over)
        resolve_links(self.channel, self.over)


def _manifests(
    job: TrainingJob, own: Path, objects: ObjectStore, progress: Progress
) -> dict[str, str]:
    """Stage the channels from S3; the manifest beside each, unless a channel has its name."""
    names = {channel.name for channel in job.channels}
    files = {}
    for channel, text in channels.stage_channels(job, own, objects, progress).items():
        if f"{channel}-manifest" not in names:
            (own / "manifests").mkdir(exist_ok=True)
            (own / "manifests" / channel).write_text(text)
            target = f"{opt_ml.ROOT}/input/data/{channel}-manifest"
            files[target] = f"./{OWN}/manifests/{channel}"
    return files


def _in_place(host: HostPlan, job: TrainingJob, store: Store) -> HostPlan:
    """The host with channels and code from where they are, not from copies of a job."""
    single: dict[str, Path] = {}
    for channel in job.channels:
        path = local(channel.uri, store.home)
        if path is not None and path.is_file():
            single[f"{opt_ml.ROOT}/input/data/{channel.name}"] = path
    source = code_source(job, store.home)
    folder = None
    if source is not None and source.is_dir():
        folder = source
    elif source is not None and not _packed(source):
        single[f"{opt_ml.ROOT}/code"] = source
    mounts = []
    for mount in host.mounts:
        if mount.target in single:
            path = single[mount.target]
            mounts.append(Mount(str(path), f"{mount.target}/{path.name}", Access.READ_ONLY))
        elif mount.target == f"{opt_ml.ROOT}/code" and folder is not None:
            mounts.append(dataclasses.replace(mount, source=str(folder)))
        else:
            there = mount.over is not None and Path(mount.over).is_dir()
            mounts.append(mount if there else dataclasses.replace(mount, over=None))
    return dataclasses.replace(host, mounts=tuple(mounts))


def _packed(source: Path) -> bool:
    return source.name.endswith((".tar.gz", ".tgz"))
