"""Runs in a job: reads and writes objects, asks who it is, describes itself."""

import argparse
import json
import os

import boto3

parser = argparse.ArgumentParser()
parser.add_argument("--bucket")
bucket = parser.parse_args().bucket

s3 = boto3.client("s3")
name = os.environ["TRAINING_JOB_NAME"]
me = boto3.client("sagemaker").describe_training_job(TrainingJobName=name)
identity = boto3.client("sts").get_caller_identity()
explicit = boto3.client(
    "sts", endpoint_url=f"https://sts.{os.environ['AWS_REGION']}.amazonaws.com"
).get_caller_identity()
said = {
    "read": s3.get_object(Bucket=bucket, Key="in/data.txt")["Body"].read().decode(),
    "status": me["TrainingJobStatus"],
    "account": identity["Account"],
    "explicit": explicit["Account"],
    "region": os.environ["AWS_REGION"],
}
s3.put_object(Bucket=bucket, Key="out/said.json", Body=json.dumps(said).encode())
