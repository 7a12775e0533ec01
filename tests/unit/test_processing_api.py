"""The operations of processing jobs over a store, and their log group."""

import pytest

from sagelet.aws.services.sagemaker import processing  # noqa: F401  it registers
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.training import TrainingJob

REGION = "eu-west-1"


def add(store, name, created=100.0):
    request = {
        "ProcessingJobName": name,
        "AppSpecification": {"ImageUri": "mine:1"},
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "VolumeSizeInGB": 1}},
        "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
    }
    job = ProcessingJob(request, "123456789012", REGION, created, begin(created))
    store.processing_jobs.add(job, {"team": "a"})
    return job


def end(store, name, *events, reason=None):
    life = store.processing_jobs.get(name).life
    for number, event in enumerate(events):
        life, _ = advance(life, event, 101.0 + number, reason)
    store.processing_jobs.save_life(name, life, 110.0)


FAILED = (Event.PREPARED, Event.STAGED, Event.HOSTS_FAILED, Event.STORED)
COMPLETED = (Event.PREPARED, Event.STAGED, Event.HOSTS_SUCCEEDED, Event.STORED)


def test_a_job_from_its_beginning_to_its_end(ask):
    add(ask.store, "job")
    shown = ask("sagemaker", "DescribeProcessingJob", ProcessingJobName="job")
    assert shown["ProcessingJobArn"].endswith(":processing-job/job")
    assert shown["ProcessingJobStatus"] == "InProgress"
    assert shown["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert "ProcessingStartTime" not in shown
    ask.store.processing_jobs.save_exit_message("job", "bad data")
    assert "ExitMessage" not in ask("sagemaker", "DescribeProcessingJob", ProcessingJobName="job")
    end(ask.store, "job", *FAILED, reason="AlgorithmError: bad data, exit code: 1")
    shown = ask("sagemaker", "DescribeProcessingJob", ProcessingJobName="job")
    assert (shown["ProcessingJobStatus"], shown["ExitMessage"]) == ("Failed", "bad data")
    assert shown["FailureReason"] == "AlgorithmError: bad data, exit code: 1"
    assert (shown["ProcessingStartTime"], shown["ProcessingEndTime"]) == (101.0, 104.0)


def test_there_is_no_such_job(ask):
    with pytest.raises(ValidationException, match="Could not find requested job with name: job"):
        ask("sagemaker", "DescribeProcessingJob", ProcessingJobName="job")


def test_names_are_taken_within_a_kind_and_a_region(ask, request_of):
    add(ask.store, "job")
    with pytest.raises(ResourceInUse, match="a job with this name already exists"):
        add(ask.store, "JOB")
    request = request_of(TrainingJobName="job")
    training = TrainingJob(request, "123456789012", REGION, 100.0, begin(100.0))
    ask.store.training_jobs.add(training)
    add(ask.store.in_region("us-east-1"), "other")
    keys = {(job.key, job.kind.name) for job in ask.store.live()}
    assert {("job", "TrainingJob"), ("processing.job", "ProcessingJob")} <= keys


def test_jobs_are_listed_in_order_and_in_pages(ask):
    for number in range(5):
        add(ask.store, f"job-{number}", 100.0 + number)
    end(ask.store, "job-2", *FAILED, reason="AlgorithmError: x")
    found, token = [], {}
    while token is not None:
        page = ask(
            "sagemaker",
            "ListProcessingJobs",
            MaxResults=2,
            SortBy="Name",
            SortOrder="Descending",
            **token,
        )
        found += [summary["ProcessingJobName"] for summary in page["ProcessingJobSummaries"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else None
    assert found == ["job-4", "job-3", "job-2", "job-1", "job-0"]
    (failed,) = ask("sagemaker", "ListProcessingJobs", StatusEquals="Failed")[
        "ProcessingJobSummaries"
    ]
    assert (failed["ProcessingJobName"], failed["FailureReason"]) == ("job-2", "AlgorithmError: x")
    (late,) = ask("sagemaker", "ListProcessingJobs", CreationTimeAfter=103.5)[
        "ProcessingJobSummaries"
    ]
    assert late["ProcessingJobName"] == "job-4"


def test_its_tags_and_its_logs_are_its_own(ask):
    arn = add(ask.store, "job").arn
    assert ask("sagemaker", "ListTags", ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    assert ask("logs", "DescribeLogGroups")["logGroups"] == []
    end(ask.store, "job", *COMPLETED)
    log = ask.store.home.log("processing.job", "algo-1")
    log.parent.mkdir(parents=True)
    log.write_text("hello\n")
    (group,) = ask("logs", "DescribeLogGroups")["logGroups"]
    assert group["logGroupName"] == "/aws/sagemaker/ProcessingJobs"
    (stream,) = ask("logs", "DescribeLogStreams", logGroupName=group["logGroupName"])["logStreams"]
    assert stream["logStreamName"] == "job/algo-1-0000000102"
    assert "ProcessingJobs:log-stream:" in stream["arn"]
    (event,) = ask(
        "logs",
        "GetLogEvents",
        logGroupName=group["logGroupName"],
        logStreamName=stream["logStreamName"],
    )["events"]
    assert event["message"] == "hello"
