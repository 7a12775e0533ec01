"""Preprocessing that feeds tuned training jobs: python v2_search_digits.py SCRIPT DATA."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker import image_uris
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.pytorch import PyTorch
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

script, data = sys.argv[1:]
session = sagemaker.Session()
role = sagemaker.get_execution_role()
inputs = session.upload_data(path=data, key_prefix="search/mnist")
versions = {"framework_version": "2.3", "py_version": "py311"}
image = image_uris.retrieve(
    "pytorch",
    session.boto_region_name,
    version="2.3",
    py_version="py311",
    instance_type="ml.m5.xlarge",
    image_scope="training",
)

Path("fewer.py").write_text(
    """
import pathlib
import numpy as np
place = pathlib.Path("/opt/ml/processing")
for path in sorted((place / "input").glob("*.npy")):
    np.save(place / "output" / path.name, np.load(path)[:4000])
    print(path.name)
"""
)
processor = ScriptProcessor(
    image_uri=image,
    command=["python3"],
    role=role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    base_job_name="fewer",
)
processor.run(
    code="fewer.py",
    inputs=[ProcessingInput(source=inputs, destination="/opt/ml/processing/input")],
    outputs=[ProcessingOutput(output_name="digits", source="/opt/ml/processing/output")],
)
prepared = processor.latest_job.outputs[0].destination

estimator = PyTorch(
    entry_point=script,
    role=role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    hyperparameters={"epochs": 1, "batch-size": 64},
    **versions,
)
tuner = HyperparameterTuner(
    estimator,
    "test:accuracy",
    {"learning-rate": ContinuousParameter(1e-6, 1e-2, scaling_type="Logarithmic")},
    metric_definitions=[{"Name": "test:accuracy", "Regex": "test_accuracy=([0-9.]+)"}],
    max_jobs=3,
    max_parallel_jobs=1,
    random_seed=1,
    base_tuning_job_name="digits",  # the default name is the same for all within a minute
)
tuner.fit({"training": prepared})
frame = tuner.analytics().dataframe().sort_values("FinalObjectiveValue", ascending=False)
print(
    json.dumps(
        {
            "best": tuner.best_training_job(),
            "first": frame["TrainingJobName"].iloc[0],
            "values": list(frame["FinalObjectiveValue"]),
            "statuses": list(frame["TrainingJobStatus"]),
        }
    )
)
