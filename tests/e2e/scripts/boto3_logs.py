"""Follow a job's log while it runs, as consoles do: python boto3_logs.py IMAGE LINES."""

import re
import sys
import time

import boto3
from training import make_bucket, request, unique, upload_code, wait_for

image, count = sys.argv[1], int(sys.argv[2])
GROUP = "/aws/sagemaker/TrainingJobs"
PROGRAM = f"""
import time
for number in range({count}):
    print("line", number, "naïve ✓")
    if number % 500 == 0:
        print("loss=%.4f;" % (1 / (number + 1)), flush=True)
        time.sleep(0.1)
"""
s3, sagemaker, logs = boto3.client("s3"), boto3.client("sagemaker"), boto3.client("logs")
bucket = make_bucket(s3, unique("logs"))
name = unique("talk")

try:
    logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")
    early = True
except logs.exceptions.ResourceNotFoundException:  # no job has written yet
    early = False

sagemaker.create_training_job(
    **request(
        name,
        image,
        bucket,
        upload_code(s3, bucket, PROGRAM),
        algorithm={"MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}]},
    )
)


def streams():
    try:
        found = logs.describe_log_streams(
            logGroupName=GROUP, logStreamNamePrefix=f"{name}/", orderBy="LogStreamName"
        )
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [stream["logStreamName"] for stream in found["logStreams"]]


def numbers(events):
    found = (re.fullmatch("line ([0-9]+) naïve ✓", event["message"]) for event in events)
    return [int(match[1]) for match in found if match]


def status():
    return sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]


# --- GetLogEvents with its token, while lines come
seen, token, polls = [], None, 0
while True:
    over = status() != "InProgress"
    stream = (streams() or [None])[0]
    if stream:
        while True:
            more = {"nextToken": token} if token else {}
            page = logs.get_log_events(
                logGroupName=GROUP, logStreamName=stream, startFromHead=True, limit=1000, **more
            )
            polls += 1
            seen += page["events"]
            if page["nextForwardToken"] == token:
                break
            token = page["nextForwardToken"]
    if over:
        break
    time.sleep(0.2)
job = wait_for(sagemaker, name)
assert job["TrainingJobStatus"] == "Completed", job
assert re.fullmatch(rf"{name}/algo-1-[0-9]+", stream), stream
assert numbers(seen) == list(range(count)), (len(seen), polls)
stamps = [event["timestamp"] for event in seen]
assert stamps == sorted(stamps)
assert abs(stamps[0] / 1000 - time.time()) < 600

# --- from the end backwards
back, token = [], None
while True:
    more = {"nextToken": token} if token else {}
    page = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, limit=700, **more)
    if page["nextBackwardToken"] == token:
        break
    back = page["events"] + back
    token = page["nextBackwardToken"]
assert numbers(back) == list(range(count)), len(back)

# --- FilterLogEvents, with its paginator
pages = logs.get_paginator("filter_log_events").paginate(
    logGroupName=GROUP, logStreamNamePrefix=f"{name}/"
)
events = [event for page in pages for event in page["events"]]
assert numbers(events) == list(range(count)), len(events)
assert len({event["eventId"] for event in events}) == len(events)
pages = logs.get_paginator("filter_log_events").paginate(
    logGroupName=GROUP, logStreamNames=[stream], filterPattern='"loss="'
)
events = [event for page in pages for event in page["events"]]
assert len(events) == -(-count // 500), len(events)
middle = stamps[len(stamps) // 2]
page = logs.get_log_events(
    logGroupName=GROUP, logStreamName=stream, startTime=middle, startFromHead=True, limit=1
)
assert page["events"][0]["timestamp"] >= middle

# --- its metrics
metrics = {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]}
assert list(metrics) == ["loss"], metrics
cloudwatch = boto3.client("cloudwatch")
listed = cloudwatch.list_metrics(
    Namespace="/aws/sagemaker/TrainingJobs",
    Dimensions=[{"Name": "TrainingJobName", "Value": name}],
)["Metrics"]
assert [metric["MetricName"] for metric in listed] == ["loss"], listed
points = cloudwatch.get_metric_statistics(
    Namespace="/aws/sagemaker/TrainingJobs",
    MetricName="loss",
    Dimensions=[{"Name": "TrainingJobName", "Value": name}],
    StartTime=job["CreationTime"],
    EndTime=time.time() + 60,
    Period=60,
    Statistics=["Maximum", "SampleCount"],
)["Datapoints"]
assert max(point["Maximum"] for point in points) == 1.0, points
assert sum(point["SampleCount"] for point in points) == -(-count // 500), points
print("polls", polls, "early group", early)
