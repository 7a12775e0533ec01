"""The SDK's third generation: python v3_distributed.py FOLDER SCRIPT Torchrun|MPI IMAGE."""

import json
import sys

import boto3
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
from sagemaker.train.distributed import MPI, Torchrun

folder, script, kind, image = sys.argv[1:]
distributed = {
    "Torchrun": lambda: Torchrun(process_count_per_node=1),
    # Its driver starts as many processes in all as it is told to start on a node.
    "MPI": lambda: MPI(process_count_per_node=2, mpi_additional_options=["-map-by", "node"]),
}[kind]()
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir=folder, entry_script=script),
    compute=Compute(instance_type="ml.m5.xlarge", instance_count=2, volume_size_in_gb=30),
    distributed=distributed,
    hyperparameters={"lr": 0.5},
    role=get_execution_role(),
    base_job_name="third",
)
trainer.train()
name = trainer._latest_training_job.training_job_name
logs = boto3.client("logs")
events = logs.filter_log_events(
    logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=name, filterPattern="RESULT"
)["events"]
print(json.dumps([event["message"] for event in events]))
