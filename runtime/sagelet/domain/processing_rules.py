"""What a CreateProcessingJob request must satisfy beyond its service model.

Each rule names the member it speaks of. What this machine does not do is refused here, by name,
and never ignored.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sagelet.domain.channel_rules import (
    check_folder_name,
    check_located,
    check_mode,
    check_pipe_names,
)
from sagelet.domain.channels import FILE_SCHEME
from sagelet.domain.errors import ResourceLimitExceeded, ValidationException
from sagelet.domain.instances import ACCELERATED, instance_size
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.rules import MAX_HOSTS

#: Where inputs and outputs are in a host, says SageMaker.
PLACE = "/opt/ml/processing"


def check(job: ProcessingJob) -> None:
    """Refuse a request that cannot run.

    Raises:
        ValidationException: with the member at fault and what to do.
    """
    for rule in _RULES:
        rule(job)


def _name(job: ProcessingJob) -> None:
    check_folder_name("ProcessingJobName", job.name)


def _inputs(job: ProcessingJob) -> None:
    seen: set[str] = set()
    for index, given in enumerate(job.request.get("ProcessingInputs") or ()):
        channel = job.channels[index]
        where = f"ProcessingInputs[{index}] (input '{channel.name}')"
        if channel.name in seen:
            raise ValidationException(f"{where}: the input name is used twice.")
        seen.add(channel.name)
        check_folder_name(where, channel.name)
        _refuse_managed(where, given)
        if given.get("DatasetDefinition"):
            raise ValidationException(
                f"{where}: DatasetDefinition: Athena and Redshift are in AWS only; give S3Input."
            )
        if not given.get("S3Input"):
            raise ValidationException(f"{where}: S3Input is required.")
        check_located(f"{where}: S3Input.S3Uri", channel.uri)
        _check_path(f"{where}: S3Input.LocalPath", channel.path)
        check_mode(where, channel)
    check_pipe_names("ProcessingInputs", job)


def _outputs(job: ProcessingJob) -> None:
    seen: set[str] = set()
    config = job.request.get("ProcessingOutputConfig") or {}
    for index, given in enumerate(config.get("Outputs") or ()):
        output = job.outputs[index]
        where = f"ProcessingOutputConfig.Outputs[{index}] (output '{output.name}')"
        if output.name in seen:
            raise ValidationException(f"{where}: the output name is used twice.")
        seen.add(output.name)
        check_folder_name(where, output.name)
        _refuse_managed(where, given)
        if given.get("FeatureStoreOutput"):
            raise ValidationException(
                f"{where}: FeatureStoreOutput: there is no feature store here; give S3Output."
            )
        if not given.get("S3Output"):
            raise ValidationException(f"{where}: S3Output is required.")
        check_located(f"{where}: S3Output.S3Uri", output.uri)
        if output.uri.startswith(FILE_SCHEME) and not output.uri[len(FILE_SCHEME) :].strip("/"):
            raise ValidationException(
                f"{where}: S3Output.S3Uri: '{output.uri}': give a folder below the root."
            )
        _check_path(f"{where}: S3Output.LocalPath", output.path)


def _refuse_managed(where: str, given: Mapping[str, Any]) -> None:
    if given.get("AppManaged"):
        raise ValidationException(
            f"{where}: AppManaged: images that move their own data are for AWS's own jobs; give "
            "an S3Uri and a LocalPath and leave AppManaged out."
        )


def _check_path(where: str, path: str) -> None:
    if not path:
        raise ValidationException(f"{where} is required: where in the container it is.")
    if ".." in path.split("/") or not path.startswith(f"{PLACE}/"):
        raise ValidationException(f"{where}: '{path}': the path must begin with {PLACE}/.")


def _paths(job: ProcessingJob) -> None:
    """No folder is two things, so that nothing is written over and nothing uploaded twice."""
    taken: dict[str, str] = {}
    for path, what in _places(job):
        if path in taken:
            raise ValidationException(
                f"LocalPath {path}: {taken[path]} and {what} cannot be one folder; give each its "
                "own."
            )
        taken[path] = what
    sources = {channel.uri.rstrip("/"): channel.name for channel in job.channels}
    for output in job.outputs:
        found = sources.get(output.uri.rstrip("/"))
        if found is not None and output.uri.startswith(FILE_SCHEME):
            raise ValidationException(
                f"Output '{output.name}': {output.uri} is the folder of the input '{found}', which "
                "a job must not change; give another folder."
            )


def _places(job: ProcessingJob) -> Iterator[tuple[str, str]]:
    for channel in job.channels:
        yield channel.path, f"the input '{channel.name}'"
    for output in job.outputs:
        yield output.path, f"the output '{output.name}'"


def _resources(job: ProcessingJob) -> None:
    if job.resources.get("InstancePreferences"):
        raise ValidationException(
            "ProcessingResources.ClusterConfig.InstancePreferences: there is one machine here; "
            "give InstanceType and InstanceCount."
        )
    group = job.groups[0]
    if (
        instance_size(group.instance_type) is None
        and job.options.gpus is None
        and job.simulated
        and ACCELERATED.match(group.instance_type)
    ):
        raise ValidationException(
            f"ProcessingResources: how many GPUs {group.instance_type} has is not known here; say "
            "how many each host gets (--gpus, or the tag sagelet:gpus)."
        )
    if group.count > MAX_HOSTS:
        raise ResourceLimitExceeded(
            f"ProcessingResources.ClusterConfig.InstanceCount: {group.count} hosts are more than "
            f"one machine runs; at most {MAX_HOSTS}."
        )


def _options(job: ProcessingJob) -> None:
    for name in ("model", "warm"):
        if getattr(job.options, name):
            raise ValidationException(f"Tag 'sagelet:{name}' is for training jobs; leave it out.")


_RULES: tuple[Callable[[ProcessingJob], None], ...] = (
    _name,
    _options,
    _inputs,
    _outputs,
    _paths,
    _resources,
)
