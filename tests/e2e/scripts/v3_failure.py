"""A local folder as a channel, requirements, a failure: python v3_failure.py IMAGE."""

import json
import sys
from pathlib import Path

import boto3
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

image = sys.argv[1]
source = Path("failing-v3")
source.mkdir(exist_ok=True)
Path("local-data").mkdir(exist_ok=True)
Path("local-data/one.txt").write_text("uploaded by the client")
(source / "requirements.txt").write_text("inflection==0.5.1\n")
(source / "main.py").write_text(
    """
import os
import inflection
folder = os.environ["SM_CHANNEL_TEXTS"]
print("read:", open(os.path.join(folder, "one.txt")).read(), inflection.pluralize("ox"))
open(os.path.join(folder, "written.txt"), "w").write("channels can be written to")
raise SystemExit(7)
"""
)
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(
        source_dir=str(source), entry_script="main.py", requirements="requirements.txt"
    ),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    base_job_name="failing",
)
try:
    trainer.train([InputData(channel_name="texts", data_source="local-data")])
except Exception as error:
    said = f"{type(error).__name__}: {error}"
else:
    raise AssertionError("a failure passed for a success")
name = trainer._latest_training_job.training_job_name
job = boto3.client("sagemaker").describe_training_job(TrainingJobName=name)
print(json.dumps({"said": said, "status": job["TrainingJobStatus"], "why": job["FailureReason"]}))
