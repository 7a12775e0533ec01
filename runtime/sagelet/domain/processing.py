"""A processing job: its CreateProcessingJob request, read once.

The request document is the truth; the properties here are its reading. What a request must satisfy
beyond its service model stands in ``processing_rules``, what its hosts are in ``processing_hosts``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from sagelet.domain.failure import LastWords
from sagelet.domain.jobs import Channel, Document, InstanceGroup, Job, Kind
from sagelet.domain.lifecycle import MESSAGE, Secondary

#: What is shown for a state; on the wire a processing job has no such texts.
_MESSAGES = {
    **MESSAGE,
    Secondary.STARTING: "Starting the processing job",
    Secondary.TRAINING: "Processing image download completed. Processing in progress.",
    Secondary.UPLOADING: "Uploading the outputs",
    Secondary.STOPPING: "Stopping the processing job",
    Secondary.COMPLETED: "Processing job completed",
    Secondary.FAILED: "Processing job failed",
    Secondary.STOPPED: "Processing job stopped",
    Secondary.MAX_RUNTIME_EXCEEDED: (
        "Processing job runtime exceeded MaxRuntimeInSeconds provided"
    ),
}

PROCESSING = Kind(
    name="ProcessingJob",
    noun="processing job",
    resource="processing-job",
    prefix="processing.",
    taken=(
        "Job name must be unique within an AWS account and region, and a job with this name "
        "already exists ({arn})"
    ),
    missing="Could not find requested job with name: {name}",
    words=LastWords("message", condemns=False, silence="See job logs for more information"),
    messages=_MESSAGES,
    channel="input",
)

#: How much of what its hosts say is kept as ExitMessage, in bytes.
MESSAGE_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Output:
    """One output: what lies at ``path`` in the hosts goes to ``uri``.

    ``continuous``: while the job runs, not only at its end.
    """

    name: str
    path: str
    uri: str
    continuous: bool


@dataclass(frozen=True)
class ProcessingJob(Job):
    """A processing job. ``exit_message``: what its hosts left in /opt/ml/output/message."""

    kind: ClassVar[Kind] = PROCESSING

    exit_message: str | None = None

    @property
    def application(self) -> Document:
        """AppSpecification."""
        found: Document = self.request["AppSpecification"]
        return found

    @property
    def image(self) -> str:
        """ImageUri as requested."""
        return str(self.application["ImageUri"])

    @property
    def entrypoint(self) -> tuple[str, ...] | None:
        """ContainerEntrypoint; None for the image's own."""
        return tuple(self.application.get("ContainerEntrypoint") or ()) or None

    @property
    def command(self) -> tuple[str, ...]:
        """ContainerArguments."""
        return tuple(self.application.get("ContainerArguments") or ())

    @cached_property
    def channels(self) -> tuple[Channel, ...]:
        """ProcessingInputs."""
        return tuple(_channel(given) for given in self.request.get("ProcessingInputs") or ())

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The Outputs of ProcessingOutputConfig."""
        config = self.request.get("ProcessingOutputConfig") or {}
        return tuple(_output(given) for given in config.get("Outputs") or ())

    @property
    def resources(self) -> Document:
        """ClusterConfig of ProcessingResources."""
        found: Document = self.request["ProcessingResources"]["ClusterConfig"]
        return found

    @cached_property
    def groups(self) -> tuple[InstanceGroup, ...]:
        """Its hosts are of one kind."""
        kind, count = (
            self.resources.get("InstanceType", "local"),
            self.resources.get("InstanceCount", 1),
        )
        return (InstanceGroup("homogeneousCluster", kind, count),)

    @property
    def parameters(self) -> dict[str, str]:
        """Its environment: it has no hyperparameters."""
        return self.environment

    @property
    def status_message(self) -> str:
        """Its status, ExitMessage and FailureReason."""
        said, reason = self.exit_message or "null", self.life.failure_reason or "null"
        return f"Status: {self.life.primary}, exit message: {said}, failure reason: {reason}"

    @property
    def isolated(self) -> bool:
        """EnableNetworkIsolation of its NetworkConfig."""
        return bool((self.request.get("NetworkConfig") or {}).get("EnableNetworkIsolation"))


def _channel(given: Document) -> Channel:
    source = given.get("S3Input") or {}
    return Channel(
        name=given["InputName"],
        uri=source.get("S3Uri", ""),
        input_mode=source.get("S3InputMode", "File"),
        distribution=source.get("S3DataDistributionType", "FullyReplicated"),
        data_type=source.get("S3DataType", "S3Prefix"),
        compression=source.get("S3CompressionType", "None"),
        place=_folder(source.get("LocalPath", "")),
        what=PROCESSING.channel,
    )


def _output(given: Document) -> Output:
    target = given.get("S3Output") or {}
    return Output(
        name=given["OutputName"],
        path=_folder(target.get("LocalPath", "")),
        uri=target.get("S3Uri", ""),
        continuous=target.get("S3UploadMode") == "Continuous",
    )


def _folder(path: str) -> str:
    """A path without what does not count in it."""
    root = "/" if path.startswith("/") else ""
    return root + "/".join(part for part in path.split("/") if part not in ("", "."))
