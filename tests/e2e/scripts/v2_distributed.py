"""The SDK's `distribution`: python v2_distributed.py FOLDER SCRIPT DISTRIBUTION INSTANCE_TYPE."""

import json
import sys

import boto3
import sagemaker
from sagemaker.pytorch import PyTorch

folder, script, distribution, instance_type = sys.argv[1:]
estimator = PyTorch(
    entry_point=script,
    source_dir=folder,
    role=sagemaker.get_execution_role(),
    instance_count=2,
    instance_type=instance_type,
    framework_version="2.2.0",
    py_version="py310",
    distribution=json.loads(distribution),
    hyperparameters={"lr": 0.5},
    tags=[{"Key": "sagelet:gpus", "Value": "0"}],
    disable_profiler=True,
)
estimator.fit()
name = estimator.latest_training_job.name
logs = boto3.client("logs")
events = logs.filter_log_events(
    logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=name, filterPattern="RESULT"
)["events"]
print(json.dumps([event["message"] for event in events]))
