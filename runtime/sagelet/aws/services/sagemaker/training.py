"""Training jobs as the SageMaker API shows them: documents out of the store."""

from pathlib import Path
from typing import Any

from sagelet.aws.model import load_operation
from sagelet.domain.training import DEFAULT_MAX_RUNTIME, TrainingJob
from sagelet.store import Store


def describe_training_job(store: Store, name: str, cache: Path) -> dict[str, Any]:
    """DescribeTrainingJob; times are epoch seconds.

    Raises:
        ValidationException: there is no such job.
    """
    job = store.training_jobs.get(name)
    operation = load_operation("sagemaker", "DescribeTrainingJob", cache)
    life = job.life
    document = {
        **operation.echo(job.request),
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
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
            for d in store.metrics.final(name)
        ],
        **_training_times(job),
    }
    if life.failure_reason:
        document["FailureReason"] = life.failure_reason
    return document


def _training_times(job: TrainingJob) -> dict[str, Any]:
    started, ended = job.life.started(), job.life.ended()
    times: dict[str, Any] = {}
    if started is not None:
        times["TrainingStartTime"] = started
    if ended is not None:
        times["TrainingEndTime"] = ended
    if started is not None and ended is not None:
        times["TrainingTimeInSeconds"] = times["BillableTimeInSeconds"] = round(ended - started)
    return times


def summary(job: TrainingJob) -> dict[str, Any]:
    """One entry of ListTrainingJobs' TrainingJobSummaries."""
    document = {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "CreationTime": job.created,
        "LastModifiedTime": max(job.modified, job.life.steps[-1].start),
        "TrainingJobStatus": job.life.primary,
        "SecondaryStatus": str(job.life.secondary),
    }
    ended = job.life.ended()
    if ended is not None:
        document["TrainingEndTime"] = ended
    return document
