"""Logs, metrics, tags and roles as real boto3 sees them, of a job that runs meanwhile."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict

import boto3
import pytest

GROUP = "/aws/sagemaker/TrainingJobs"
LINES = 400

SCRIPT = f"""
import sys, time
for number in range({LINES}):
    print(f"line {{number}} loss={{number / 100}};")
    if number % 10 == 0:
        print(f"\\rbar {{number}}", end="\\r\\n", file=sys.stderr, flush=True)
        sys.stdout.flush()
        time.sleep(0.05)
print("ERROR: last", end="")
"""


@pytest.fixture
def client(home):
    """``client(service, region)``: boto3 on a server of this test's own."""
    server = subprocess.Popen(
        [sys.executable, "-m", "sagelet", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    made = []
    try:
        url = re.search(r"http://[\d.]+:\d+", server.stdout.readline())[0]

        def client(service, region="eu-west-1"):
            keys = {"aws_access_key_id": "AKIAANYBODY", "aws_secret_access_key": "any"}
            made.append(boto3.client(service, region, endpoint_url=url, **keys))
            return made[-1]

        yield client
    finally:
        for one in made:
            one.close()
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        server.stdout.close()


@pytest.fixture
def submit(client, tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    options = {"backend": "process", "python": sys.executable, "cpus": "0.1", "memory": "64m"}

    def submit(name, hosts):
        answer = client("sagemaker").create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": "pytorch-training:2.3-cpu-py311",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
            },
            RoleArn="arn:aws:iam::123456789012:role/sagelet",
            HyperParameters={
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"file://{tmp_path}",
            },
            OutputDataConfig={"S3OutputPath": f"file://{tmp_path}/out"},
            ResourceConfig={
                "InstanceCount": hosts,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            Tags=[{"Key": f"sagelet:{key}", "Value": value} for key, value in options.items()],
        )
        return answer["TrainingJobArn"]

    return submit


class Tail:
    """``aws logs tail --follow``: all streams, from the newest time seen on."""

    def __init__(self, logs):
        self.logs = logs
        self.messages = defaultdict(list)
        self._start = 0
        self._newest = set()

    def look(self):
        request = {"logGroupName": GROUP, "startTime": self._start, "interleaved": True}
        newest = self._newest
        while True:
            page = self.logs.filter_log_events(**request)
            for event in page["events"]:
                if event["eventId"] in self._newest:
                    continue
                if event["timestamp"] > self._start:
                    self._start, newest = event["timestamp"], set()
                newest.add(event["eventId"])
                self.messages[event["logStreamName"]].append(event["message"])
            if "nextToken" not in page:
                break
            request["nextToken"] = page["nextToken"]
        self._newest = newest


class Follow:
    """The SDK's way: each stream with forward tokens, a few events at a time."""

    def __init__(self, logs):
        self.logs = logs
        self.messages = defaultdict(list)
        self._tokens = {}

    def look(self):
        try:
            page = self.logs.describe_log_streams(
                logGroupName=GROUP, logStreamNamePrefix="counter/", orderBy="LogStreamName"
            )
        except self.logs.exceptions.ResourceNotFoundException:
            return
        for stream in page["logStreams"]:
            name = stream["logStreamName"]
            while True:
                page = self.logs.get_log_events(
                    logGroupName=GROUP,
                    logStreamName=name,
                    startFromHead=True,
                    limit=17,
                    **self._tokens.get(name, {}),
                )
                if not page["events"]:
                    break
                self._tokens[name] = {"nextToken": page["nextForwardToken"]}
                self.messages[name] += [event["message"] for event in page["events"]]


def test_a_job_is_followed_to_its_end(client, submit):
    sagemaker, logs = client("sagemaker"), client("logs")
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="log group does not exist"):
        logs.filter_log_events(logGroupName=GROUP)
    submit("counter", hosts=2)
    tail, follow = Tail(logs), Follow(logs)
    looks = 0
    while True:
        status = sagemaker.describe_training_job(TrainingJobName="counter")["TrainingJobStatus"]
        follow.look()
        if follow.messages:
            tail.look()
            looks += bool(tail.messages)
        if status != "InProgress":
            break
        time.sleep(0.1)
    assert status == "Completed"
    assert looks > 3
    assert tail.messages == follow.messages
    assert [name.rpartition("-")[0] for name in sorted(follow.messages)] == [
        "counter/algo-1",
        "counter/algo-2",
    ]
    for name, messages in follow.messages.items():
        assert re.fullmatch(r"counter/algo-[12]-\d{10}", name)
        lines = [m for m in messages if m.startswith("line ")]
        assert lines == [f"line {n} loss={n / 100};" for n in range(LINES)]
        assert sum(m.startswith("\rbar ") and m.endswith("\r") for m in messages) == LINES / 10
        assert messages[-1].startswith("ERROR: last")
    found = logs.filter_log_events(logGroupName=GROUP, filterPattern='"ERROR:" -line')["events"]
    assert sorted(event["message"] for event in found) == sorted(
        m[-1] for m in follow.messages.values()
    )
    (group,) = logs.describe_log_groups()["logGroups"]
    assert group["logGroupName"] == GROUP
    assert client("logs", "us-east-1").describe_log_groups()["logGroups"] == []

    cloudwatch = client("cloudwatch")
    (metric,) = cloudwatch.list_metrics(Dimensions=[{"Name": "TrainingJobName"}])["Metrics"]
    assert metric["MetricName"] == "loss"
    job = sagemaker.describe_training_job(TrainingJobName="counter")
    points = cloudwatch.get_metric_statistics(
        Namespace=metric["Namespace"],
        MetricName="loss",
        Dimensions=metric["Dimensions"],
        StartTime=job["TrainingStartTime"],
        EndTime=job["TrainingEndTime"],
        Period=3600,
        Statistics=["SampleCount", "Maximum", "Average"],
    )["Datapoints"]
    assert sum(point["SampleCount"] for point in points) == 2 * LINES
    assert max(point["Maximum"] for point in points) == (LINES - 1) / 100


def test_roles_and_sessions(client):
    iam, sts = client("iam"), client("sts")
    role = sts.get_caller_identity()["Arn"].split("/")[1]
    found = iam.get_role(RoleName=role)["Role"]
    assert found["Arn"] == "arn:aws:iam::123456789012:role/sagelet"
    statement = found["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="nobody")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    made = iam.create_role(RoleName="mine", AssumeRolePolicyDocument=policy)["Role"]
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="mine", AssumeRolePolicyDocument=policy)
    paginator = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1})
    assert [r["RoleName"] for page in paginator for r in page["Roles"]] == ["mine", "sagelet"]
    given = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="me")
    assert given["AssumedRoleUser"]["Arn"].endswith(":assumed-role/mine/me")
    allowed = iam.simulate_principal_policy(
        PolicySourceArn=made["Arn"], ActionNames=["s3:PutObject"]
    )
    assert allowed["EvaluationResults"][0]["EvalDecision"] == "allowed"


def test_tags_of_a_job(client, submit):
    arn = submit("tagged", hosts=1)
    sagemaker = client("sagemaker")
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "ü"}])
    assert {"Key": "team", "Value": "ü"} in sagemaker.list_tags(ResourceArn=arn)["Tags"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    keys = [tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]]
    assert "team" not in keys
    with pytest.raises(sagemaker.exceptions.ClientError, match="Could not find resource"):
        sagemaker.list_tags(ResourceArn=arn + "x")
    sagemaker.stop_training_job(TrainingJobName="tagged")
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName="tagged", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
