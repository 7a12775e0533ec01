"""Experiments: create, describe, list, update, delete."""

import time
from dataclasses import replace
from typing import Any

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.tags import read_tags, taggable
from sagelet.domain.experiments import Experiment
from sagelet.store import Store
from sagelet.store.listing import Order


@taggable("experiment")
def _known(store: Store, name: str) -> bool:
    return store.experiments.has(name)


@operation("sagemaker", "CreateExperiment")
def create_experiment(context: Context, request: Document) -> Document:
    """Make an experiment; its name is taken in whatever case."""
    now = time.time()
    name = request["ExperimentName"]
    experiment = Experiment(
        name,
        context.account,
        context.region,
        now,
        now,
        {"DisplayName": name, **members(request, "DisplayName", "Description")},
    )
    context.store.experiments.add(experiment, read_tags(request.get("Tags") or []))
    return {"ExperimentArn": experiment.arn}


@operation("sagemaker", "DescribeExperiment", quick=True)
def describe_experiment(context: Context, request: Document) -> Document:
    """All that is known of an experiment."""
    return show_experiment(
        context.store.experiments.get(request["ExperimentName"], context.account)
    )


@operation("sagemaker", "UpdateExperiment")
def update_experiment(context: Context, request: Document) -> Document:
    """Change what is shown of an experiment; an empty description removes it."""

    def change(before: Experiment) -> Experiment:
        document = {**before.document, **members(request, "DisplayName", "Description")}
        if not document.get("Description"):
            document.pop("Description", None)
        return replace(before, document=document, modified=time.time())

    after = context.store.experiments.change(request["ExperimentName"], context.account, change)
    return {"ExperimentArn": after.arn}


@operation("sagemaker", "DeleteExperiment")
def delete_experiment(context: Context, request: Document) -> Document:
    """Forget an experiment, which must have no trials any more."""
    found = context.store.experiments.delete(request["ExperimentName"], context.account)
    return {"ExperimentArn": found.arn}


@operation("sagemaker", "ListExperiments", quick=True)
def list_experiments(context: Context, request: Document) -> Document:
    """Summaries, the newest first unless asked otherwise."""
    return page(
        "ListExperiments",
        request,
        lambda cursor, size: context.store.experiments.select(order_of(request, cursor, size)),
        _summary,
        result="ExperimentSummaries",
    )


def order_of(request: Document, cursor: Any, size: int) -> Order:
    """How a List operation of experiments, trials or components wants its page."""
    return Order(
        sort_by=request.get("SortBy") or "CreationTime",
        descending=request.get("SortOrder") != "Ascending",
        limit=size,
        after=(cursor[0], cursor[1]) if cursor else None,
        created_after=request.get("CreatedAfter"),
        created_before=request.get("CreatedBefore"),
    )


def members(request: Document, *names: str) -> Document:
    """Those of the members that the request has."""
    return {name: request[name] for name in names if request.get(name) is not None}


def show_experiment(experiment: Experiment) -> Document:
    """An experiment as documents have it."""
    return {
        **experiment.document,
        "ExperimentName": experiment.name,
        "ExperimentArn": experiment.arn,
        "CreationTime": experiment.created,
        "LastModifiedTime": experiment.modified,
    }


def _summary(experiment: Experiment) -> Document:
    shown = show_experiment(experiment)
    shown.pop("Description", None)
    if "Source" in shown:
        shown["ExperimentSource"] = shown.pop("Source")
    return shown
