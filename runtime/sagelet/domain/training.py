"""A training job: its CreateTrainingJob request, read once and checked for what models cannot say.

The request document is the truth; the properties here are its reading. Limits, patterns and types
are the service model's business (``aws.validation``); where files lie is ``domain.hosts``'.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sagelet.domain.errors import ValidationException
from sagelet.domain.instances import ACCELERATED, InstanceSize, instance_size
from sagelet.domain.lifecycle import Life

Document = Mapping[str, Any]

#: Tags that start with this steer how a job runs here; on AWS they are harmless labels.
OPTION_PREFIX = "sagelet:"

#: Where a job may be told to run.
BACKENDS = ("auto", "docker", "process")

DEFAULT_MAX_RUNTIME = 86400
#: How long a job with ``sagelet:warm`` keeps its hosts unless it says so itself, in seconds.
DEFAULT_KEEP_ALIVE = 1800

DEFAULT_CHECKPOINT_PATH = "/opt/ml/checkpoints"

#: SageMaker gives a stopped container this long between SIGTERM and SIGKILL, in seconds.
DEFAULT_GRACE = 120.0

_STAMP = re.compile(r"-\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2}(-\d{3})?$")


@dataclass(frozen=True, slots=True)
class Channel:
    """One input channel; ``uri`` is its DataSource as given (file:// here).

    ``seed`` is that of its ShuffleConfig; ``groups`` are its InstanceGroupNames, none for all.
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


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A named regular expression; its first group is the value."""

    name: str
    regex: str


@dataclass(frozen=True, slots=True)
class Options:
    """How the job runs on this machine, from its ``sagelet:`` tags.

    ``cpus`` in cores, ``memory`` and ``shm`` in bytes, ``grace`` in seconds. ``gpus`` is the number
    of devices, -1 for all there are. ``simulate``: whether the instance type sets limits.
    ``warm``: the hosts that are kept after it have the framework imported.
    None: decided by the instance type or the machine.
    """

    backend: str | None = None
    gpus: int | None = None
    cpus: float | None = None
    memory: int | None = None
    shm: int | None = None
    grace: float = DEFAULT_GRACE
    model: str | None = None
    python: str | None = None
    simulate: bool | None = None
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Interruption:
    """Managed spot capacity is taken away: ``host``'s, or all. ``back``: until then, epoch s."""

    host: str | None
    back: float


@dataclass(frozen=True)
class TrainingJob:
    """A job as created: request, account, region, and its life so far.

    ``simulate``: its instance type limits CPUs, memory and GPUs. ``confined``: another job asked
    for it. ``devices``: the GPUs of each host, once admitted. ``launched``: when its hosts were
    started, epoch seconds.
    """

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
    reused_by: str | None = None
    reused_at: float | None = None
    pool_ended: float | None = None

    @property
    def name(self) -> str:
        """TrainingJobName."""
        return str(self.request["TrainingJobName"])

    @property
    def arn(self) -> str:
        """TrainingJobArn; SageMaker lower-cases the name in it."""
        return training_job_arn(self.account, self.region, self.name)

    @property
    def algorithm(self) -> Document:
        """AlgorithmSpecification, or an empty document."""
        return self.request.get("AlgorithmSpecification") or {}

    @property
    def image(self) -> str:
        """TrainingImage as requested."""
        return str(self.algorithm["TrainingImage"])

    @property
    def hyperparameters(self) -> dict[str, str]:
        """HyperParameters, all strings."""
        return dict(self.request.get("HyperParameters") or {})

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the request."""
        return dict(self.request.get("Environment") or {})

    @cached_property
    def channels(self) -> tuple[Channel, ...]:
        """InputDataConfig."""
        return tuple(self._channel(c) for c in self.request.get("InputDataConfig") or ())

    def _channel(self, document: Document) -> Channel:
        source = document["DataSource"].get("S3DataSource") or {}
        return Channel(
            name=document["ChannelName"],
            uri=source.get("S3Uri", ""),
            input_mode=document.get("InputMode") or self.algorithm.get("TrainingInputMode", "File"),
            content_type=document.get("ContentType"),
            distribution=source.get("S3DataDistributionType", "FullyReplicated"),
            record_wrapper=document.get("RecordWrapperType", "None"),
            data_type=source.get("S3DataType", "S3Prefix"),
            compression=document.get("CompressionType", "None"),
            seed=(document.get("ShuffleConfig") or {}).get("Seed"),
            attributes=tuple(source.get("AttributeNames") or ()),
            groups=tuple(source.get("InstanceGroupNames") or ()),
        )

    @cached_property
    def groups(self) -> tuple[InstanceGroup, ...]:
        """Instance groups; ``homogeneousCluster`` for a plain job, as SageMaker calls it."""
        resources = self.request.get("ResourceConfig") or {}
        if resources.get("InstanceGroups"):
            return tuple(
                InstanceGroup(
                    g["InstanceGroupName"], g.get("InstanceType", "local"), g["InstanceCount"]
                )
                for g in resources["InstanceGroups"]
            )
        kind = resources.get("InstanceType", "local")
        return (InstanceGroup("homogeneousCluster", kind, resources.get("InstanceCount", 1)),)

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
    def isolated(self) -> bool:
        """EnableNetworkIsolation."""
        return bool(self.request.get("EnableNetworkIsolation"))

    @property
    def max_runtime(self) -> float:
        """MaxRuntimeInSeconds, one day by default."""
        condition = self.request.get("StoppingCondition") or {}
        return float(condition.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME))

    @property
    def max_wait(self) -> float | None:
        """MaxWaitTimeInSeconds: waiting and running together; managed spot training only."""
        wait = (self.request.get("StoppingCondition") or {}).get("MaxWaitTimeInSeconds")
        return float(wait) if wait and self.spot else None

    @property
    def spot(self) -> bool:
        """EnableManagedSpotTraining."""
        return bool(self.request.get("EnableManagedSpotTraining"))

    @property
    def max_pending(self) -> float | None:
        """MaxPendingTimeInSeconds, which counts for accelerated instance types only."""
        wait = (self.request.get("StoppingCondition") or {}).get("MaxPendingTimeInSeconds")
        accelerated = any(ACCELERATED.match(group.instance_type) for group in self.groups)
        return float(wait) if wait and accelerated else None

    @property
    def attempts(self) -> int:
        """How often the job may be begun: RetryStrategy counts the repetitions."""
        return 1 + int((self.request.get("RetryStrategy") or {}).get("MaximumRetryAttempts", 0))

    @property
    def keep_alive(self) -> int:
        """KeepAlivePeriodInSeconds: how long its warm pool outlives the job; 0 for none."""
        usual = DEFAULT_KEEP_ALIVE if self.options.warm else 0
        resources = self.request.get("ResourceConfig") or {}
        return int(resources.get("KeepAlivePeriodInSeconds", usual))

    @property
    def output_uri(self) -> str:
        """S3OutputPath."""
        return str(self.request["OutputDataConfig"]["S3OutputPath"])

    @property
    def compressed(self) -> bool:
        """Whether the model is stored as one archive (CompressionType GZIP, the default)."""
        kind: str = self.request["OutputDataConfig"].get("CompressionType", "GZIP")
        return kind != "NONE"

    @property
    def checkpoints(self) -> tuple[str, str] | None:
        """CheckpointConfig as (URI, LocalPath)."""
        config = self.request.get("CheckpointConfig")
        if not config:
            return None
        path = config.get("LocalPath") or DEFAULT_CHECKPOINT_PATH
        root = "/" if path.startswith("/") else ""
        return config["S3Uri"], root + "/".join(p for p in path.split("/") if p not in ("", "."))

    @cached_property
    def metric_definitions(self) -> tuple[MetricDefinition, ...]:
        """MetricDefinitions."""
        return tuple(
            MetricDefinition(d["Name"], d["Regex"])
            for d in self.algorithm.get("MetricDefinitions") or ()
        )

    @cached_property
    def options(self) -> Options:
        """The ``sagelet:`` tags."""
        return read_options(self.request)

    @property
    def model_name(self) -> str:
        """The name its model is versioned under."""
        return self.options.model or base_name(self.name)


def without_nulls(document: Any) -> Any:
    """A document without its null members, which count as not there."""
    if isinstance(document, dict):
        return {k: without_nulls(v) for k, v in document.items() if v is not None}
    if isinstance(document, list):
        return [without_nulls(item) for item in document]
    return document


def training_job_arn(account: str, region: str, name: str) -> str:
    """The ARN SageMaker gives a training job."""
    return f"arn:aws:sagemaker:{region}:{account}:training-job/{name.lower()}"


def base_name(job_name: str) -> str:
    """The job's base name: without the time stamp that the SDK (and we) append."""
    return _STAMP.sub("", job_name)


def read_options(request: Document) -> Options:
    """The options in a request's tags.

    Raises:
        ValidationException: an unknown option or a value that cannot be read.
    """
    given = {
        tag["Key"].removeprefix(OPTION_PREFIX): tag["Value"]
        for tag in request.get("Tags") or ()
        if tag["Key"].startswith(OPTION_PREFIX)
    }
    values: dict[str, Any] = {}
    for key, text in given.items():
        read = _OPTIONS.get(key)
        if read is None:
            known = ", ".join(OPTION_PREFIX + name for name in sorted(_OPTIONS))
            raise ValidationException(
                f"Tag '{OPTION_PREFIX}{key}' is no option here. Known: {known}."
            )
        try:
            values[key] = read(text)
        except ValueError as error:
            raise ValidationException(f"Tag '{OPTION_PREFIX}{key}': {error}") from None
    return Options(**values)


def size_in_bytes(text: str) -> int:
    """``512m``, ``8g``, ``1073741824``: a size as container engines write it.

    Raises:
        ValueError: not such a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([bkmgt]?)b?", text.strip().lower())
    size = float(match[1]) * 1024 ** "bkmgt".index(match[2] or "b") if match else 0.0
    if not 1 <= size < 2**63:
        raise ValueError(f"'{text}' is not a size; write for example 512m or 8g.")
    return int(size)


def _memory(text: str) -> int:
    size = size_in_bytes(text)
    if size < 6 * 1024**2:
        raise ValueError(f"'{text}' is too little: no container starts with less than 6m.")
    return size


def _cpus(text: str) -> float:
    value = _positive(text)
    if value < 0.01:
        raise ValueError(f"'{text}' is too little: at least 0.01 of a CPU.")
    return value


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"'{text}' is neither on nor off.")
    return text == "on"


def _backend(text: str) -> str:
    if text not in BACKENDS:
        raise ValueError(f"'{text}' is not a backend; choose auto, docker or process.")
    return text


def _gpus(text: str) -> int:
    if text == "all":
        return -1
    if not text.isdigit():
        raise ValueError(f"'{text}' is not a number of GPUs; give 0, 1, 2, ... or all.")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ValueError(f"'{text}' is not a number above zero.")
    return value


def _seconds(text: str) -> float:
    return 0.0 if text == "0" else _positive(text)


def _model(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueError(
            f"'{text}' is not a model name: letters, digits, '.', '_', '-', at most 63."
        )
    return text


_OPTIONS: dict[str, Any] = {
    "backend": _backend,
    "gpus": _gpus,
    "cpus": _cpus,
    "memory": _memory,
    "shm": size_in_bytes,
    "grace": _seconds,
    "model": _model,
    "python": str,
    "simulate": _switch,
    "warm": _switch,
}
