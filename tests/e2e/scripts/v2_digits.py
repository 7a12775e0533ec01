"""The SDK's short way: python v2_digits.py pytorch|tensorflow SCRIPT DATA EPOCHS."""

import json
import sys
import tarfile

import sagemaker
from sagemaker.pytorch import PyTorch
from sagemaker.s3 import S3Downloader
from sagemaker.tensorflow import TensorFlow

framework, script, data, epochs = sys.argv[1:]
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
inputs = session.upload_data(path=data, key_prefix="digits/mnist")
assert inputs == f"s3://{bucket}/digits/mnist", inputs

versions = {"pytorch": ("2.3", "py311"), "tensorflow": ("2.13", "py310")}
framework_version, py_version = versions[framework]
estimator = {"pytorch": PyTorch, "tensorflow": TensorFlow}[framework](
    entry_point=script,
    role=role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    framework_version=framework_version,
    py_version=py_version,
    hyperparameters={"epochs": int(epochs), "batch-size": 64},
    metric_definitions=[
        {"Name": "test:accuracy", "Regex": "test_accuracy=([0-9.]+)"},
        {"Name": "train:loss", "Regex": "train_loss=([0-9.]+)"},
    ],
)
estimator.fit({"training": inputs})

name = estimator.latest_training_job.name
assert estimator.model_data.startswith(f"s3://{bucket}/"), estimator.model_data
assert estimator.model_data.endswith(f"/{name}/output/model.tar.gz"), estimator.model_data
S3Downloader.download(estimator.model_data, "model-" + framework)
with tarfile.open(f"model-{framework}/model.tar.gz") as tar:
    members = tar.getnames()

frame = estimator.training_job_analytics.dataframe()
assert set(frame["metric_name"]) == {"test:accuracy", "train:loss"}, frame
accuracy = frame[frame["metric_name"] == "test:accuracy"]["value"].max()
print(
    json.dumps(
        {
            "image": estimator.training_image_uri(),
            "account": session.account_id(),
            "role": role,
            "members": members,
            "accuracy": float(accuracy),
            "points": len(frame),
        }
    )
)
