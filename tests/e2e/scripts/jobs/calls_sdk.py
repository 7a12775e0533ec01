"""Runs in a job: the SageMaker SDK, its session, its default bucket."""

import argparse
import json
import os

import sagemaker
from sagemaker.s3 import S3Downloader, S3Uploader

parser = argparse.ArgumentParser()
parser.add_argument("--bucket")
bucket = parser.parse_args().bucket

session = sagemaker.Session()
said = {
    "read": S3Downloader.read_file(f"s3://{bucket}/in/data.txt"),
    "bucket": session.default_bucket(),
    "account": session.account_id(),
    "role": sagemaker.get_execution_role(),
    "status": session.describe_training_job(os.environ["TRAINING_JOB_NAME"])["TrainingJobStatus"],
}
S3Uploader.upload_string_as_file_body(json.dumps(said), f"s3://{bucket}/out/said.json")
