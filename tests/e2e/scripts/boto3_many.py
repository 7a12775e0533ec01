"""Fifty jobs at once: python boto3_many.py IMAGE COUNT."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from training import make_bucket, request, unique, upload_code, wait_for

image, count = sys.argv[1], int(sys.argv[2])
PROGRAM = """
import json, os
number = json.loads(os.environ["SM_HPS"])["number"]
print("number", number)
open(os.path.join(os.environ["SM_MODEL_DIR"], "number.txt"), "w").write(str(number))
"""
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
bucket = make_bucket(s3, unique("many"))
prefix = unique("many")
code = upload_code(s3, bucket, PROGRAM)


def submit(number):
    name = f"{prefix}-{number}"
    sagemaker.create_training_job(**request(name, image, bucket, {**code, "number": str(number)}))
    return name


with ThreadPoolExecutor(10) as pool:
    names = list(pool.map(submit, range(count)))
jobs = [wait_for(sagemaker, name) for name in names]
statuses = [job["TrainingJobStatus"] for job in jobs]
assert statuses == ["Completed"] * count, [job.get("FailureReason") for job in jobs]
artifacts = {job["ModelArtifacts"]["S3ModelArtifacts"] for job in jobs}
assert len(artifacts) == count
for uri in sorted(artifacts):
    s3.head_object(Bucket=bucket, Key=uri.split("/", 3)[3])
together = 0
for job in jobs:
    start, end = job["TrainingStartTime"], job["TrainingEndTime"]
    together = max(
        together, sum(j["TrainingStartTime"] <= start < j["TrainingEndTime"] for j in jobs)
    )
first, last = min(j["CreationTime"] for j in jobs), max(j["TrainingEndTime"] for j in jobs)
print(json.dumps({"seconds": (last - first).total_seconds(), "together": together}))
