#!/usr/bin/env python3
"""Prepares digits with scikit-learn in a processing job, and trains on what comes of it.

Nothing in here is for one machine or the other: on AWS, or on this machine after
`eval "$(sagelet env)"`. Needs `pip install 'sagemaker<3'`.
"""

import time
from pathlib import Path

import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.pytorch import PyTorch
from sagemaker.sklearn.processing import SKLearnProcessor

HERE = Path(__file__).resolve().parent

session = sagemaker.Session()
role = sagemaker.get_execution_role()
digits = session.upload_data(str(HERE.parent / "mnist/data"), key_prefix="mnist")
tracked = {"ExperimentName": "prepared-digits", "TrialName": f"half-{int(time.time())}"}

processor = SKLearnProcessor(
    framework_version="1.2-1", role=role, instance_type="ml.m5.large", instance_count=1
)
processor.run(
    code=str(HERE / "prepare_digits.py"),
    inputs=[ProcessingInput(source=digits, destination="/opt/ml/processing/input")],
    outputs=[ProcessingOutput(output_name="digits", source="/opt/ml/processing/digits")],
    arguments=["--share", "0.5"],
    experiment_config={**tracked, "TrialComponentDisplayName": "Preparing"},
)
job = processor.latest_job.describe()
prepared = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
print(f"prepared {job['ExitMessage']} in {prepared}")

estimator = PyTorch(
    entry_point=str(HERE.parent / "mnist/pytorch_mnist.py"),
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    framework_version="2.3",
    py_version="py311",
    hyperparameters={"epochs": 2},
    metric_definitions=[{"Name": "validation:accuracy", "Regex": "test_accuracy=([0-9.]+)"}],
)
estimator.fit(
    {"training": prepared},
    experiment_config={**tracked, "TrialComponentDisplayName": "Training"},
)

table = ExperimentAnalytics(
    experiment_name=tracked["ExperimentName"],
    search_expression={
        "Filters": [
            {"Name": "Parents.TrialName", "Operator": "Equals", "Value": tracked["TrialName"]}
        ]
    },
    sort_by="CreationTime",
    sort_order="Ascending",
).dataframe()
print(table[["DisplayName", "SageMaker.InstanceType", "validation:accuracy - Last"]].to_string())
