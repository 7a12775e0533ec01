"""Inputs and code into the hosts' folders. Channels are not copied: they are mounted in place."""

import os
import shutil
import tempfile
from pathlib import Path

from sagelet.domain import opt_ml
from sagelet.domain.errors import HostFault, ValidationException
from sagelet.domain.hosts import JobPlan, plan
from sagelet.domain.rules import FILE_SCHEME, submit_directory
from sagelet.domain.training import TrainingJob
from sagelet.engine.code import snapshot
from sagelet.engine.links import link_or_copy, resolve_links
from sagelet.execution.backend import Progress
from sagelet.store import Store
from sagelet.store.home import Home


def plan_job(job: TrainingJob, store: Store) -> JobPlan:
    """The job's plan, with every source where it lies in this home."""
    home = store.home
    folder = home.job(job.name)
    sources = {}
    for channel in job.channels:
        path = home.path_of(channel.uri)
        sources[channel.name] = str(_single(folder, channel.name) if path.is_file() else path)
    if _code_source(job, home) is not None:
        sources[""] = str(folder / "code")
    checkpoints = str(home.path_of(job.checkpoints[0])) if job.checkpoints else None
    return plan(job, str(folder), sources, checkpoints)


def check_sources(job: TrainingJob, store: Store) -> None:
    """Refuse a job whose data or code is not there, or whose output could not be written.

    Raises:
        ValidationException: names what is missing.
    """
    home = store.home
    for channel in job.channels:
        path = home.path_of(channel.uri)
        if not path.exists():
            raise ValidationException(
                f"Channel '{channel.name}': {path} does not exist. Give an existing folder or file."
            )
        if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
            raise ValidationException(f"Channel '{channel.name}': {path} may not be read by you.")
        if path.is_dir() and next(os.scandir(path), None) is None:
            raise ValidationException(
                f"Channel '{channel.name}': {path} is empty. SageMaker refuses a channel without "
                "objects; put data there first."
            )
    source = _code_source(job, home)
    if source is not None and not source.exists():
        raise ValidationException(f"The code {source} does not exist.")
    if job.checkpoints and home.path_of(job.checkpoints[0]).is_file():
        raise ValidationException(
            f"CheckpointConfig.S3Uri: {home.path_of(job.checkpoints[0])} is a file; give a folder."
        )
    output = home.path_of(job.output_uri)
    if not _can_be_made(output):
        raise ValidationException(
            f"OutputDataConfig.S3OutputPath: {output} cannot be made or written to. Give another "
            "folder (--output)."
        )


def _can_be_made(folder: Path) -> bool:
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


def stage(job: TrainingJob, job_plan: JobPlan, store: Store, progress: Progress) -> None:
    """Make the hosts' folders: the /opt/ml tree, its config files, the code.

    Raises:
        HostFault: something cannot be read or written.
    """
    home = store.home
    try:
        home.reserve(job.name)
        _stage_single_files(job, home)
        for host in job_plan.hosts:
            ml = Path(host.folder) / "ml"
            for name in opt_ml.FOLDERS:
                (ml / name).mkdir(parents=True, exist_ok=True)
                (ml / name).chmod(0o777)  # an image's program need not run as root
            for channel in job.channels:
                (ml / "input" / "data" / channel.name).mkdir(exist_ok=True)
            for file_name, content in host.files.items():
                (ml / "input" / "config" / file_name).write_bytes(content)
        for channel in job.channels:
            path = home.path_of(channel.uri)
            if path.is_dir():
                resolve_links(path, home.job(job.name) / "links" / channel.name)
        if job.checkpoints:
            home.path_of(job.checkpoints[0]).mkdir(parents=True, exist_ok=True)
        source = _code_source(job, home)
        if source is not None:
            if source.is_dir():
                progress(f"staging code from {source}")
            snapshot(source, home.job(job.name) / "code", home.root, progress)
    except (OSError, shutil.Error) as error:
        raise HostFault(f"ClientError: Data download failed: {error}") from None


def _single(folder: Path, channel: str) -> Path:
    """Where the folder of a one-file channel is made."""
    return folder / "files" / channel


def _stage_single_files(job: TrainingJob, home: Home) -> None:
    """A channel that is one file becomes a folder that holds it, linked where possible."""
    for channel in job.channels:
        path = home.path_of(channel.uri)
        if path.is_file():
            folder = _single(home.job(job.name), channel.name)
            folder.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, folder / path.name)


def _code_source(job: TrainingJob, home: Home) -> Path | None:
    directory = submit_directory(job)
    return home.path_of(directory) if directory and directory.startswith(FILE_SCHEME) else None
