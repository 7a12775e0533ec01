"""What the scripts share: an archive of code, a bucket with files, a CreateTrainingJob request."""

import io
import tarfile
import uuid
from pathlib import Path

from botocore.exceptions import WaiterError

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:12]}"


def archive(**files):
    """A sourcedir.tar.gz; ``train_py="print(1)"`` becomes train.py."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            member = tarfile.TarInfo(f"{stem}.{suffix}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def make_bucket(s3, name):
    region = s3.meta.region_name
    where = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))
    return name


def upload_folder(s3, folder, bucket, prefix):
    for path in sorted(Path(folder).iterdir()):
        s3.upload_file(str(path), bucket, f"{prefix}/{path.name}")
    return f"s3://{bucket}/{prefix}"


def upload_code(s3, bucket, text, program="train"):
    """Put a script where a job finds it; the hyperparameters that say so."""
    key = f"code/{uuid.uuid4().hex}/sourcedir.tar.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=archive(**{f"{program}_py": text}))
    return {
        "sagemaker_program": f"{program}.py",
        "sagemaker_submit_directory": f"s3://{bucket}/{key}",
    }


def request(name, image, bucket, hyperparameters, channels=(), **more):
    """CreateTrainingJob's arguments."""
    algorithm = {"TrainingImage": image, "TrainingInputMode": "File"}
    algorithm.update(more.pop("algorithm", {}))
    sources = [
        {
            "ChannelName": channel,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": uri,
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }
        for channel, uri in dict(channels).items()
    ]
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": algorithm,
        "RoleArn": ROLE,
        "HyperParameters": hyperparameters,
        **({"InputDataConfig": sources} if sources else {}),
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/output"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeSizeInGB": 10,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **more,
    }


def wait_for(client, name):
    """Wait with the stock waiter, faster than its default of two minutes between two looks."""
    waiter = client.get_waiter("training_job_completed_or_stopped")
    try:
        waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 900})
    except WaiterError as error:
        error.add_note(str(client.describe_training_job(TrainingJobName=name)))
        raise
    return client.describe_training_job(TrainingJobName=name)
