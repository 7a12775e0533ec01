"""Inputs and code into the hosts' folders. Channels are not copied: they are mounted or streamed.

A folder on this machine is mounted in place (``local``), objects from S3 as a folder of links
(``channels``); what is streamed is written down (``pipes``).
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sagelet.domain import opt_ml
from sagelet.domain.channels import FILE_SCHEME, Location, location_of
from sagelet.domain.errors import DomainError, HostFault, ValidationException
from sagelet.domain.hosts import HostPlan, JobPlan, plan
from sagelet.domain.rules import s3_output, submit_directory
from sagelet.domain.training import TrainingJob
from sagelet.engine import channels, listing, pipes
from sagelet.engine.checkpoints import Checkpoints
from sagelet.engine.code import snapshot, unpack_object
from sagelet.engine.intermediate import Intermediate
from sagelet.engine.local import check_local, local, source_of, stage_local
from sagelet.execution.backend import Progress
from sagelet.store import Store
from sagelet.store.home import Home
from sagelet.store.object_store import ObjectStore


def plan_job(job: TrainingJob, store: Store, folder: Path | None = None) -> JobPlan:
    """The job's plan, with every source where it lies in this home.

    ``folder`` is where the job's own files go, if not into its folder in the home.
    """
    home = store.home
    folder = folder or home.job(job.key)
    sources = {}
    for channel in job.channels:
        path = local(channel.uri, home)
        if path is None:
            sources[channel.name] = str(channels.folder_of(folder, channel.name))
        else:
            sources[channel.name] = str(source_of(channel, folder, path))
    if code_source(job, home) is not None or code_object(job) is not None:
        sources[""] = str(folder / "code")
    made = plan(job, str(folder), sources, _checkpoints(job, home, folder))
    spare = store.spares.read(folder)  # hosts that were made ready before keep their name
    return made if spare is None else replace(made, spare=spare.name)


def check_sources(job: TrainingJob, store: Store, objects: ObjectStore) -> None:
    """Refuse a job whose data or code is not there, or whose output could not be written.

    Raises:
        ValidationException: names what is missing.
    """
    check_inputs(job, store, objects)
    check_bucket("HyperParameters.sagemaker_s3_output", s3_output(job) or "", job.region, objects)
    output = local(job.output_uri, store.home)
    if output is None:
        check_bucket("OutputDataConfig.S3OutputPath", job.output_uri, job.region, objects)
    elif not can_be_made(output):
        raise ValidationException(
            f"OutputDataConfig.S3OutputPath: {output} cannot be made or written to. Give another "
            "folder (--output)."
        )


def check_inputs(job: TrainingJob, store: Store, objects: ObjectStore) -> None:
    """Refuse a job whose data or code is not there.

    Raises:
        ValidationException: names what is missing.
    """
    home = store.home
    for channel in job.channels:
        path = local(channel.uri, home)
        if path is not None:
            check_local(channel, path)
    listing.check_channels(job, objects)
    source = code_source(job, home)
    if source is not None and not source.exists():
        raise ValidationException(f"The code {source} does not exist.")
    if job.checkpoints:
        place = local(job.checkpoints[0], home)
        if place is None:
            check_bucket("CheckpointConfig.S3Uri", job.checkpoints[0], job.region, objects)
        elif place.is_file():
            raise ValidationException(f"CheckpointConfig.S3Uri: {place} is a file; give a folder.")


def check_bucket(where: str, uri: str, region: str, objects: ObjectStore) -> None:
    """Refuse an address in S3 whose bucket does not exist.

    Raises:
        ValidationException: names it.
    """
    location = location_of(uri)
    if location is None:
        return
    try:
        next(iter(objects.list(location.bucket, location.key)), None)
    except DomainError as error:
        if error.code != "NoSuchBucket":
            raise
        raise ValidationException(
            f"{where}: the bucket of {uri} does not exist in the region {region}. Make it first: "
            f"aws s3 mb s3://{location.bucket}"
        ) from None


def can_be_made(folder: Path) -> bool:
    """Whether files can be put into ``folder``, made or not; tried, and nothing is left.

    Several may try at once: each in a folder of its own, beside what is there.
    """
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        if any(path.is_symlink() for path in missing):
            return False
        place = missing[-1].parent if missing else folder
        with tempfile.TemporaryDirectory(prefix=".sagelet-", dir=place) as probe:
            (Path(probe) / folder.relative_to(place)).mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return True


def stage(
    job: TrainingJob, job_plan: JobPlan, store: Store, objects: ObjectStore, progress: Progress
) -> None:
    """Make the hosts' folders: the /opt/ml tree, its config files, the code.

    What an earlier try left behind is replaced.

    Raises:
        HostFault: something cannot be read or written.
    """
    home = store.home
    try:
        home.reserve(job.key)
        manifests = channels.stage_channels(job, home.job(job.key), objects, progress)
        manifests |= stage_local(job, home, progress)
        pipes.stage_pipes(job, home, objects, progress)
        for host in job_plan.hosts:
            _stage_host(job, host, manifests)
        Intermediate.of(job, job_plan, home.job(job.key), objects).begin()
        _stage_checkpoints(job, home, objects, progress)
        source = code_source(job, home)
        if source is not None:
            if source.is_dir():
                progress(f"staging code from {source}")
            snapshot(source, home.job(job.key) / "code", home.root, progress)
        code = code_object(job)
        if code is not None:
            progress(f"staging code from {code}")
            unpack_object(code, home.job(job.key) / "code", objects)
    except (OSError, shutil.Error) as error:
        raise HostFault(f"ClientError: Data download failed: {error}") from None


def stage_spare(job: TrainingJob, job_plan: JobPlan) -> None:
    """The folders of hosts that are made ready before their job, empty as far as they are its own.

    Raises:
        OSError: something cannot be written.
    """
    for host in job_plan.hosts:
        _stage_host(job, host, {})
        for mount in host.mounts:
            if mount.source.startswith(str(Path(host.folder).parent) + "/"):
                Path(mount.source).mkdir(parents=True, exist_ok=True)


def _stage_host(job: TrainingJob, host: HostPlan, manifests: Mapping[str, str]) -> None:
    """The host's /opt/ml, without what is mounted into it."""
    ml = Path(host.folder) / "ml"
    for name in (*opt_ml.FOLDERS, *([opt_ml.INTERMEDIATE] if s3_output(job) else [])):
        (ml / name).mkdir(parents=True, exist_ok=True)
        (ml / name).chmod(0o777)  # an image's program need not run as root
    given = [c.name for c in opt_ml.channels_of(job, host.name) if c.input_mode != "Pipe"]
    for name in given:
        (ml / "input" / "data" / name).mkdir(exist_ok=True)
    config = ml / "input" / "config"
    for stale in {path.name for path in config.glob("*.json")} - {*host.files}:
        (config / stale).unlink()
    for file_name, content in host.files.items():
        (config / file_name).write_bytes(content)
    _write_manifests(ml / "input" / "data", {n: t for n, t in manifests.items() if n in given})
    pipes.make_first_pipes(host)


def _write_manifests(folder: Path, manifests: Mapping[str, str]) -> None:
    """Beside each channel from S3, as SageMaker does; a channel of that name comes first."""
    for channel, text in manifests.items():
        path = folder / f"{channel}-manifest"
        if not path.is_dir():
            path.write_text(text)


def _stage_checkpoints(
    job: TrainingJob, home: Home, objects: ObjectStore, progress: Progress
) -> None:
    synced = Checkpoints.of(job, home.job(job.key), objects)
    if synced is not None:
        synced.restore(progress)
    elif job.checkpoints:
        home.path_of(job.checkpoints[0]).mkdir(parents=True, exist_ok=True)


def _checkpoints(job: TrainingJob, home: Home, folder: Path) -> str | None:
    """Where the checkpoints lie on this machine while the job runs."""
    if job.checkpoints is None:
        return None
    return str(local(job.checkpoints[0], home) or Checkpoints.folder_in(folder))


def code_source(job: TrainingJob, home: Home) -> Path | None:
    """The folder, archive or script on this machine that the job's code is, if it is one."""
    directory = submit_directory(job)
    return home.path_of(directory) if directory and directory.startswith(FILE_SCHEME) else None


def code_object(job: TrainingJob) -> Location | None:
    """The archive in S3 that the job's code is, if it is one."""
    return location_of(submit_directory(job) or "")
