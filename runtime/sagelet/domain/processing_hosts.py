"""What each host of a processing job needs: its mounts, files and variables. Pure."""

from collections.abc import Mapping

from sagelet.domain import opt_ml
from sagelet.domain.frameworks import framework_of
from sagelet.domain.hosts import (
    HostPlan,
    JobPlan,
    Mount,
    by_depth,
    channel_mount,
    limits_of,
    pipe_of,
)
from sagelet.domain.processing import ProcessingJob

#: Folders that exist before the container starts, relative to /opt/ml.
FOLDERS = ("config", "processing", "output")


def plan(job: ProcessingJob, folder: str, sources: Mapping[str, str]) -> JobPlan:
    """The plan of ``job``, whose folder on this machine is ``folder``; see ``hosts.plan``.

    ``sources``: input name -> folder on this machine, of those that are folders.
    """
    framework = framework_of(job.image)
    return JobPlan(
        job=job.key,
        region=job.region,
        image=job.image,
        framework=framework,
        hosts=tuple(
            _host(job, name, folder, sources) for name in opt_ml.host_names(job.host_count)
        ),
        isolated=job.isolated,
        grace=job.options.grace,
        python=job.options.python,
        kind=job.kind,
    )


def _host(job: ProcessingJob, name: str, job_folder: str, sources: Mapping[str, str]) -> HostPlan:
    folder = f"{job_folder}/{name}"
    streamed = [channel for channel in job.channels if channel.input_mode == "Pipe"]
    mounts = [Mount(f"{folder}/ml/{part}", f"{opt_ml.ROOT}/{part}") for part in FOLDERS]
    mounts += [
        channel_mount(job, channel, name, job_folder, sources[channel.name])
        for channel in job.channels
        if channel not in streamed
    ]
    mounts += [
        Mount(f"{folder}/ml{output.path.removeprefix(opt_ml.ROOT)}", output.path)
        for output in job.outputs
        if any(output.path.startswith(f"{channel.path}/") for channel in job.channels)
    ]
    cpus, memory = limits_of(job, name)
    framework = framework_of(job.image)
    return HostPlan(
        name=name,
        folder=folder,
        entrypoint=job.entrypoint,
        command=job.command,
        environment={
            **(framework.environment if framework else {}),
            **opt_ml.processing_environment(job, name),
        },
        mounts=by_depth(mounts),
        files=opt_ml.processing_files(job, name),
        config="config",
        cpus=cpus,
        memory=memory,
        shm=job.options.shm,
        gpus=job.devices_of(name),
        pipes=tuple(pipe_of(job, channel, name, job_folder) for channel in streamed),
    )
