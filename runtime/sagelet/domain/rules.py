"""What a CreateTrainingJob request must satisfy beyond its service model.

Each rule names the member it speaks of. What this machine does not do yet is refused here, by
name, and never ignored.
"""

import json
from collections.abc import Callable

import regex

from sagelet.domain.channel_rules import check_channels, check_folder_name, check_located
from sagelet.domain.channels import FILE_SCHEME, S3_SCHEME
from sagelet.domain.errors import ResourceLimitExceeded, ValidationException
from sagelet.domain.instances import ACCELERATED, instance_size
from sagelet.domain.training import TrainingJob

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
    check_folder_name("TrainingJobName", job.name)


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
    if not job.spot:
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


def _warm_pool(job: TrainingJob) -> None:
    if not job.keep_alive:
        return
    where = "ResourceConfig.KeepAlivePeriodInSeconds (or the tag sagelet:warm)"
    if job.spot:
        raise ValidationException(
            f"{where}: managed spot training keeps no warm pool; leave one of the two out."
        )
    if (job.request.get("ResourceConfig") or {}).get("InstanceGroups"):
        raise ValidationException(
            f"{where}: a cluster of instance groups keeps no warm pool; name one instance type."
        )


def _output(job: TrainingJob) -> None:
    uri = job.output_uri
    check_located("OutputDataConfig.S3OutputPath", uri)
    if uri.startswith(FILE_SCHEME) and not uri.removeprefix(FILE_SCHEME).strip("/"):
        raise ValidationException(
            f"OutputDataConfig.S3OutputPath: '{uri}': give a folder below the root."
        )


def _checkpoints(job: TrainingJob) -> None:
    if job.checkpoints is None:
        return
    uri, path = job.checkpoints
    check_located("CheckpointConfig.S3Uri", uri)
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
        check_located("HyperParameters.sagemaker_submit_directory", directory)


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


def _intermediate(job: TrainingJob) -> None:
    uri = s3_output(job)
    if uri is not None:
        check_located("HyperParameters.sagemaker_s3_output", uri)


def submit_directory(job: TrainingJob) -> str | None:
    """Hyperparameter ``sagemaker_submit_directory``: where the code is."""
    return _unquoted(job, "sagemaker_submit_directory")


def s3_output(job: TrainingJob) -> str | None:
    """Hyperparameter ``sagemaker_s3_output``: where output/intermediate goes while the job runs."""
    return _unquoted(job, "sagemaker_s3_output") or None


def _unquoted(job: TrainingJob, name: str) -> str | None:
    """A hyperparameter without the SDK's JSON quotes."""
    value = job.hyperparameters.get(name)
    if value and len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value[1:-1]
    return value


_RULES: tuple[Callable[[TrainingJob], None], ...] = (
    _name,
    _image,
    check_channels,
    _resources,
    _stopping,
    _warm_pool,
    _output,
    _checkpoints,
    _code,
    _intermediate,
    _metrics,
    _options,
)
