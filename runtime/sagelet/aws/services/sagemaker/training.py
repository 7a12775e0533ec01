"""Training jobs: create, describe, list, stop, update, delete."""

import time
from typing import Any

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.tags import read_tags
from sagelet.domain.errors import Unavailable, ValidationException
from sagelet.domain.jobs import DEFAULT_MAX_RUNTIME
from sagelet.domain.training import TrainingJob, training_job_arn
from sagelet.domain.warm_pool import WarmPool, pool_of, warm_pool
from sagelet.store.training_jobs import Filter, JobRow

#: What DescribeTrainingJob says of a job whose request does not.
_DEFAULTS = {
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "EnableManagedSpotTraining": False,
    "ProfilingStatus": "Disabled",
}


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(context: Context, request: Document) -> Document:
    """Take the job in; it runs as soon as there is room."""
    tags = read_tags(request.get("Tags") or [])
    try:
        job = context.engine.submit(request, tags, confined=context.confined)
    except Unavailable as error:
        # AWS's clients repeat what failed with a 5xx; repeating does not help here.
        raise ValidationException(str(error)) from None
    return {"TrainingJobArn": job.arn}


@operation("sagemaker", "DescribeTrainingJob", quick=True)
def describe_training_job(context: Context, request: Document) -> Document:
    """All that is known of one job; times are epoch seconds."""
    job = context.store.training_jobs.get(request["TrainingJobName"])
    return {**context.echo(dict(job.request)), **show_training_job(context, job)}


def show_training_job(context: Context, job: TrainingJob) -> Document:
    """What is known of a job beyond its request, or is said otherwise than there."""
    life = job.life
    document: Document = {
        **{name: job.request.get(name, value) for name, value in _DEFAULTS.items()},
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "OutputDataConfig": {
            "KmsKeyId": "",  # always there: the SDK's attach() reads it
            "CompressionType": "GZIP",
            **(job.request.get("OutputDataConfig") or {}),
        },
        "ModelArtifacts": {"S3ModelArtifacts": job.artifacts.get("model", "")},
        "TrainingJobStatus": life.primary,
        "SecondaryStatus": str(life.secondary),
        "StoppingCondition": {
            "MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME,
            **(job.request.get("StoppingCondition") or {}),
        },
        "CreationTime": job.created,
        "LastModifiedTime": max(job.modified, life.steps[-1].start),
        "SecondaryStatusTransitions": [
            {
                "Status": str(step.status),
                "StartTime": step.start,
                **({} if step.end is None else {"EndTime": step.end}),
                "StatusMessage": step.message,
            }
            for step in life.steps
        ],
        "FinalMetricDataList": [
            {"MetricName": d.name, "Value": d.value, "Timestamp": d.time}
            for d in context.store.metrics.final(job.name)
        ],
        **_training_times(job),
    }
    channels = job.request.get("InputDataConfig")
    if channels:
        document["InputDataConfig"] = [
            {"CompressionType": "None", "RecordWrapperType": "None", **channel}
            for channel in channels
        ]
    if life.failure_reason:
        document["FailureReason"] = life.failure_reason
    pool = warm_pool(job, time.time())
    if pool is not None:
        document["WarmPoolStatus"] = _show_pool(pool)
    return document


@operation("sagemaker", "ListTrainingJobs", quick=True)
def list_training_jobs(context: Context, request: Document) -> Document:
    """Summaries, by creation time and ascending unless asked otherwise.

    With both MaxResults and StatusEquals, AWS filters the page after it was cut: so does this.
    """
    sort_by = request.get("SortBy") or "CreationTime"
    if sort_by == "FinalObjectiveMetricValue":
        raise ValidationException(
            "SortBy FinalObjectiveMetricValue is for the jobs of a tuning job: use Name, "
            "CreationTime or Status."
        )
    status = request.get("StatusEquals")
    late = status is not None and request.get("MaxResults") is not None
    now = time.time()
    wanted = Filter(
        name_contains=request.get("NameContains"),
        created_after=request.get("CreationTimeAfter"),
        created_before=request.get("CreationTimeBefore"),
        modified_after=request.get("LastModifiedTimeAfter"),
        modified_before=request.get("LastModifiedTimeBefore"),
        status=None if late else status,
        warm_pool=request.get("WarmPoolStatusEquals"),
        training_plan=request.get("TrainingPlanArnEquals"),
    )

    def fetch(cursor: Any, size: int) -> list[tuple[JobRow, Any]]:
        rows = context.store.training_jobs.select(
            wanted,
            sort_by,
            descending=request.get("SortOrder") == "Descending",
            limit=size,
            after=(cursor[0], cursor[1]) if cursor else None,
            now=now,
        )
        return [(row, [row.sort, row.name]) for row in rows]

    document = page(
        "ListTrainingJobs",
        request,
        fetch,
        lambda row: _summary(row, context.region, now),
        result="TrainingJobSummaries",
    )
    if late:
        document["TrainingJobSummaries"] = [
            summary
            for summary in document["TrainingJobSummaries"]
            if summary["TrainingJobStatus"] == status
        ]
    return document


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(context: Context, request: Document) -> Document:
    """SIGTERM, the grace, SIGKILL; what was written by then is kept."""
    context.engine.stop(request["TrainingJobName"])
    return {}


@operation("sagemaker", "UpdateTrainingJob")
def update_training_job(context: Context, request: Document) -> Document:
    """Change how long the warm pool lives; the rest an update can say has no effect here."""
    name = request["TrainingJobName"]
    seconds = (request.get("ResourceConfig") or {}).get("KeepAlivePeriodInSeconds")
    if seconds is None:
        job = context.store.training_jobs.get(name)
    else:
        job = context.engine.keep_alive(name, seconds)
    return {"TrainingJobArn": job.arn}


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(context: Context, request: Document) -> Document:
    """Forget a job that has ended; its name is free again. What it stored stays."""
    name = request["TrainingJobName"]
    context.engine.delete(name)
    context.store.tags.forget(training_job_arn(context.account, context.region, name))
    return {}


def _training_times(job: TrainingJob) -> Document:
    started, ended = job.life.started(), job.life.ended()
    times: Document = {}
    if started is not None:
        times["TrainingStartTime"] = started
    if ended is not None:
        times["TrainingEndTime"] = ended
    if started is not None and ended is not None:
        times["TrainingTimeInSeconds"] = max(1, round(ended - started))
        times["BillableTimeInSeconds"] = max(1, round(job.life.ran(ended)))
    return times


def _show_pool(pool: WarmPool) -> Document:
    document: Document = {"Status": str(pool.status)}
    if pool.retained is not None:
        document["ResourceRetainedBillableTimeInSeconds"] = round(pool.retained)
    if pool.reused_by is not None:
        document["ReusedByJob"] = pool.reused_by
    return document


def _summary(row: JobRow, region: str, now: float) -> Document:
    document: Document = {
        "TrainingJobName": row.name,
        "TrainingJobArn": row.arn(region),
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
        "TrainingJobStatus": row.status,
        "SecondaryStatus": row.secondary,
    }
    if row.ended is not None:
        document["TrainingEndTime"] = row.ended
    if row.training_plan is not None:
        document["TrainingPlanArn"] = row.training_plan
    pool = pool_of(row.keep_alive, row.ended, row.reused_by, row.reused_at, row.pool_ended, now)
    if pool is not None:
        document["WarmPoolStatus"] = _show_pool(pool)
    return document
