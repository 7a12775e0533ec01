"""The SDK's third generation: python v3_train.py IMAGE SCRIPT DATA EPOCHS."""

import json
import shutil
import sys
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import (
    Compute,
    InputData,
    MetricDefinition,
    SourceCode,
    StoppingCondition,
    Tag,
)

image, script, data, epochs = sys.argv[1:]
session = Session()
uri = session.upload_data(path=data, key_prefix="digits/mnist")
source = Path("source-v3")
source.mkdir(exist_ok=True)
shutil.copy(script, source)

trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir=str(source), entry_script=Path(script).name),
    compute=Compute(instance_type="ml.m5.xlarge", instance_count=1, volume_size_in_gb=30),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=1800),
    hyperparameters={"epochs": int(epochs), "batch-size": 64},
    environment={"FLAVOUR": "third"},
    tags=[Tag(key="team", value="proofs")],
    role=get_execution_role(),
    base_job_name="third",
).with_metric_definitions([MetricDefinition(name="test:accuracy", regex="test_accuracy=([0-9.]+)")])
trainer.train(input_data_config=[InputData(channel_name="training", data_source=uri)])

job = trainer._latest_training_job
name = job.training_job_name
described = boto3.client("sagemaker").describe_training_job(TrainingJobName=name)
found = described["ModelArtifacts"]["S3ModelArtifacts"]
bucket, _, key = found.removeprefix("s3://").partition("/")
size = boto3.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]
print(
    json.dumps(
        {
            "name": name,
            "status": described["TrainingJobStatus"],
            "channels": sorted(c["ChannelName"] for c in described["InputDataConfig"]),
            "size": size,
            "metrics": {m["MetricName"]: m["Value"] for m in described["FinalMetricDataList"]},
        }
    )
)
