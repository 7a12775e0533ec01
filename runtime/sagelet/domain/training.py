"""A training job: its CreateTrainingJob request, read once and checked for what models cannot say.

The request document is the truth; the properties here are its reading. Limits, patterns and types
are the service model's business (``aws.validation``); where files lie is ``domain.hosts``'.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from sagelet.domain.errors import NAME_TAKEN
from sagelet.domain.failure import LastWords
from sagelet.domain.instances import ACCELERATED
from sagelet.domain.jobs import Channel, Document, InstanceGroup, Job, Kind, MetricDefinition
from sagelet.domain.lifecycle import MESSAGE

TRAINING = Kind(
    name="TrainingJob",
    noun="training job",
    resource="training-job",
    prefix="",
    taken=NAME_TAKEN,
    missing="Requested resource not found.",
    words=LastWords("failure", condemns=True),
    messages=MESSAGE,
    metrics=True,
    stores={"model": "SageMaker.ModelArtifact", "output": "SageMaker.OutputDataArtifact"},
)

#: How long a job with ``sagelet:warm`` keeps its hosts unless it says so itself, in seconds.
DEFAULT_KEEP_ALIVE = 1800

DEFAULT_CHECKPOINT_PATH = "/opt/ml/checkpoints"

_STAMP = re.compile(r"-\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2}(-\d{3})?$")

#: What a tuning job appends to its name for a training job, and the stamp the SDK (and we) put
#: before it.
_TUNED = re.compile(r"(-\d{6}-\d{4}(\d{5})?)?-\d{3,}-[0-9a-f]{8}$")


@dataclass(frozen=True)
class TrainingJob(Job):
    """A training job; the last members are its warm pool's."""

    kind: ClassVar[Kind] = TRAINING

    reused_by: str | None = None
    reused_at: float | None = None
    pool_ended: float | None = None

    @property
    def algorithm(self) -> Document:
        """AlgorithmSpecification, or an empty document."""
        return self.request.get("AlgorithmSpecification") or {}

    @property
    def image(self) -> str:
        """TrainingImage as requested."""
        return str(self.algorithm["TrainingImage"])

    @property
    def entrypoint(self) -> tuple[str, ...] | None:
        """ContainerEntrypoint; None for the image's own."""
        return tuple(self.algorithm.get("ContainerEntrypoint") or ()) or None

    @property
    def command(self) -> tuple[str, ...]:
        """ContainerArguments; `train` by default, which an entrypoint of the request replaces."""
        arguments = tuple(self.algorithm.get("ContainerArguments") or ())
        return arguments or (() if self.entrypoint else ("train",))

    @property
    def hyperparameters(self) -> dict[str, str]:
        """HyperParameters, all strings."""
        return dict(self.request.get("HyperParameters") or {})

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
        resources = self.resources
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
    def resources(self) -> Document:
        """ResourceConfig, or an empty document."""
        return self.request.get("ResourceConfig") or {}

    @property
    def parameters(self) -> dict[str, str]:
        """Its hyperparameters."""
        return self.hyperparameters

    @property
    def status_message(self) -> str:
        """Its status, secondary status and FailureReason."""
        life = self.life
        return (
            f"Status: {life.primary}, secondary status: {life.secondary}, "
            f"failure reason: {life.failure_reason or ''}."
        )

    @property
    def isolated(self) -> bool:
        """EnableNetworkIsolation."""
        return bool(self.request.get("EnableNetworkIsolation"))

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
        return int(self.resources.get("KeepAlivePeriodInSeconds", usual))

    @property
    def tuning_job_arn(self) -> str | None:
        """TuningJobArn: the tuning job that launched it. No client can say so."""
        return self.request.get("TuningJobArn")

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

    @property
    def model_name(self) -> str:
        """The name its model is versioned under."""
        name = self.name if self.tuning_job_arn is None else _TUNED.sub("", self.name)
        return self.options.model or base_name(name)


def training_job_arn(account: str, region: str, name: str) -> str:
    """The ARN SageMaker gives a training job."""
    return TRAINING.arn(account, region, name)


def base_name(job_name: str) -> str:
    """The job's base name: without the time stamp that the SDK (and we) append."""
    return _STAMP.sub("", job_name)
