"""The tuner of the SDK's third generation: python v3_tuner.py IMAGE."""

import json
import sys
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

image = sys.argv[1]
Path("tuned3").mkdir(exist_ok=True)
Path("tuned3/train.py").write_text(
    """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--epochs", type=int)
found, _ = parser.parse_known_args()
assert found.epochs == 3, found
print(f"score={1 - abs(found.lr - 0.01):.6f}")
"""
)
trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir="tuned3", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"epochs": 3},
    role=get_execution_role(),
    base_job_name="third",
)
tuner = HyperparameterTuner(
    model_trainer=trainer,
    objective_metric_name="score",
    hyperparameter_ranges={"lr": ContinuousParameter(0.001, 0.1, "Logarithmic")},
    metric_definitions=[{"Name": "score", "Regex": "score=([0-9.]+)"}],
    max_jobs=3,
    max_parallel_jobs=2,
)
tuner.tune()
best = tuner.best_training_job()
frame = tuner.analytics().dataframe()
assert len(frame) == 3, frame
top = frame.sort_values("FinalObjectiveValue").iloc[-1]
assert top["TrainingJobName"] == best, frame
described = boto3.client("sagemaker").describe_training_job(TrainingJobName=best)
print(
    json.dumps(
        {
            "status": tuner.describe().hyper_parameter_tuning_job_status,
            "best": best,
            "arn": described["TuningJobArn"],
        }
    )
)
