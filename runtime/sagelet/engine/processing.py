"""A processing job's folders: its inputs where the hosts find them, its outputs where they go."""

import shutil
from pathlib import Path

from sagelet.domain import processing_hosts
from sagelet.domain.channels import location_of
from sagelet.domain.errors import HostFault, ValidationException
from sagelet.domain.hosts import Access, HostPlan, JobPlan, Mount, is_dealt, shard_of
from sagelet.domain.opt_ml import ROOT
from sagelet.domain.processing import MESSAGE_LIMIT, ProcessingJob
from sagelet.engine import channels, listing, pipes, remains
from sagelet.engine.local import check_local, local, source_of, stage_local
from sagelet.engine.processed import Processed
from sagelet.engine.staging import can_be_made, check_bucket
from sagelet.execution.backend import Progress
from sagelet.store import Store
from sagelet.store.object_store import ObjectStore


def plan_job(job: ProcessingJob, store: Store) -> JobPlan:
    """The job's plan, with every source where it lies in this home."""
    folder = store.home.job(job.key)
    sources = {}
    for channel in job.channels:
        path = local(channel.uri, store.home)
        place = channels.folder_of(folder, channel.name)
        sources[channel.name] = str(place if path is None else source_of(channel, folder, path))
    return processing_hosts.plan(job, str(folder), sources)


def check_sources(job: ProcessingJob, store: Store, objects: ObjectStore) -> None:
    """Refuse a job whose data is not there, or whose outputs could not be written.

    Raises:
        ValidationException: names what is missing.
    """
    for channel in job.channels:
        path = local(channel.uri, store.home)
        if path is not None:
            check_local(channel, path)
    listing.check_channels(job, objects)
    for output in job.outputs:
        where = f"Output '{output.name}': S3Output.S3Uri"
        path = local(output.uri, store.home)
        if path is None:
            check_bucket(where, output.uri, job.region, objects)
        elif not can_be_made(path):
            raise ValidationException(
                f"{where}: {path} cannot be made or written to. Give another folder."
            )


def stage(
    job: ProcessingJob, plan: JobPlan, store: Store, objects: ObjectStore, progress: Progress
) -> None:
    """Make the hosts' folders; what an earlier try left behind is replaced.

    Raises:
        HostFault: something cannot be read or written.
        Cancelled: told to stop.
    """
    home = store.home
    folder = home.job(job.key)
    try:
        home.reserve(job.key)
        channels.stage_channels(job, folder, objects, progress)
        stage_local(job, home, progress)
        pipes.stage_pipes(job, home, objects, progress)
        _make_mount_points(job, plan, folder)
        for host in plan.hosts:
            _stage_host(job, host)
        (folder / "outputs").mkdir(exist_ok=True)
        Processed(job, plan, folder, objects).begin()
    except (OSError, shutil.Error) as error:
        raise HostFault(f"ClientError: Data download failed: {error}") from None


def _make_mount_points(job: ProcessingJob, plan: JobPlan, folder: Path) -> None:
    """An input may lie in another one's folder, which must have a place for it."""
    for host in plan.hosts:
        for mount in host.mounts:
            for outer in host.mounts:
                if outer.access is Access.COPY_ON_WRITE and mount.target.startswith(
                    f"{outer.target}/"
                ):
                    inner = mount.target.removeprefix(f"{outer.target}/")
                    (_lowest(job, outer, host, folder) / inner).mkdir(parents=True, exist_ok=True)


def _lowest(job: ProcessingJob, mount: Mount, host: HostPlan, folder: Path) -> Path:
    """The folder of ours that a host sees at ``mount``: never the user's."""
    channel = next(channel for channel in job.channels if channel.path == mount.target)
    if is_dealt(job, channel):
        return Path(shard_of(str(folder), host.name, channel.name))
    if location_of(channel.uri) is None:
        return folder / "links" / channel.name
    return Path(mount.source)


def _stage_host(job: ProcessingJob, host: HostPlan) -> None:
    """The host's /opt/ml, without what is mounted into it."""
    ml = Path(host.folder) / "ml"
    made = [ml / name for name in processing_hosts.FOLDERS]
    made += [ml / output.path.removeprefix(f"{ROOT}/") for output in job.outputs]
    made += [ml / c.path.removeprefix(f"{ROOT}/") for c in job.channels if c.input_mode != "Pipe"]
    for place in made:
        place.mkdir(parents=True, exist_ok=True)
    for place in (ml / "processing", *(ml / "processing").rglob("*"), *made):
        if place.is_dir():
            place.chmod(0o777)  # an image's program need not run as root
    for name, content in host.files.items():
        (ml / host.config / name).write_bytes(content)
    pipes.make_first_pipes(host)


def store_outputs(
    job: ProcessingJob, plan: JobPlan, store: Store, objects: ObjectStore, progress: Progress
) -> dict[str, str]:
    """Keep what the hosts said, and bring the outputs to where they belong.

    Returns:
        Output name -> URI.

    Raises:
        HostFault: something could not be brought there, or what they said is no text.
    """
    said = [found for host in plan.hosts if (found := remains.written(host, "message"))]
    text, whole = _text(b"".join(said))
    store.processing_jobs.save_exit_message(job.name, text or None)
    if job.outputs:
        progress("storing the outputs")
    Processed(job, plan, store.home.job(job.key), objects).finish()
    if not whole:
        raise HostFault("ClientError: /opt/ml/output/message is not UTF-8 text.")
    return {output.name: output.uri for output in job.outputs}


def _text(said: bytes) -> tuple[str, bool]:
    """As much of it as is kept, as text, and whether it is text."""
    cut = said[:MESSAGE_LIMIT]
    try:
        return cut.decode(), True
    except UnicodeDecodeError as error:
        broken = len(said) > len(cut) and error.reason == "unexpected end of data"
        return cut.decode("utf-8", "ignore" if broken else "replace"), broken
