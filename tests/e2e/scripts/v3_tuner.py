"""The tuner of the SDK's third generation: python v3_tuner.py IMAGE."""

import json
import sys
from pathlib import Path

import boto3
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.core.resources import HyperParameterTuningJob
from sagemaker.core.shapes import (
    HyperParameterTuningJobWarmStartConfig,
    ParentHyperParameterTuningJob,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

image = sys.argv[1]
Path("tuned3").mkdir(exist_ok=True)
Path("tuned3/train.py").write_text(
    """
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--epochs", type=int)
parser.add_argument("--seconds", type=float)
found, _ = parser.parse_known_args()
assert found.epochs == 3, found
time.sleep(found.seconds)
print(f"score={1 - abs(found.lr - 0.01):.6f}")
"""
)


def tuner(name, seconds=0.0, **more):
    trainer = ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir="tuned3", entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters={"epochs": 3, "seconds": seconds},
        role=get_execution_role(),
        base_job_name="third",
    )
    return HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name="score",
        hyperparameter_ranges={"lr": ContinuousParameter(0.001, 0.1, "Logarithmic")},
        metric_definitions=[{"Name": "score", "Regex": "score=([0-9.]+)"}],
        base_tuning_job_name=name,
        **{"max_jobs": 3, "max_parallel_jobs": 2, **more},
    )


first = tuner("third")
first.tune()
name = first.latest_tuning_job.hyper_parameter_tuning_job_name
best = first.best_training_job()
frame = first.analytics().dataframe()
assert len(frame) == 3, frame
top = frame.sort_values("FinalObjectiveValue").iloc[-1]
assert top["TrainingJobName"] == best, frame
described = boto3.client("sagemaker").describe_training_job(TrainingJobName=best)

# This generation's tuner has no attach(): the resource is what one comes back to.
again = HyperParameterTuningJob.get(name)
assert again.best_training_job.training_job_name == best, again
launched = {job.training_job_name for job in again.get_all_training_jobs()}
assert launched == set(frame["TrainingJobName"]), launched

child = tuner(
    "third-child",
    max_jobs=2,
    warm_start_config=HyperParameterTuningJobWarmStartConfig(
        parent_hyper_parameter_tuning_jobs=[
            ParentHyperParameterTuningJob(hyper_parameter_tuning_job_name=name)
        ],
        warm_start_type="IdenticalDataAndAlgorithm",
    ),
)
child.tune()
overall = child.describe().overall_best_training_job
value = overall.final_hyper_parameter_tuning_job_objective_metric.value

stopped = tuner("third-stopped", seconds=600.0)
stopped.tune(wait=False)
stopped.stop_tuning_job()
stopped.wait()
status = stopped.describe().hyper_parameter_tuning_job_status
found = HyperParameterTuningJob.get_all(name_contains="third-", status_equals="Stopped")
names = [job.hyper_parameter_tuning_job_name for job in found]
assert stopped.latest_tuning_job.hyper_parameter_tuning_job_name in names, names
stopped.latest_tuning_job.delete()
stopped.latest_tuning_job.wait_for_delete()

print()  # the panel of the last wait ends without a new line
print(
    json.dumps(
        {
            "status": first.describe().hyper_parameter_tuning_job_status,
            "best": best,
            "arn": described["TuningJobArn"],
            "value": top["FinalObjectiveValue"],
            "overall": value,
            "stopped": status,
        }
    )
)
