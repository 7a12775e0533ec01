"""The calls of the PyTorch MNIST tuning tutorial: python tutorial_tuning.py SCRIPT DATA.

DATA is the folder that the tutorial downloads MNIST into. It ends with an endpoint, which is left
out here.
"""

import json
import shutil
import sys

import sagemaker
from sagemaker.pytorch import PyTorch
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner

script, data = sys.argv[1:]
shutil.copyfile(script, "mnist.py")

sagemaker_session = sagemaker.Session()
assert sagemaker_session.boto_region_name
bucket = sagemaker_session.default_bucket()
prefix = "sagemaker/DEMO-pytorch-mnist"
if sagemaker_session.default_bucket_prefix:
    prefix = f"{sagemaker_session.default_bucket_prefix}/{prefix}"
role = sagemaker.get_execution_role()
inputs = sagemaker_session.upload_data(path=data, bucket=bucket, key_prefix=prefix)

estimator = PyTorch(
    entry_point="mnist.py",
    role=role,
    py_version="py3",
    framework_version="1.8.0",
    instance_count=1,
    instance_type="ml.c5.2xlarge",
    hyperparameters={"epochs": 1, "backend": "gloo"},
)
estimator.fit({"training": inputs})

tuner = HyperparameterTuner(
    estimator,
    "average test loss",
    {
        "lr": ContinuousParameter(0.001, 0.1),
        "batch-size": CategoricalParameter([32, 64, 128, 256, 512]),
    },
    [{"Name": "average test loss", "Regex": "Test set: Average loss: ([0-9\\.]+)"}],
    max_jobs=9,
    max_parallel_jobs=3,
    objective_type="Minimize",
)
tuner.fit({"training": inputs})

frame = tuner.analytics().dataframe().sort_values("FinalObjectiveValue")
best = tuner.best_training_job()
final = sagemaker_session.describe_training_job(best)["FinalMetricDataList"]
print(
    json.dumps(
        {
            "best": best,
            "first": frame["TrainingJobName"].iloc[0],
            "values": list(frame["FinalObjectiveValue"]),
            "statuses": list(frame["TrainingJobStatus"]),
            "sizes": sorted({float(str(size).strip('"')) for size in frame["batch-size"]}),
            "final": {metric["MetricName"]: metric["Value"] for metric in final},
            "model": tuner.best_estimator().model_data,
        }
    )
)
