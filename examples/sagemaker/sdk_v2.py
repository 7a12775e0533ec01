#!/usr/bin/env python3
"""Trains digits with the SageMaker SDK 2 and fetches the model.

Nothing in here is for one machine or the other: on AWS, or on this machine after
`eval "$(sagelet env)"`. Needs `pip install 'sagemaker<3'`.

    python sdk_v2.py [pytorch|tensorflow]
"""

import sys
from pathlib import Path

import sagemaker
from sagemaker.pytorch import PyTorch
from sagemaker.s3 import S3Downloader
from sagemaker.tensorflow import TensorFlow

MNIST = Path(__file__).resolve().parent.parent / "mnist"
ESTIMATORS = {"pytorch": (PyTorch, "2.3", "py311"), "tensorflow": (TensorFlow, "2.13", "py310")}

framework = sys.argv[1] if len(sys.argv) > 1 else "pytorch"
estimator_class, framework_version, py_version = ESTIMATORS[framework]

session = sagemaker.Session()
digits = session.upload_data(str(MNIST / "data"), key_prefix="mnist")

estimator = estimator_class(
    entry_point=str(MNIST / f"{framework}_mnist.py"),
    role=sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    framework_version=framework_version,
    py_version=py_version,
    hyperparameters={"epochs": 3},
    metric_definitions=[{"Name": "test:accuracy", "Regex": "test_accuracy=([0-9.]+)"}],
)
estimator.fit({"training": digits})

print(estimator.training_job_analytics.dataframe())
S3Downloader.download(estimator.model_data, "model")
print(f"{estimator.model_data} is in model/")
