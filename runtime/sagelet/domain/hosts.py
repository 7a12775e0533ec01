"""What each host of a job needs, as pure values; a backend only obeys.

``plan`` turns a job and the places of its folders into HostPlans. It reads no file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from sagelet.domain import opt_ml
from sagelet.domain.channels import location_of
from sagelet.domain.frameworks import Framework, framework_of
from sagelet.domain.jobs import Channel, Job, Kind
from sagelet.domain.launchers import launchers_of
from sagelet.domain.training import TRAINING, TrainingJob


class Access(StrEnum):
    """What a host may do with a mount."""

    READ_ONLY = "ro"
    READ_WRITE = "rw"
    #: Writable inside, unchanged outside; read-only where the machine cannot do that.
    COPY_ON_WRITE = "cow"


@dataclass(frozen=True, slots=True)
class Mount:
    """``source`` on this machine appears as ``target`` in the host.

    ``scratch`` is where a copy-on-write mount may keep what the host writes; ``over`` is a folder
    whose files stand in the place of the source's. ``shared``: the source's files have other names
    elsewhere, so a host that is not kept from writing to them gets copies.
    """

    source: str
    target: str
    access: Access = Access.READ_WRITE
    scratch: str | None = None
    over: str | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Pipe:
    """A channel that is streamed, an epoch a pipe, from the items that ``index`` lists.

    The host gets the share ``number`` of ``hosts`` equal ones, in the order of ``seed``. The pipes
    are ``<name>_<epoch>`` in ``folder``, which is below /opt/ml; ``name`` is the channel's, if it
    is empty.
    """

    channel: str
    index: str
    number: int = 0
    hosts: int = 1
    seed: int | None = None
    gzipped: bool = False
    wrapped: bool = False
    folder: str = "input/data"
    name: str = ""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host. ``entrypoint`` None means the image's own; sizes in bytes, ``cpus`` in cores.

    ``files`` lie in the folder ``config`` below /opt/ml.
    """

    name: str
    folder: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    files: Mapping[str, bytes]
    cpus: float | None = None
    memory: int | None = None
    shm: int | None = None
    gpus: tuple[str, ...] = ()
    pipes: tuple[Pipe, ...] = ()
    config: str = "input/config"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """All hosts of a job and what they share.

    ``job`` is its key, ``spare`` the name that hosts run under which were made ready before their
    job.
    """

    job: str
    region: str
    image: str
    framework: Framework | None
    hosts: tuple[HostPlan, ...]
    isolated: bool
    grace: float
    python: str | None = None
    launchers: tuple[str, ...] = ()
    spare: str | None = None
    kind: Kind = TRAINING

    @property
    def known_as(self) -> str:
        """The name its hosts run under."""
        return self.spare or self.job

    @property
    def gpu(self) -> bool:
        """Whether any host has GPUs, and so all run the GPU build."""
        return any(host.gpus for host in self.hosts)


def plan(
    job: TrainingJob, folder: str, sources: Mapping[str, str], checkpoints: str | None
) -> JobPlan:
    """The plan of ``job``.

    Args:
        job: the job.
        folder: the job's folder on this machine; host H lives in ``folder/H``.
        sources: channel name -> folder on this machine, of those that are folders; the code, if
            any, under the key "".
        checkpoints: where the checkpoint URI lies on this machine, if the job has one.
    """
    framework = framework_of(job.image)
    return JobPlan(
        job=job.key,
        region=job.region,
        image=job.image,
        framework=framework,
        hosts=tuple(
            _host(job, framework, name, folder, sources, checkpoints)
            for name in opt_ml.host_names(job.host_count)
        ),
        isolated=job.isolated,
        grace=job.options.grace,
        python=job.options.python,
        launchers=launchers_of(job.hyperparameters),
    )


def _host(
    job: TrainingJob,
    framework: Framework | None,
    name: str,
    job_folder: str,
    sources: Mapping[str, str],
    checkpoints: str | None,
) -> HostPlan:
    folder = f"{job_folder}/{name}"
    ml = f"{folder}/ml"
    mounts = [
        Mount(f"{ml}/{part}", f"{opt_ml.ROOT}/{part}") for part in ("input", "model", "output")
    ]
    mounts += [
        channel_mount(job, channel, name, job_folder, sources[channel.name])
        for channel in opt_ml.channels_of(job, name)
        if channel.input_mode != "Pipe"
    ]
    if job.checkpoints and checkpoints:
        mounts.append(Mount(checkpoints, job.checkpoints[1]))
    if not (job.checkpoints and job.checkpoints[1] == f"{opt_ml.ROOT}/checkpoints"):
        mounts.append(Mount(f"{ml}/checkpoints", f"{opt_ml.ROOT}/checkpoints"))
    if "" in sources:
        mounts.append(
            Mount(
                sources[""], f"{opt_ml.ROOT}/code", Access.COPY_ON_WRITE, f"{folder}/scratch/code"
            )
        )
    cpus, memory = limits_of(job, name)
    environment = opt_ml.platform_environment(job, name)
    for key, value in (framework.environment if framework else {}).items():
        environment.setdefault(key, value)
    return HostPlan(
        name=name,
        folder=folder,
        entrypoint=job.entrypoint,
        command=job.command,
        environment=environment,
        mounts=by_depth(mounts),
        files=opt_ml.config_files(job, name),
        cpus=cpus,
        memory=memory,
        shm=job.options.shm,
        gpus=job.devices_of(name),
        pipes=tuple(
            pipe_of(job, channel, name, job_folder)
            for channel in opt_ml.channels_of(job, name)
            if channel.input_mode == "Pipe"
        ),
    )


def by_depth(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Mounts in an order in which none covers an earlier one."""
    return tuple(sorted(mounts, key=lambda m: PurePosixPath(m.target).parts))


def limits_of(job: Job, host: str) -> tuple[float | None, int | None]:
    """The host's CPUs in cores and memory in bytes; None for no limit."""
    size = job.size_of(opt_ml.instance_type_of(job, host))
    cpus = job.options.cpus or (float(size.cpus) if size else None)
    return cpus, job.options.memory or (int(size.memory * 1024**3) if size else None)


def is_dealt(job: Job, channel: Channel) -> bool:
    """Whether the channel's objects differ from host to host."""
    return channel.sharded and len(opt_ml.channel_hosts(job, channel)) > 1


def shard_of(job_folder: str, host: str, channel: str) -> str:
    """Where the host's part of a channel that is dealt out is made."""
    return f"{job_folder}/shards/{host}/{channel}"


def index_of(job_folder: str, channel: str) -> str:
    """Where the index of a Pipe channel is made."""
    return f"{job_folder}/pipes/{channel}/index"


def channel_mount(job: Job, channel: Channel, host: str, job_folder: str, source: str) -> Mount:
    """How a host sees a channel that is a folder, which lies at ``source`` for all hosts alike."""
    dealt = is_dealt(job, channel)
    local = location_of(channel.uri) is None
    over = f"{job_folder}/links/{channel.name}" if local and not dealt else None
    fast = channel.input_mode == "FastFile"
    return Mount(
        shard_of(job_folder, host, channel.name) if dealt else source,
        channel.path,
        Access.READ_ONLY if fast else Access.COPY_ON_WRITE,
        None if fast else f"{job_folder}/{host}/scratch/channels/{channel.name}",
        over,
        shared=dealt or not local,
    )


def pipe_of(job: Job, channel: Channel, host: str, job_folder: str) -> Pipe:
    """How a channel is streamed to a host."""
    hosts = opt_ml.channel_hosts(job, channel)
    folder, _, name = channel.path.rpartition("/")
    return Pipe(
        channel=channel.name,
        index=index_of(job_folder, channel.name),
        number=hosts.index(host) if channel.sharded else 0,
        hosts=len(hosts) if channel.sharded else 1,
        seed=channel.seed,
        gzipped=channel.compression == "Gzip",
        wrapped=channel.record_wrapper == "RecordIO",
        folder=folder.removeprefix(f"{opt_ml.ROOT}/"),
        name="" if name == channel.name else name,
    )
