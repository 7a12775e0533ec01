"""Create, describe, list, stop; what is refused and how: python boto3_jobs.py IMAGE."""

import sys
from datetime import UTC, datetime, timedelta

import boto3
from botocore.exceptions import ClientError, ParamValidationError, WaiterError
from training import make_bucket, request, unique, upload_code, wait_for

image = sys.argv[1]
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
bucket = make_bucket(s3, unique("jobs"))
good = upload_code(s3, bucket, "import time\nprint('score=0.5')\ntime.sleep(0.2)\n")
bad = upload_code(s3, bucket, "raise SystemExit('no such coffee')\n")
endless = upload_code(s3, bucket, "import time\nprint('ready', flush=True)\ntime.sleep(600)\n")


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code, error.response
        return said["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"{code} was expected")


# --- five jobs, in one second or in five: creation times order them
prefix = unique("many")
names = [f"{prefix}-{letter}" for letter in "ECADB"]
before = datetime.now(UTC)
for name in names:
    arn = sagemaker.create_training_job(
        **request(name, image, bucket, good, Tags=[{"Key": "team", "Value": name}]),
    )["TrainingJobArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name.lower()}", arn
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": name}]
jobs = {name: wait_for(sagemaker, name) for name in names}
assert {job["TrainingJobStatus"] for job in jobs.values()} == {"Completed"}

one = jobs[names[0]]
assert one["SecondaryStatus"] == "Completed"
steps = [step["Status"] for step in one["SecondaryStatusTransitions"]]
assert steps[0] == "Starting", steps
assert steps[-1] == "Completed", steps
assert steps.index("Training") < steps.index("Uploading"), steps
times = [one["CreationTime"], one["TrainingStartTime"], one["TrainingEndTime"]]
assert times == sorted(times), times
assert one["HyperParameters"] == good
assert one["ResourceConfig"]["InstanceType"] == "ml.m5.large"

# --- listing: names, statuses, times, sorting, paging
page = sagemaker.list_training_jobs(NameContains=prefix, SortBy="Name", SortOrder="Ascending")
listed = [job["TrainingJobName"] for job in page["TrainingJobSummaries"]]
assert listed == sorted(names), listed
page = sagemaker.list_training_jobs(NameContains=prefix)
listed = [job["TrainingJobName"] for job in page["TrainingJobSummaries"]]
assert listed == names, listed
page = sagemaker.list_training_jobs(NameContains=prefix, SortOrder="Descending")
listed = [job["TrainingJobName"] for job in page["TrainingJobSummaries"]]
assert listed == names[::-1], listed
pages = list(
    sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=prefix, SortBy="Name", PaginationConfig={"PageSize": 2}
    )
)
assert [len(page["TrainingJobSummaries"]) for page in pages] == [2, 2, 1]
paged = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
assert sorted(paged) == sorted(names), paged
nobody = sagemaker.list_training_jobs(NameContains=prefix, StatusEquals="Failed")
assert nobody["TrainingJobSummaries"] == []
for arguments, count in (
    ({"CreationTimeAfter": before - timedelta(seconds=5)}, 5),
    ({"CreationTimeBefore": before - timedelta(seconds=5)}, 0),
    ({"LastModifiedTimeAfter": before - timedelta(seconds=5)}, 5),
    ({"LastModifiedTimeAfter": before + timedelta(days=1)}, 0),
    ({"StatusEquals": "Completed"}, 5),
):
    page = sagemaker.list_training_jobs(NameContains=prefix, **arguments)
    assert len(page["TrainingJobSummaries"]) == count, (arguments, page)

# --- a failure is a status and a reason
failing = unique("failing")
sagemaker.create_training_job(**request(failing, image, bucket, bad))
try:
    wait_for(sagemaker, failing)
except WaiterError as error:
    assert "Failed" in str(error), error
else:
    raise AssertionError("the waiter took a failure for a success")
job = sagemaker.describe_training_job(TrainingJobName=failing)
assert job["TrainingJobStatus"] == "Failed"
assert job["FailureReason"].startswith("AlgorithmError: "), job["FailureReason"]
assert "no such coffee" in job["FailureReason"], job["FailureReason"]

# --- stop
stopping = unique("stopping")
sagemaker.create_training_job(**request(stopping, image, bucket, endless))
sagemaker.stop_training_job(TrainingJobName=stopping)
job = wait_for(sagemaker, stopping)
assert job["TrainingJobStatus"] == "Stopped", job
assert [t["Status"] for t in job["SecondaryStatusTransitions"]][-1] == "Stopped", job
said, status = refused("ValidationException", sagemaker.stop_training_job, TrainingJobName=stopping)
assert status == 400, said

# --- refusals, as clients know them
try:
    sagemaker.create_training_job(**request(names[0], image, bucket, good))
except sagemaker.exceptions.ResourceInUse as error:
    said = error.response["Error"]["Message"]
    assert said.startswith("Training job names must be unique within an AWS account and region")
    assert jobs[names[0]]["TrainingJobArn"] in said, said
else:
    raise AssertionError("a name was given twice")
said = refused("ValidationException", sagemaker.describe_training_job, TrainingJobName="nobody")
assert said == ("Requested resource not found.", 400), said
said, _ = refused(
    "ValidationException",
    sagemaker.create_training_job,
    **request("not_a_name!", image, bucket, good),
)
assert said.startswith(
    "1 validation error detected: Value 'not_a_name!' at 'trainingJobName' failed to satisfy "
    "constraint: Member must satisfy regular expression pattern: "
), said
said, _ = refused(
    "ValidationException",
    sagemaker.create_training_job,
    **request(unique("empty"), image, bucket, good, {"training": f"s3://{bucket}/nothing/here"}),
)
assert said.startswith(f'No S3 objects found under S3 URL "s3://{bucket}/nothing/here"'), said
try:
    sagemaker.create_training_job(TrainingJobName="x")
except ParamValidationError:
    pass

# --- tags
arn = jobs[names[0]]["TrainingJobArn"]
sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
assert tags == {"team": names[0], "stage": "test"}, tags
sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]

# --- regions are kept apart
other = boto3.client("sagemaker", region_name="eu-west-1")
assert other.list_training_jobs(NameContains=prefix)["TrainingJobSummaries"] == []
said, _ = refused("ValidationException", other.describe_training_job, TrainingJobName=names[0])
assert said == "Requested resource not found.", said
s3_there = boto3.client("s3", region_name="eu-west-1")
there = make_bucket(s3_there, unique("there"))
assert s3_there.get_bucket_location(Bucket=there)["LocationConstraint"] == "eu-west-1"
code = upload_code(s3_there, there, "print('elsewhere')\n")
same = other.create_training_job(**request(names[0], image, there, code))["TrainingJobArn"]
assert ":eu-west-1:" in same, same
assert wait_for(other, names[0])["TrainingJobStatus"] == "Completed"
assert sagemaker.describe_training_job(TrainingJobName=names[0])["TrainingJobArn"] == arn
print("done")
