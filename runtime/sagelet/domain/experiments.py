"""Experiments: an experiment groups trials, a trial is a series of trial components.

What they are called, what may be done with them and in which words it is refused, and the trial
component that a job makes and keeps up to date. The members that nothing here decides on
are kept as the request's document has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagelet.domain.errors import DomainError, Refusal, ResourceLimitExceeded, ValidationException
from sagelet.domain.jobs import Job
from sagelet.domain.search_properties import number_in

Document = Mapping[str, Any]

#: A parameter's value: NumberValue or StringValue.
Parameter = float | str

#: What one trial component can hold.
MOST_PARAMETERS = 300
MOST_ARTIFACTS = 60

_STRING = 2500
_ARTIFACT = 2048
_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entity: as messages call it, as its ARN does, and what is linked to it."""

    word: str
    arn: str
    parts: str

    def arn_of(self, account: str, region: str, name: str) -> str:
        """The ARN of one; it has the name in lower case."""
        return f"arn:aws:sagemaker:{region}:{account}:{self.arn}/{name.lower()}"

    def taken(self, name: str) -> DomainError:
        """The name is another one's."""
        return ValidationException(
            f"{self.word} names must be unique within an AWS account and region. {self.word} with "
            f"name ({name}) already exists."
        )

    def missing(self, account: str, region: str, name: str) -> DomainError:
        """There is none of that name."""
        arn = self.arn_of(account, region, name)
        return Refusal("ResourceNotFound", f"{self.word} '{arn}' does not exist.")

    def linked(self, account: str, region: str, name: str) -> DomainError:
        """What has parts, or is a part, cannot be deleted."""
        return ValidationException(
            f"{self.word} '{self.arn_of(account, region, name)}' is linked to 1 or more "
            f"{self.parts} and cannot be deleted."
        )


EXPERIMENT = Kind("Experiment", "experiment", "trials")
TRIAL = Kind("Trial", "experiment-trial", "trial components")
COMPONENT = Kind("TrialComponent", "experiment-trial-component", "trials")


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment; times in epoch seconds."""

    name: str
    account: str
    region: str
    created: float
    modified: float
    document: Document = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """ExperimentArn."""
        return EXPERIMENT.arn_of(self.account, self.region, self.name)


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial of an experiment."""

    name: str
    experiment: str
    account: str
    region: str
    created: float
    modified: float
    document: Document = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """TrialArn."""
        return TRIAL.arn_of(self.account, self.region, self.name)


@dataclass(frozen=True, slots=True)
class TrialComponent:
    """A trial component; parameters apart from the document, for they are searched for."""

    name: str
    account: str
    region: str
    created: float
    modified: float
    document: Document = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """TrialComponentArn."""
        return COMPONENT.arn_of(self.account, self.region, self.name)

    @property
    def source(self) -> str | None:
        """The ARN of the job that it describes."""
        source = self.document.get("Source")
        return source["SourceArn"] if source else None


def read_parameters(given: Mapping[str, Document]) -> dict[str, Parameter]:
    """A request's Parameters.

    Raises:
        ValidationException: one has not exactly one value.
    """
    found: dict[str, Parameter] = {}
    for name, value in given.items():
        numbers = [value[m] for m in ("NumberValue", "StringValue") if value.get(m) is not None]
        if len(numbers) != 1:
            raise ValidationException(
                f"Parameters: '{name}' must have either a NumberValue or a StringValue."
            )
        found[name] = numbers[0] if isinstance(numbers[0], str) else float(numbers[0])
    return found


def show_parameters(parameters: Mapping[str, Parameter]) -> dict[str, dict[str, Parameter]]:
    """Parameters as documents have them."""
    return {
        name: {"StringValue" if isinstance(value, str) else "NumberValue": value}
        for name, value in parameters.items()
    }


def updated(component: TrialComponent, request: Document, now: float) -> TrialComponent:
    """The component after an UpdateTrialComponent: what is given is laid over what there is.

    Raises:
        ValidationException: a parameter has not exactly one value.
        ResourceLimitExceeded: it would hold too much.
    """
    document = dict(component.document)
    for member in ("DisplayName", "StartTime", "EndTime", "MetadataProperties", "Status"):
        if request.get(member) is not None:
            document[member] = request[member]
    for member in ("InputArtifacts", "OutputArtifacts"):
        merged = dict(document.get(member) or {}) | dict(request.get(member) or {})
        for name in request.get(f"{member}ToRemove") or ():
            merged.pop(name, None)
        if len(merged) > MOST_ARTIFACTS:
            raise ResourceLimitExceeded(
                f"{component.arn}: {len(merged)} {member} are more than {MOST_ARTIFACTS}."
            )
        document[member] = merged
    parameters = dict(component.parameters) | read_parameters(request.get("Parameters") or {})
    for name in request.get("ParametersToRemove") or ():
        parameters.pop(name, None)
    if len(parameters) > MOST_PARAMETERS:
        raise ResourceLimitExceeded(
            f"{component.arn}: {len(parameters)} parameters are more than {MOST_PARAMETERS}."
        )
    return TrialComponent(
        component.name,
        component.account,
        component.region,
        component.created,
        now,
        {member: value for member, value in document.items() if value != {}},
        parameters,
    )


def component_of(job: Job) -> TrialComponent:
    """The trial component of a job that was just created."""
    name = f"{job.name}-aws-{job.kind.resource}"
    config = job.request.get("ExperimentConfig") or {}
    inputs = {
        channel.name: {
            **({"MediaType": channel.content_type} if channel.content_type else {}),
            "Value": channel.uri[:_ARTIFACT],
        }
        for channel in job.channels
        if channel.uri
    }
    inputs = {"SageMaker.ImageUri": {"Value": job.image}} | inputs
    return TrialComponent(
        name,
        job.account,
        job.region,
        job.created,
        job.created,
        {
            "DisplayName": config.get("TrialComponentDisplayName") or name,
            "Source": {"SourceArn": job.arn, "SourceType": f"SageMaker{job.kind.name}"},
            "InputArtifacts": dict(list(inputs.items())[:MOST_ARTIFACTS]),
            **life_of(job),
        },
        parameters_of(job),
    )


def parameters_of(job: Job) -> dict[str, Parameter]:
    """A job's parameters: its resources, and what its program is given, numbers as numbers."""
    resources = job.resources
    found: dict[str, Parameter] = {"SageMaker.InstanceCount": float(job.host_count)}
    if resources.get("InstanceType"):
        found["SageMaker.InstanceType"] = str(resources["InstanceType"])
    if resources.get("VolumeSizeInGB"):
        found["SageMaker.VolumeSizeInGB"] = float(resources["VolumeSizeInGB"])
    for key, text in job.parameters.items():
        number = number_in(text)
        found[key] = text[:_STRING] if number is None else number
    return dict(list(found.items())[:MOST_PARAMETERS])


def life_of(job: Job) -> dict[str, Any]:
    """What a job's life says of its component: Status, StartTime, EndTime."""
    started, ended = job.life.started(), job.life.ended()
    return {
        "Status": {
            "PrimaryStatus": job.life.primary,
            "Message": job.status_message[:_MESSAGE],
        },
        **({} if started is None else {"StartTime": started}),
        **({} if ended is None else {"EndTime": ended}),
    }


def outputs_of(job: Job) -> dict[str, Any]:
    """The OutputArtifacts of a job's component, of what the job stored."""
    names = job.kind.stores
    found = {name: {"Value": uri[:_ARTIFACT]} for name, uri in job.artifacts.items()}
    return {names.get(name, name): value for name, value in list(found.items())[:MOST_ARTIFACTS]}


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a job's component belongs; what is not there yet is made with the job."""

    experiment: str
    trial: str
    new_experiment: bool
    new_trial: bool


def assign(job: Job, trial: Trial | None, experiment: Experiment | None) -> Assignment | None:
    """Where the job's ExperimentConfig puts its component; None leaves it unassigned.

    ``trial`` and ``experiment`` are those the ExperimentConfig names, where they exist.

    Raises:
        DomainError: the trial is another experiment's, or there is none and no experiment to make
            it in.
    """
    config = job.request.get("ExperimentConfig") or {}
    wanted, name = config.get("ExperimentName"), config.get("TrialName")
    if trial is not None:
        if wanted is not None and wanted.lower() != trial.experiment.lower():
            raise ValidationException(
                f"ExperimentConfig: the trial '{trial.name}' belongs to the experiment "
                f"'{trial.experiment}', not to '{wanted}'."
            )
        return Assignment(trial.experiment, trial.name, new_experiment=False, new_trial=False)
    if wanted is None:
        if name is not None:
            raise TRIAL.missing(job.account, job.region, name)
        return None
    return Assignment(
        experiment.name if experiment else wanted,
        name or f"{job.name}-aws-trial",
        new_experiment=experiment is None,
        new_trial=True,
    )
