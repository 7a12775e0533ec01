"""Processing jobs: create, describe, list, stop, delete."""

from typing import Any

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.tags import read_tags
from sagelet.domain.errors import Unavailable, ValidationException
from sagelet.domain.jobs import DEFAULT_MAX_RUNTIME
from sagelet.domain.processing import PROCESSING, ProcessingJob
from sagelet.store.jobs import Filter
from sagelet.store.processing_jobs import ProcessingRow


@operation("sagemaker", "CreateProcessingJob")
def create_processing_job(context: Context, request: Document) -> Document:
    """Take the job in; it runs as soon as there is room."""
    tags = read_tags(request.get("Tags") or [])
    try:
        job = context.engine.submit(request, tags, kind=PROCESSING, confined=context.confined)
    except Unavailable as error:
        # AWS's clients repeat what failed with a 5xx; repeating does not help here.
        raise ValidationException(str(error)) from None
    return {"ProcessingJobArn": job.arn}


@operation("sagemaker", "DescribeProcessingJob", quick=True)
def describe_processing_job(context: Context, request: Document) -> Document:
    """All that is known of one job; times are epoch seconds."""
    job = context.store.processing_jobs.get(request["ProcessingJobName"])
    return {**context.echo(dict(job.request)), **show_processing_job(job)}


def show_processing_job(job: ProcessingJob) -> Document:
    """What is known of a job beyond its request, or is said otherwise than there."""
    life = job.life
    document: Document = {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "ProcessingJobStatus": life.primary,
        "StoppingCondition": {
            "MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME,
            **(job.request.get("StoppingCondition") or {}),
        },
        "CreationTime": job.created,
        "LastModifiedTime": max(job.modified, life.steps[-1].start),
    }
    started, ended = life.started(), life.ended()
    if started is not None:
        document["ProcessingStartTime"] = started
    if ended is not None:
        document["ProcessingEndTime"] = ended
    if life.failure_reason:
        document["FailureReason"] = life.failure_reason
    if life.over and job.exit_message:
        document["ExitMessage"] = job.exit_message
    return document


@operation("sagemaker", "ListProcessingJobs", quick=True)
def list_processing_jobs(context: Context, request: Document) -> Document:
    """Summaries, by creation time and ascending unless asked otherwise."""
    wanted = Filter(
        name_contains=request.get("NameContains"),
        created_after=request.get("CreationTimeAfter"),
        created_before=request.get("CreationTimeBefore"),
        modified_after=request.get("LastModifiedTimeAfter"),
        modified_before=request.get("LastModifiedTimeBefore"),
        status=request.get("StatusEquals"),
    )

    def fetch(cursor: Any, size: int) -> list[tuple[ProcessingRow, Any]]:
        rows = context.store.processing_jobs.select(
            wanted,
            request.get("SortBy") or "CreationTime",
            descending=request.get("SortOrder") == "Descending",
            limit=size,
            after=(cursor[0], cursor[1]) if cursor else None,
        )
        return [(row, [row.sort, row.name]) for row in rows]

    return page(
        "ListProcessingJobs",
        request,
        fetch,
        lambda row: _summary(row, context.region),
        result="ProcessingJobSummaries",
    )


@operation("sagemaker", "StopProcessingJob")
def stop_processing_job(context: Context, request: Document) -> Document:
    """SIGTERM, the grace, SIGKILL; what was written by then is kept."""
    context.engine.stop(request["ProcessingJobName"], PROCESSING)
    return {}


@operation("sagemaker", "DeleteProcessingJob")
def delete_processing_job(context: Context, request: Document) -> Document:
    """Forget a job that has ended; its name is free again. What it stored stays."""
    job = context.engine.delete(request["ProcessingJobName"], PROCESSING)
    context.store.tags.forget(job.arn)
    return {}


def _summary(row: ProcessingRow, region: str) -> Document:
    document: Document = {
        "ProcessingJobName": row.name,
        "ProcessingJobArn": row.arn(region),
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
        "ProcessingJobStatus": row.status,
    }
    if row.ended is not None:
        document["ProcessingEndTime"] = row.ended
    if row.failure_reason:
        document["FailureReason"] = row.failure_reason
    if row.ended is not None and row.exit_message:
        document["ExitMessage"] = row.exit_message
    return document
