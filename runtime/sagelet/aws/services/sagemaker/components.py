"""Trial components: create, describe, list, update, delete, and the trials they are in."""

import time
from collections.abc import Iterable

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.experiments import members, order_of
from sagelet.aws.services.sagemaker.tags import read_tags, taggable
from sagelet.domain.errors import ValidationException
from sagelet.domain.experiments import TrialComponent, show_parameters, updated
from sagelet.domain.summaries import Summary
from sagelet.store import Store
from sagelet.store.trial_components import Record

_SUMMARY = ("DisplayName", "Status", "StartTime", "EndTime")


@taggable("experiment-trial-component")
def _known(store: Store, name: str) -> bool:
    return store.trial_components.has(name)


@operation("sagemaker", "CreateTrialComponent")
def create_trial_component(context: Context, request: Document) -> Document:
    """Make a component, in no trial yet; its name is taken in whatever case."""
    now = time.time()
    name = request["TrialComponentName"]
    blank = TrialComponent(name, context.account, context.region, now, now, {"DisplayName": name})
    component = updated(blank, request, now)
    context.store.trial_components.add(component, read_tags(request.get("Tags") or []))
    return {"TrialComponentArn": component.arn}


@operation("sagemaker", "DescribeTrialComponent", quick=True)
def describe_trial_component(context: Context, request: Document) -> Document:
    """All that is known of a component, with its metrics so far."""
    return show_component(
        context.store.trial_components.get(request["TrialComponentName"], context.account)
    )


@operation("sagemaker", "UpdateTrialComponent")
def update_trial_component(context: Context, request: Document) -> Document:
    """Lay what is given over what there is; remove what is named to be removed."""
    component = context.store.trial_components.change(
        request["TrialComponentName"],
        context.account,
        lambda before: updated(before, request, time.time()),
    )
    return {"TrialComponentArn": component.arn}


@operation("sagemaker", "DeleteTrialComponent")
def delete_trial_component(context: Context, request: Document) -> Document:
    """Forget a component, which must be in no trial any more."""
    found = context.store.trial_components.delete(request["TrialComponentName"], context.account)
    return {"TrialComponentArn": found.arn}


@operation("sagemaker", "ListTrialComponents", quick=True)
def list_trial_components(context: Context, request: Document) -> Document:
    """Summaries (of an experiment's, a trial's, a job's), the newest first by default."""
    filters = members(request, "ExperimentName", "TrialName", "SourceArn")
    if len(filters) > 1:
        raise ValidationException(
            f"Only one of ExperimentName, TrialName and SourceArn can be given, not "
            f"{' and '.join(filters)}."
        )
    experiment, trial = filters.get("ExperimentName"), filters.get("TrialName")
    if experiment is not None:
        context.store.experiments.get(experiment, context.account)
    if trial is not None:
        context.store.experiments.trial(trial, context.account)
    return page(
        "ListTrialComponents",
        request,
        lambda cursor, size: context.store.trial_components.select(
            order_of(request, cursor, size),
            experiment=experiment,
            trial=trial,
            source=filters.get("SourceArn"),
        ),
        _summary,
        result="TrialComponentSummaries",
    )


@operation("sagemaker", "AssociateTrialComponent")
def associate_trial_component(context: Context, request: Document) -> Document:
    """Put a component into a trial; it can be in several."""
    component, trial = context.store.trial_components.associate(
        request["TrialComponentName"], request["TrialName"], context.account
    )
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


@operation("sagemaker", "DisassociateTrialComponent")
def disassociate_trial_component(context: Context, request: Document) -> Document:
    """Take a component out of a trial."""
    component, trial = context.store.trial_components.disassociate(
        request["TrialComponentName"], request["TrialName"], context.account
    )
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}


def show_component(record: Record) -> Document:
    """A component as documents have it; the SDK's analytics read its collections unasked."""
    component = record.component
    return {
        "InputArtifacts": {},
        "OutputArtifacts": {},
        **component.document,
        "TrialComponentName": component.name,
        "TrialComponentArn": component.arn,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
        "Parameters": show_parameters(component.parameters),
        "Metrics": list(_metrics(record, component.source or component.arn)),
    }


def _metrics(record: Record, source: str) -> Iterable[Document]:
    for name, summary in record.metrics:
        yield {"MetricName": name, "SourceArn": source, **_statistics(summary)}


def _statistics(summary: Summary) -> Document:
    found = {
        "TimeStamp": summary.time,
        "Min": summary.least,
        "Max": summary.greatest,
        "Avg": summary.mean,
        "StdDev": summary.deviation,
        "Last": summary.last,
        "Count": summary.count,
    }
    return {name: value for name, value in found.items() if value is not None}


def _summary(component: TrialComponent) -> Document:
    shown = {
        "TrialComponentName": component.name,
        "TrialComponentArn": component.arn,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
        **{m: component.document[m] for m in _SUMMARY if m in component.document},
    }
    if "Source" in component.document:
        shown["TrialComponentSource"] = component.document["Source"]
    return shown
