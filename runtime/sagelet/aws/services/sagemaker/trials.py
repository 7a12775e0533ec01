"""Trials: create, describe, list, update, delete."""

import time
from dataclasses import replace

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.experiments import members, order_of
from sagelet.aws.services.sagemaker.tags import read_tags, taggable
from sagelet.domain.experiments import Trial
from sagelet.store import Store


@taggable("experiment-trial")
def _known(store: Store, name: str) -> bool:
    return store.experiments.has_trial(name)


@operation("sagemaker", "CreateTrial")
def create_trial(context: Context, request: Document) -> Document:
    """Make a trial of an experiment that is there."""
    now = time.time()
    name = request["TrialName"]
    experiment = context.store.experiments.get(request["ExperimentName"], context.account)
    trial = Trial(
        name,
        experiment.name,
        context.account,
        context.region,
        now,
        now,
        {"DisplayName": name, **members(request, "DisplayName", "MetadataProperties")},
    )
    context.store.experiments.add_trial(trial, read_tags(request.get("Tags") or []))
    return {"TrialArn": trial.arn}


@operation("sagemaker", "DescribeTrial", quick=True)
def describe_trial(context: Context, request: Document) -> Document:
    """All that is known of a trial."""
    return show_trial(context.store.experiments.trial(request["TrialName"], context.account))


@operation("sagemaker", "UpdateTrial")
def update_trial(context: Context, request: Document) -> Document:
    """Change a trial's display name."""

    def change(before: Trial) -> Trial:
        document = {**before.document, **members(request, "DisplayName")}
        return replace(before, document=document, modified=time.time())

    after = context.store.experiments.change_trial(request["TrialName"], context.account, change)
    return {"TrialArn": after.arn}


@operation("sagemaker", "DeleteTrial")
def delete_trial(context: Context, request: Document) -> Document:
    """Forget a trial, which must have no components any more."""
    found = context.store.experiments.delete_trial(request["TrialName"], context.account)
    return {"TrialArn": found.arn}


@operation("sagemaker", "ListTrials", quick=True)
def list_trials(context: Context, request: Document) -> Document:
    """Summaries (of an experiment's, or a component's), the newest first by default."""
    experiment, component = request.get("ExperimentName"), request.get("TrialComponentName")
    if experiment is not None:
        context.store.experiments.get(experiment, context.account)
    if component is not None:
        context.store.trial_components.get(component, context.account)
    return page(
        "ListTrials",
        request,
        lambda cursor, size: context.store.experiments.select_trials(
            order_of(request, cursor, size), experiment=experiment, component=component
        ),
        _summary,
        result="TrialSummaries",
    )


def show_trial(trial: Trial) -> Document:
    """A trial as documents have it."""
    return {
        **trial.document,
        "TrialName": trial.name,
        "TrialArn": trial.arn,
        "ExperimentName": trial.experiment,
        "CreationTime": trial.created,
        "LastModifiedTime": trial.modified,
    }


def _summary(trial: Trial) -> Document:
    shown = show_trial(trial)
    for member in ("ExperimentName", "MetadataProperties"):
        shown.pop(member, None)
    if "Source" in shown:
        shown["TrialSource"] = shown.pop("Source")
    return shown
