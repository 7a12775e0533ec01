"""What a CreateTrainingJob request must satisfy beyond its service model.

Each rule names the member it speaks of. What this machine does not do yet is refused here, by
name, and never ignored.
"""

import json
from collections.abc import Callable

import regex

from sagelet.domain.channels import NAME_LIMIT, S3_SCHEME, Source, location_of, sources_of
from sagelet.domain.errors import ResourceLimitExceeded, ValidationException
from sagelet.domain.instances import ACCELERATED, instance_size
from sagelet.domain.training import TrainingJob

FILE_SCHEME = "file://"

#: Hosts of one job, all of which run on this machine.
MAX_HOSTS = 100


def check(job: TrainingJob) -> None:
    """Refuse a request that cannot run.

    Raises:
        ValidationException: with the member at fault and what to do.
    """
    for rule in _RULES:
        rule(job)


def _name(job: TrainingJob) -> None:
    _check_folder_name("TrainingJobName", job.name)


def _check_folder_name(where: str, name: str) -> None:
    """The model's pattern sees to it too, but is not always asked."""
    if "/" in name or name in ("", ".", "..") or len(name.encode()) > NAME_LIMIT:
        raise ValidationException(f"{where}: '{name}' cannot be a folder name.")


def _image(job: TrainingJob) -> None:
    algorithm = job.algorithm
    if algorithm.get("AlgorithmName"):
        raise ValidationException(
            "AlgorithmSpecification.AlgorithmName: algorithm resources and built-in algorithms "
            "live in AWS only; give AlgorithmSpecification.TrainingImage."
        )
    if not algorithm.get("TrainingImage"):
        raise ValidationException(
            "AlgorithmSpecification.TrainingImage is required: the image that trains."
        )


def _channels(job: TrainingJob) -> None:
    seen: set[str] = set()
    sources = sources_of(job)
    for index, channel in enumerate(job.channels):
        where = f"InputDataConfig[{index}] (channel '{channel.name}')"
        if channel.name in seen:
            raise ValidationException(f"{where}: the channel name is used twice.")
        _check_folder_name(where, channel.name)
        seen.add(channel.name)
        document = job.request["InputDataConfig"][index]
        if document["DataSource"].get("FileSystemDataSource"):
            raise ValidationException(f"{where}: FileSystemDataSource is not supported here.")
        source = document["DataSource"].get("S3DataSource")
        if not source:
            raise ValidationException(f"{where}: DataSource.S3DataSource is required.")
        _located(f"{where}: S3Uri", channel.uri)
        if channel.input_mode != "File":
            raise ValidationException(
                f"{where}: input mode {channel.input_mode} is not supported yet; use File."
            )
        _data_type(where, source.get("S3DataType", "S3Prefix"), sources[index])
        if channel.distribution != "FullyReplicated" and job.host_count > 1:
            raise ValidationException(
                f"{where}: {channel.distribution} over several hosts is not supported yet; "
                "use FullyReplicated."
            )
        if sources[index].gzipped and sources[index].location is None:
            raise ValidationException(
                f"{where}: CompressionType Gzip is for objects in S3: unpack {channel.uri} first."
            )
        if document.get("RecordWrapperType", "None") != "None":
            raise ValidationException(
                f"{where}: RecordWrapperType {document['RecordWrapperType']} belongs to Pipe mode; "
                "leave it out or say None in File mode."
            )
        if document.get("ShuffleConfig"):
            raise ValidationException(f"{where}: ShuffleConfig is not supported yet.")
        if source.get("InstanceGroupNames"):
            raise ValidationException(f"{where}: InstanceGroupNames is not supported yet.")


def _data_type(where: str, kind: str, source: Source) -> None:
    if kind not in ("S3Prefix", "ManifestFile"):
        raise ValidationException(
            f"{where}: S3DataType {kind} is not supported yet; use S3Prefix or ManifestFile."
        )
    if source.manifest and source.location is None:
        raise ValidationException(
            f"{where}: S3DataType ManifestFile lists objects in S3; {source.uri} is not there."
        )


def _located(where: str, uri: str) -> None:
    if location_of(uri) is None and not uri.startswith(FILE_SCHEME + "/"):
        raise ValidationException(
            f"{where}: '{uri}' is neither {S3_SCHEME}bucket/prefix nor file:///an/absolute/path."
        )


def _resources(job: TrainingJob) -> None:
    resources = job.request.get("ResourceConfig") or {}
    if resources.get("InstanceGroups") and (
        resources.get("InstanceType") or resources.get("InstanceCount")
    ):
        raise ValidationException(
            "ResourceConfig: InstanceGroups cannot be combined with InstanceType or InstanceCount."
        )
    names = [group.name for group in job.groups]
    if len(set(names)) != len(names):
        raise ValidationException("ResourceConfig.InstanceGroups: group names must differ.")
    for group in job.groups:
        known = instance_size(group.instance_type)
        if (
            known is None
            and job.options.gpus is None
            and job.simulated
            and ACCELERATED.match(group.instance_type)
        ):
            raise ValidationException(
                f"ResourceConfig: how many GPUs {group.instance_type} has is not known here; say "
                "how many each host gets (--gpus, or the tag sagelet:gpus)."
            )
        if group.count < 1:
            raise ValidationException("ResourceConfig.InstanceCount: must be at least 1.")
    if job.host_count > MAX_HOSTS:
        raise ResourceLimitExceeded(
            f"ResourceConfig.InstanceCount: {job.host_count} hosts are more than one machine runs; "
            f"at most {MAX_HOSTS}."
        )


def _stopping(job: TrainingJob) -> None:
    condition = job.request.get("StoppingCondition") or {}
    wait = condition.get("MaxWaitTimeInSeconds")
    if not job.request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise ValidationException(
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining "
                "is set to true"
            )
    elif wait is None or wait < job.max_runtime:
        raise ValidationException(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds"
        )


def _output(job: TrainingJob) -> None:
    uri = job.output_uri
    _located("OutputDataConfig.S3OutputPath", uri)
    if uri.startswith(FILE_SCHEME) and not uri.removeprefix(FILE_SCHEME).strip("/"):
        raise ValidationException(
            f"OutputDataConfig.S3OutputPath: '{uri}': give a folder below the root."
        )


def _checkpoints(job: TrainingJob) -> None:
    if job.checkpoints is None:
        return
    uri, path = job.checkpoints
    _located("CheckpointConfig.S3Uri", uri)
    reserved = ("/opt/ml", "/opt/ml/input", "/opt/ml/model", "/opt/ml/output", "/opt/ml/code")
    parts = path.split("/")
    if not path.startswith("/") or path == "/" or ".." in parts:
        raise ValidationException(
            f"CheckpointConfig.LocalPath: '{path}' is not an absolute folder."
        )
    if path in reserved or any(path.startswith(r + "/") for r in reserved[1:]):
        raise ValidationException(
            f"CheckpointConfig.LocalPath: {path} is reserved; "
            "SageMaker's default is /opt/ml/checkpoints."
        )


def _code(job: TrainingJob) -> None:
    directory = submit_directory(job)
    if directory and directory.startswith((S3_SCHEME, FILE_SCHEME)):
        _located("HyperParameters.sagemaker_submit_directory", directory)


def _metrics(job: TrainingJob) -> None:
    for index, definition in enumerate(job.metric_definitions):
        where = f"AlgorithmSpecification.MetricDefinitions[{index}].Regex"
        try:
            groups = regex.compile(definition.regex).groups
        except (regex.error, OverflowError, RecursionError) as error:
            raise ValidationException(
                f"{where}: '{definition.regex}' does not compile: {error}."
            ) from None
        if groups < 1:
            raise ValidationException(
                f"{where}: '{definition.regex}' needs a group: the first (...) is the value."
            )


def _options(job: TrainingJob) -> None:
    _ = job.options  # reading them checks them


def submit_directory(job: TrainingJob) -> str | None:
    """Hyperparameter ``sagemaker_submit_directory``, without the SDK's JSON quotes."""
    value = job.hyperparameters.get("sagemaker_submit_directory")
    if value and len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value[1:-1]
    return value


_RULES: tuple[Callable[[TrainingJob], None], ...] = (
    _name,
    _image,
    _channels,
    _resources,
    _stopping,
    _output,
    _checkpoints,
    _code,
    _metrics,
    _options,
)
