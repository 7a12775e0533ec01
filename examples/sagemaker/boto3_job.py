#!/usr/bin/env python3
"""Trains digits with boto3 alone: objects, a job, its log, its model.

Needs `pip install boto3`; then as sdk_v2.py.

    python boto3_job.py
"""

import io
import tarfile
import time
from pathlib import Path

import boto3

MNIST = Path(__file__).resolve().parent.parent / "mnist"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.3-cpu-py311"
ROLE = "arn:aws:iam::123456789012:role/training"
BUCKET = "digits-example"
NAME = time.strftime("digits-%Y-%m-%d-%H-%M-%S")

s3, sagemaker, logs = (boto3.client(service) for service in ("s3", "sagemaker", "logs"))

s3.create_bucket(Bucket=BUCKET)
for path in (MNIST / "data").glob("*.npy"):
    s3.upload_file(str(path), BUCKET, f"mnist/{path.name}")
with io.BytesIO() as code:
    with tarfile.open(fileobj=code, mode="w:gz") as tar:
        tar.add(MNIST / "pytorch_mnist.py", "pytorch_mnist.py")
    s3.put_object(Bucket=BUCKET, Key=f"{NAME}/sourcedir.tar.gz", Body=code.getvalue())

sagemaker.create_training_job(
    TrainingJobName=NAME,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    RoleArn=ROLE,
    HyperParameters={
        "sagemaker_program": "pytorch_mnist.py",
        "sagemaker_submit_directory": f"s3://{BUCKET}/{NAME}/sourcedir.tar.gz",
        "epochs": "3",
    },
    InputDataConfig=[
        {
            "ChannelName": "training",
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/mnist"}
            },
        }
    ],
    OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
    StoppingCondition={"MaxRuntimeInSeconds": 3600},
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(
    TrainingJobName=NAME, WaiterConfig={"Delay": 2, "MaxAttempts": 900}
)

pages = logs.get_paginator("filter_log_events").paginate(
    logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{NAME}/"
)
for page in pages:
    for event in page["events"]:
        print(event["message"])
job = sagemaker.describe_training_job(TrainingJobName=NAME)
print(job["TrainingJobStatus"], job["ModelArtifacts"]["S3ModelArtifacts"])
