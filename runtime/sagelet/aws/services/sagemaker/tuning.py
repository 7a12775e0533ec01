"""Hyperparameter tuning jobs: create, describe, list, stop, delete, and their training jobs."""

import time
from collections.abc import Sequence
from typing import Any

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.tags import read_tags, taggable
from sagelet.domain.draws import key_of
from sagelet.domain.errors import Unavailable, ValidationException
from sagelet.domain.training import training_job_arn
from sagelet.domain.tuning import OBJECTIVE_KEY, Definition, TunedJob, TuningJob
from sagelet.domain.tuning_progress import best, count, not_improving
from sagelet.engine.tuned import shown
from sagelet.store import Store
from sagelet.store.jobs import Filter
from sagelet.store.tuning_jobs import TuningRow


@taggable("hyper-parameter-tuning-job")
def _known(store: Store, name: str) -> bool:
    return store.tuning_jobs.has(name)


@operation("sagemaker", "CreateHyperParameterTuningJob")
def create_hyper_parameter_tuning_job(context: Context, request: Document) -> Document:
    """Take the tuning job in; its first training jobs are launched right away."""
    tags = read_tags(request.get("Tags") or [])
    try:
        job = context.engine.tuning.create(request, tags, confined=context.confined)
    except Unavailable as error:
        # AWS's clients repeat what failed with a 5xx; repeating does not help here.
        raise ValidationException(str(error)) from None
    return {"HyperParameterTuningJobArn": job.arn}


@operation("sagemaker", "DescribeHyperParameterTuningJob")
def describe_hyper_parameter_tuning_job(context: Context, request: Document) -> Document:
    """All that is known of one tuning job; times are epoch seconds."""
    job = context.store.tuning_jobs.get(request["HyperParameterTuningJobName"])
    return {
        **context.echo(dict(job.request)),
        **show_tuning_job(context, job, shown(context.store, job)),
    }


def show_tuning_job(context: Context, job: TuningJob, tuned: Sequence[TunedJob]) -> Document:
    """What is known of a tuning job beyond its request, or is said otherwise than there."""
    objective = job.definitions[0].objective
    document: Document = {
        **_definitions(job),
        **_state(job, tuned),
        "TuningJobCompletionDetails": {
            "NumberOfTrainingJobsObjectiveNotImproving": not_improving(tuned, objective),
            **({} if job.converged is None else {"ConvergenceDetectedTime": job.converged}),
        },
        "ConsumedResources": {
            "RuntimeInSeconds": int((job.ended or time.time()) - job.created),
        },
    }
    if job.failure_reason:
        document["FailureReason"] = job.failure_reason
    leader = best(tuned, objective)
    if leader is not None:
        document["BestTrainingJob"] = _summary(context, job, leader)
    if job.warm_start is not None and job.warm_start[0] == "IdenticalDataAndAlgorithm":
        overall = _overall(context, job, leader)
        if overall is not None:
            document["OverallBestTrainingJob"] = _summary(context, *overall)
    return document


def _definitions(job: TuningJob) -> Document:
    """The definitions as asked for, with what SageMaker adds for training jobs: the objective."""
    found = [_definition(definition) for definition in job.definitions]
    if "TrainingJobDefinition" in job.request:
        return {"TrainingJobDefinition": found[0]}
    return {"TrainingJobDefinitions": found}


def _definition(definition: Definition) -> Document:
    static = {**definition.static, OBJECTIVE_KEY: definition.objective.metric}
    return {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        **definition.document,
        "AlgorithmSpecification": definition.algorithm,
        "ResourceConfig": definition.choices[0],  # always there: the SDK's attach() reads it
        "StaticHyperParameters": static,
    }


def _state(job: TuningJob, tuned: Sequence[TunedJob]) -> Document:
    """What a description and a summary both say."""
    counters = count(tuned)
    document: Document = {
        "HyperParameterTuningJobName": job.name,
        "HyperParameterTuningJobArn": job.arn,
        "HyperParameterTuningJobStatus": job.status,
        "CreationTime": job.created,
        "LastModifiedTime": max(job.modified, job.created),
        "TrainingJobStatusCounters": {
            "Completed": counters.completed,
            "InProgress": counters.in_progress,
            "RetryableError": counters.retryable,
            "NonRetryableError": counters.failed,
            "Stopped": counters.stopped,
        },
        "ObjectiveStatusCounters": {
            "Succeeded": counters.succeeded,
            "Pending": counters.pending,
            "Failed": counters.objective_failed,
        },
    }
    if job.ended is not None:
        document["HyperParameterTuningEndTime"] = job.ended
    return document


def _overall(
    context: Context, job: TuningJob, leader: TunedJob | None
) -> tuple[TuningJob, TunedJob] | None:
    """The best of a tuning job and its parents."""
    objective = job.definitions[0].objective
    found = None if leader is None else (job, leader)
    for name in job.warm_start[1] if job.warm_start else ():
        if not context.store.tuning_jobs.has(name):
            continue  # deleted since
        parent = context.store.tuning_jobs.get(name)
        other = best(context.store.tuning_jobs.tuned(name), objective)
        if other is None or other.objective is None:
            continue
        if (
            found is None
            or found[1].objective is None
            or objective.better(other.objective, found[1].objective)
        ):
            found = parent, other
    return found


@operation("sagemaker", "ListHyperParameterTuningJobs")
def list_hyper_parameter_tuning_jobs(context: Context, request: Document) -> Document:
    """Summaries, by name and ascending unless asked otherwise."""
    wanted = Filter(
        name_contains=request.get("NameContains"),
        created_after=request.get("CreationTimeAfter"),
        created_before=request.get("CreationTimeBefore"),
        modified_after=request.get("LastModifiedTimeAfter"),
        modified_before=request.get("LastModifiedTimeBefore"),
        status=request.get("StatusEquals"),
    )

    def fetch(cursor: Any, size: int) -> list[tuple[TuningRow, Any]]:
        rows = context.store.tuning_jobs.select(
            wanted,
            request.get("SortBy") or "Name",
            descending=request.get("SortOrder") == "Descending",
            limit=size,
            after=(cursor[0], cursor[1]) if cursor else None,
        )
        return [(row, [row.sort, row.job.name]) for row in rows]

    def show(row: TuningRow) -> Document:
        return {
            **_state(row.job, shown(context.store, row.job)),
            "Strategy": row.job.strategy,
            "ResourceLimits": row.job.limits,
        }

    return page(
        "ListHyperParameterTuningJobs",
        request,
        fetch,
        show,
        result="HyperParameterTuningJobSummaries",
    )


@operation("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs_for_tuning_job(context: Context, request: Document) -> Document:
    """The training jobs of a tuning job, by name and ascending unless asked otherwise.

    By FinalObjectiveMetricValue, those that have none are not listed.
    """
    job = context.store.tuning_jobs.get(request["HyperParameterTuningJobName"])
    status = request.get("StatusEquals")
    sort_by = request.get("SortBy") or "Name"
    found = [t for t in shown(context.store, job) if status in (None, t.status)]
    if sort_by == "FinalObjectiveMetricValue":
        found = [tuned for tuned in found if tuned.objective is not None]
    found.sort(key=lambda tuned: _rank(tuned, sort_by), reverse=_descends(request))

    def fetch(cursor: Any, size: int) -> list[tuple[TunedJob, Any]]:
        numbers = [tuned.number for tuned in found]
        start = numbers.index(cursor) + 1 if cursor in numbers else 0
        return [(tuned, tuned.number) for tuned in found[start : start + size]]

    return page(
        "ListTrainingJobsForHyperParameterTuningJob",
        request,
        fetch,
        lambda tuned: _summary(context, job, tuned),
        result="TrainingJobSummaries",
    )


def _descends(request: Document) -> bool:
    return request.get("SortOrder") == "Descending"


def _rank(tuned: TunedJob, sort_by: str) -> tuple[Any, ...]:
    """Where it stands."""
    if sort_by == "FinalObjectiveMetricValue":
        return tuned.objective, tuned.number
    if sort_by == "Status":
        return tuned.status, tuned.number
    return (tuned.number,)  # by name and by time of creation alike


@operation("sagemaker", "StopHyperParameterTuningJob")
def stop_hyper_parameter_tuning_job(context: Context, request: Document) -> Document:
    """Launch nothing more, and stop the training jobs that run; what they wrote is kept."""
    context.engine.tuning.stop(request["HyperParameterTuningJobName"])
    return {}


@operation("sagemaker", "DeleteHyperParameterTuningJob")
def delete_hyper_parameter_tuning_job(context: Context, request: Document) -> Document:
    """Forget a tuning job that has ended; its training jobs stay."""
    job = context.engine.tuning.delete(request["HyperParameterTuningJobName"])
    context.store.tags.forget(job.arn)
    return {}


def _summary(context: Context, job: TuningJob, tuned: TunedJob) -> Document:
    """A HyperParameterTrainingJobSummary."""
    definition = job.definitions[tuned.definition]
    document: Document = {
        "TrainingJobName": tuned.name,
        "TrainingJobArn": training_job_arn(context.account, context.region, tuned.name),
        "TuningJobName": job.name,
        "CreationTime": tuned.created or job.created,
        "TrainingJobStatus": tuned.status,
        "TunedHyperParameters": dict(key_of(tuned.tuned)),
        "ObjectiveStatus": tuned.objective_status,
    }
    if definition.name is not None:
        document["TrainingJobDefinitionName"] = definition.name
    if tuned.started is not None:
        document["TrainingStartTime"] = tuned.started
    if tuned.ended is not None:
        document["TrainingEndTime"] = tuned.ended
    if tuned.failure_reason:
        document["FailureReason"] = tuned.failure_reason
    if tuned.objective is not None:
        document["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": definition.objective.type,
            "MetricName": definition.objective.metric,
            "Value": tuned.objective,
        }
    return document
