"""A job that uses AWS itself: python boto3_inside.py IMAGE JOB_SCRIPT [isolated]."""

import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import WaiterError
from training import make_bucket, request, unique, upload_code, wait_for

image, script, *isolated = sys.argv[1:]
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
bucket = make_bucket(s3, unique("inside"))
s3.put_object(Bucket=bucket, Key="in/data.txt", Body=b"from outside")
name = unique("inside")
hyperparameters = upload_code(s3, bucket, Path(script).read_text())
sagemaker.create_training_job(
    **request(
        name,
        image,
        bucket,
        {**hyperparameters, "bucket": bucket},
        EnableNetworkIsolation=bool(isolated),
    )
)
try:
    wait_for(sagemaker, name)
except WaiterError:
    pass
job = sagemaker.describe_training_job(TrainingJobName=name)
answer = {"status": job["TrainingJobStatus"], "reason": job.get("FailureReason")}
if job["TrainingJobStatus"] == "Completed":
    body = s3.get_object(Bucket=bucket, Key="out/said.json")["Body"].read()
    answer["said"] = json.loads(body)
print(json.dumps(answer))
