"""Experiments, trials and trial components as commands ask the control plane for them."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli.kinds import KINDS
from sagelet.domain.comparison import Measure, measure_of, metric_names
from sagelet.domain.errors import Refusal, ValidationException
from sagelet.domain.jobs import OBJECTIVE_METRIC, told_once
from sagelet.domain.tuning import trial_name

Document = dict[str, Any]

_PAGE = 100


def search(
    client: Client, resource: str, filters: Sequence[Document], **more: Any
) -> Iterator[Document]:
    """What Search finds, in its order."""
    request: Document = {
        "Resource": resource,
        "SearchExpression": {"Filters": list(filters)},
        "MaxResults": _PAGE,
        **more,
    }
    record = resource.removeprefix("Experiment") or resource
    while True:
        answer = client.call("sagemaker", "Search", request)
        for result in answer["Results"]:
            yield result[record]
        if not answer.get("NextToken"):
            return
        request["NextToken"] = answer["NextToken"]


def components(client: Client, name: str, value: str, **more: Any) -> Iterator[Document]:
    """The trial components with a property that equals a value, the oldest first."""
    order = {"SortBy": "CreationTime", "SortOrder": "Ascending", **more}
    equals = [{"Name": name, "Operator": "Equals", "Value": value}]
    return search(client, "ExperimentTrialComponent", equals, **order)


def components_of(client: Client, name: str) -> list[Document]:
    """The trial components of whatever has this name: trial, experiment, component or job.

    Raises:
        ValidationException: nothing has it.
    """
    if exists(client, "Trial", name):
        return list(components(client, "Parents.TrialName", name))
    if exists(client, "Trial", trial_name(name)):  # a tuning job's
        return list(components(client, "Parents.TrialName", trial_name(name)))
    if exists(client, "Experiment", name):
        return list(components(client, "Parents.ExperimentName", name))
    for own in (name, *(f"{name}-aws-{kind.resource}" for kind in KINDS.values())):
        found = list(components(client, "TrialComponentName", own))
        if found:
            return found
    raise ValidationException(
        f"There is no trial, experiment, trial component or job named '{name}'. "
        "(sagelet experiments lists experiments.)"
    )


def exists(client: Client, kind: str, name: str) -> bool:
    """Whether there is an Experiment or a Trial of that name."""
    try:
        client.call("sagemaker", f"Describe{kind}", {f"{kind}Name": name})
    except Refusal as error:
        if error.code != "ResourceNotFound":
            raise
        return False
    except ValidationException:  # no name that one could have
        return False
    return True


def trials_of(component: Document) -> list[str]:
    """The trials that a component is in."""
    return sorted({parent["TrialName"] for parent in component.get("Parents") or ()})


def title_of(component: Document) -> str:
    """What a component is called."""
    return str(component.get("DisplayName") or component["TrialComponentName"])


def status_of(component: Document) -> str:
    """Its status, if it has one."""
    return str((component.get("Status") or {}).get("PrimaryStatus") or "-")


def measures_of(given: Sequence[str], found: Sequence[Document]) -> list[Measure]:
    """The measures that were asked for, else the last value of every metric, each once.

    Raises:
        ValidationException: there is no such metric.
    """
    known = metric_names(found)
    if given:
        return [measure_of(text, known) for text in given]
    twice = not any(OBJECTIVE_METRIC in told_once(_last(component)) for component in found)
    return [Measure(name) for name in known if not (twice and name == OBJECTIVE_METRIC)]


def _last(component: Document) -> dict[str, float]:
    """The last values of its metrics."""
    return {
        metric["MetricName"]: float(metric["Last"])
        for metric in component.get("Metrics") or ()
        if "Last" in metric
    }


def is_low(by: Measure | None, *, lowest: bool, highest: bool) -> bool:
    """Whether less is better: as the user says, else by the measure's name.

    Raises:
        ValidationException: the user says both.
    """
    if lowest and highest:
        raise ValidationException("--lowest and --highest: say which of them is best, not both.")
    return lowest or (not highest and by is not None and by.low)


def best_options(command: Any) -> Any:
    """Give a command --lowest and --highest."""
    lowest = click.option("--lowest", is_flag=True, help="The lowest value is the best.")
    highest = click.option(
        "--highest",
        is_flag=True,
        help="The highest is; by default it is unless the metric's name says loss or error.",
    )
    return lowest(highest(command))
