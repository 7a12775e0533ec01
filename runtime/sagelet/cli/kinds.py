"""Kinds of jobs as the command line asks for them, and finds which one a name is."""

import re
from collections.abc import Mapping
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.domain.errors import DomainError, ValidationException
from sagelet.domain.jobs import Kind, told_once
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.processing import PROCESSING
from sagelet.domain.training import TRAINING
from sagelet.domain.tuning import TUNING

Document = dict[str, Any]

KINDS = {"training": TRAINING, "processing": PROCESSING}

#: Those without logs of their own, too.
ALL_KINDS = {**KINDS, "tuning": TUNING}

_GROUPS = {
    TRAINING.name: "/aws/sagemaker/TrainingJobs",
    PROCESSING.name: "/aws/sagemaker/ProcessingJobs",
}

#: A command's option for names that jobs of two kinds have.
kind_option = click.option(
    "--kind",
    "kind_name",
    type=click.Choice(list(KINDS)),
    help="The kind of job, where a training job and a processing job have one name.",
)


#: The same for commands that know tuning jobs.
any_kind_option = click.option(
    "--kind",
    "kind_name",
    type=click.Choice(list(ALL_KINDS)),
    help="The kind of job, where jobs of several kinds have one name.",
)


def group_of(kind: Kind) -> str:
    """The log group of its jobs."""
    return _GROUPS[kind.name]


def door_of(kind: Kind, job: str) -> str:
    """Where the control plane says of a job what AWS has no operation for."""
    return f"/_cli/{'jobs' if kind is TRAINING else 'processing-jobs'}/{job}"


def describe(client: Client, job: str, kind: Kind = TRAINING) -> Document:
    """The document of DescribeTrainingJob, or of that operation of another kind.

    Raises:
        ValidationException: there is no such job.
    """
    try:
        return client.call("sagemaker", f"Describe{kind.name}", {f"{kind.name}Name": job})
    except DomainError as error:
        raise named(error, client, job, kind) from None


def named(error: DomainError, client: Client, job: str, kind: Kind) -> DomainError:
    """AWS does not say which resource it did not find."""
    if not str(error).startswith(re.split(r"[.:{]", kind.missing)[0]):
        return error
    return ValidationException(
        f"There is no {kind.noun} named '{job}' in {client.region}. (sagelet jobs lists them.)"
    )


def kind_of(
    client: Client, job: str, kind_name: str | None, among: Mapping[str, Kind] = ALL_KINDS
) -> Kind:
    """The kind of the job of that name, the first of these.

    Raises:
        ValidationException: there is no such job.
    """
    if kind_name is not None:
        return among[kind_name]
    for kind in among.values():
        try:
            describe(client, job, kind)
        except ValidationException:
            continue
        return kind
    first, *others = (kind.noun for kind in among.values())
    raise ValidationException(
        f"There is no {first} named '{job}' in {client.region}, and no {' or '.join(others)}. "
        "(sagelet jobs lists them.)"
    )


def shown(status: str, *, processing: bool) -> str:
    """A state's name as people read it: the life of a job is told in the words of training."""
    return "Processing" if processing and status == Secondary.TRAINING else status


def status_of(document: Mapping[str, Any]) -> str:
    """A job's status, from its description."""
    found: str = document.get("TrainingJobStatus") or document["ProcessingJobStatus"]
    return found


def metrics_of(document: Mapping[str, Any]) -> list[str]:
    """A job's last metrics as people read them, from its description."""
    metrics = document.get("FinalMetricDataList") or ()
    values = told_once({metric["MetricName"]: float(metric["Value"]) for metric in metrics})
    return [f"{name}={value:g}" for name, value in values.items()]
