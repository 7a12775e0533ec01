#!/usr/bin/env python3
"""Trains digits with the SageMaker SDK 3: its ModelTrainer brings its own entry point.

Needs `pip install 'sagemaker>=3'`; then as sdk_v2.py.

    python sdk_v3.py
"""

from pathlib import Path

from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, MetricDefinition, SourceCode

MNIST = Path(__file__).resolve().parent.parent / "mnist"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.3-cpu-py311"

digits = Session().upload_data(str(MNIST / "data"), key_prefix="mnist")

trainer = ModelTrainer(
    training_image=IMAGE,
    source_code=SourceCode(
        source_dir=str(MNIST), entry_script="pytorch_mnist.py", ignore_patterns=["data", "*.npz"]
    ),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"epochs": 3},
    role=get_execution_role(),
    base_job_name="digits",
).with_metric_definitions([MetricDefinition(name="test:accuracy", regex="test_accuracy=([0-9.]+)")])
trainer.train(input_data_config=[InputData(channel_name="training", data_source=digits)])
