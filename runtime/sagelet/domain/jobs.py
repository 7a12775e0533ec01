"""A job of any kind: its Create request, read once, and its life so far.

What kinds of jobs have in common is here; what a kind makes of its request is its own module's
business (``training``, ``processing``). Where files lie is ``hosts``'.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from sagelet.domain.failure import LastWords
from sagelet.domain.instances import InstanceSize, instance_size
from sagelet.domain.lifecycle import Life, Secondary
from sagelet.domain.options import Options, read_options

Document = Mapping[str, Any]

DEFAULT_MAX_RUNTIME = 86400


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of job, in SageMaker's words.

    ``name`` is that of its operations and members (Create<name>, <name>Name), ``resource`` stands
    in its ARNs. ``prefix`` sets its jobs' keys apart. ``taken`` and ``missing`` are what SageMaker
    says of a name. ``words`` is how its hosts say why they ended, ``messages`` what is shown for a
    state. ``metrics``: its jobs have metrics. ``channel``: what an input is called.
    ``stores``: what a trial component calls an artifact that is stored, if not by its name.
    """

    name: str
    noun: str
    resource: str
    prefix: str
    taken: str
    missing: str
    words: LastWords
    messages: Mapping[Secondary, str]
    metrics: bool = False
    channel: str = "channel"
    stores: Mapping[str, str] = field(default_factory=dict)

    def arn(self, account: str, region: str, name: str) -> str:
        """The ARN of a job of that name; SageMaker lower-cases the name in it."""
        return f"arn:aws:sagemaker:{region}:{account}:{self.resource}/{name.lower()}"

    def key(self, name: str) -> str:
        """What this machine knows a job of that name by: two kinds may have the same name."""
        return self.prefix + name


@dataclass(frozen=True, slots=True)
class Channel:
    """One input; ``uri`` is its source as given (s3:// or file://).

    ``seed`` is that of its ShuffleConfig; ``groups`` are its InstanceGroupNames, none for all.
    ``place`` is where a host finds it, if not where a training job's channels are; ``what`` is
    what it is called.
    """

    name: str
    uri: str
    input_mode: str = "File"
    content_type: str | None = None
    distribution: str = "FullyReplicated"
    record_wrapper: str = "None"
    data_type: str = "S3Prefix"
    compression: str = "None"
    seed: int | None = None
    attributes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    place: str | None = None
    what: str = "channel"

    @property
    def path(self) -> str:
        """Its folder in a host; the pipes of one that is streamed lie beside it."""
        return f"/opt/ml/input/data/{self.name}" if self.place is None else self.place

    @property
    def sharded(self) -> bool:
        """Whether each host gets a part of the objects only."""
        return self.distribution == "ShardedByS3Key"


@dataclass(frozen=True, slots=True)
class InstanceGroup:
    """Hosts of one kind; a plain job is one group."""

    name: str
    instance_type: str
    count: int


#: The name that the objective of a tuning job has, beside its own, in each of its training jobs.
OBJECTIVE_METRIC = "ObjectiveMetric"


def told_once(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics by name, as people see them: without an objective's second name."""
    others = {name: value for name, value in metrics.items() if name != OBJECTIVE_METRIC}
    return others if metrics.get(OBJECTIVE_METRIC) in others.values() else dict(metrics)


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A named regular expression; its first group is the value."""

    name: str
    regex: str


@dataclass(frozen=True, slots=True)
class Interruption:
    """Managed spot capacity is taken away: ``host``'s, or all. ``back``: until then, epoch s."""

    host: str | None
    back: float


@dataclass(frozen=True)
class Job(ABC):
    """A job as created: request, account, region, and its life so far.

    ``simulate``: its instance type limits CPUs, memory and GPUs. ``confined``: another job asked
    for it. ``devices``: the GPUs of each host, once admitted. ``launched``: when its hosts were
    started, epoch seconds.
    """

    kind: ClassVar[Kind]

    request: Document
    account: str
    region: str
    created: float
    life: Life
    modified: float = 0.0
    backend: str | None = None
    simulate: bool = False
    confined: bool = False
    devices: tuple[tuple[str, ...], ...] | None = None
    launched: float | None = None
    attempt: int = 1
    stop_requested: float | None = None
    interruption: Interruption | None = None
    artifacts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name, as the request has it."""
        return str(self.request[f"{self.kind.name}Name"])

    @property
    def key(self) -> str:
        """What this machine knows it by; unlike a name, no job of another kind has it."""
        return self.kind.key(self.name)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.kind.arn(self.account, self.region, self.name)

    @property
    @abstractmethod
    def image(self) -> str:
        """The image its hosts run, as requested."""

    @property
    @abstractmethod
    def entrypoint(self) -> tuple[str, ...] | None:
        """ContainerEntrypoint; None for the image's own."""

    @property
    @abstractmethod
    def command(self) -> tuple[str, ...]:
        """What follows the entrypoint."""

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the request."""
        return dict(self.request.get("Environment") or {})

    @property
    @abstractmethod
    def channels(self) -> tuple[Channel, ...]:
        """Its inputs."""

    @property
    @abstractmethod
    def groups(self) -> tuple[InstanceGroup, ...]:
        """Its hosts, by instance type."""

    @property
    @abstractmethod
    def isolated(self) -> bool:
        """EnableNetworkIsolation."""

    @property
    @abstractmethod
    def resources(self) -> Document:
        """InstanceType, VolumeSizeInGB and the like, as requested."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, str]:
        """What makes one run of a program differ from another."""

    @property
    @abstractmethod
    def status_message(self) -> str:
        """What its trial component's Status says of it, for people."""

    @property
    def host_count(self) -> int:
        """Number of hosts over all groups."""
        return sum(group.count for group in self.groups)

    @property
    def simulated(self) -> bool:
        """Whether the instance type sets limits."""
        return self.simulate if self.options.simulate is None else self.options.simulate

    def size_of(self, instance_type: str) -> InstanceSize | None:
        """What limits a host of that type; None when nothing does."""
        return instance_size(instance_type) if self.simulated else None

    def gpus_of(self, instance_type: str) -> tuple[int, bool]:
        """GPUs a host of that type asks for (-1 for all), and whether it insists on them.

        A type that is not simulated takes what its like would have, as far as there are any.
        """
        if self.options.gpus is not None:
            return self.options.gpus, True
        limit = self.size_of(instance_type)
        if limit:
            return limit.gpus, True
        like = instance_size(instance_type)
        return (like.gpus if like else 0), False

    def devices_of(self, host: str) -> tuple[str, ...]:
        """The GPUs the host was given."""
        return self.devices[int(host.removeprefix("algo-")) - 1] if self.devices else ()

    @property
    def max_runtime(self) -> float:
        """MaxRuntimeInSeconds, one day by default."""
        condition = self.request.get("StoppingCondition") or {}
        return float(condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME))

    @property
    def max_wait(self) -> float | None:
        """How long waiting and running together may take, in seconds; None for any time."""
        return None

    @property
    def max_pending(self) -> float | None:
        """How long it may wait for its turn, in seconds; None for any time."""
        return None

    @property
    def attempts(self) -> int:
        """How often the job may be begun."""
        return 1

    @property
    def keep_alive(self) -> int:
        """How long its hosts are kept for another job, in seconds."""
        return 0

    @property
    def metric_definitions(self) -> tuple[MetricDefinition, ...]:
        """What is looked for in its output."""
        return ()

    @cached_property
    def options(self) -> Options:
        """The ``sagelet:`` tags."""
        return read_options(self.request)


def without_nulls(document: Any) -> Any:
    """A document without its null members, which count as not there."""
    if isinstance(document, dict):
        return {k: without_nulls(v) for k, v in document.items() if v is not None}
    if isinstance(document, list):
        return [without_nulls(item) for item in document]
    return document
