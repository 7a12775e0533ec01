"""Train digits from an s3:// channel: python boto3_digits.py IMAGE SCRIPT DATA EPOCHS."""

import json
import sys
import tarfile
import time
from pathlib import Path

import boto3
from training import make_bucket, request, unique, upload_code, upload_folder, wait_for

image, script, data, epochs = sys.argv[1:]
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
bucket = make_bucket(s3, unique("digits"))
name = unique("digits")

code = upload_code(s3, bucket, Path(script).read_text(), Path(script).stem)
sagemaker.create_training_job(
    **request(
        name,
        image,
        bucket,
        {**code, "epochs": epochs},
        {"training": upload_folder(s3, data, bucket, "mnist")},
        algorithm={
            "MetricDefinitions": [
                {"Name": "test:accuracy", "Regex": "test_accuracy=([0-9.]+)"},
                {"Name": "train:loss", "Regex": "train_loss=([0-9.]+)"},
            ]
        },
    )
)
# A job that trains keeps what it was given.
while sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] != "Training":
    time.sleep(0.1)
s3.put_object(Bucket=bucket, Key="mnist/train_labels.npy", Body=b"not an array")
job = wait_for(sagemaker, name)
assert job["TrainingJobStatus"] == "Completed", job

found = job["ModelArtifacts"]["S3ModelArtifacts"]
assert found == f"s3://{bucket}/output/{name}/output/model.tar.gz", found
s3.download_file(bucket, found.split("/", 3)[3], "model.tar.gz")
with tarfile.open("model.tar.gz") as tar:
    members = tar.getnames()
print(
    json.dumps(
        {
            "members": members,
            "metrics": {m["MetricName"]: m["Value"] for m in job["FinalMetricDataList"]},
            "steps": [t["Status"] for t in job["SecondaryStatusTransitions"]],
            "seconds": [job["TrainingTimeInSeconds"], job["BillableTimeInSeconds"]],
        }
    )
)
