"""The tuner of the SDK's second generation: python v2_tuner.py IMAGE."""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.tuner import (
    CategoricalParameter,
    ContinuousParameter,
    HyperparameterTuner,
    IntegerParameter,
)

image = sys.argv[1]
session = sagemaker.Session()
Path("tuned").mkdir(exist_ok=True)
Path("tuned/train.py").write_text(
    """
import argparse, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--hidden", type=int)
parser.add_argument("--way")
parser.add_argument("--seconds", type=float)
found = parser.parse_args()
assert found.way in ("adam", "sgd"), found
time.sleep(found.seconds)
print(f"score={1 - abs(found.lr - 0.01) - abs(found.hidden - 20) / 100:.6f}")
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(found.way)
"""
)


def estimator(seconds=0.1):
    return Estimator(
        image_uri=image,
        role="arn:aws:iam::123456789012:role/training",
        instance_count=1,
        instance_type="ml.m5.large",
        entry_point="train.py",
        source_dir="tuned",
        hyperparameters={"seconds": seconds},
        tags=[{"Key": "team", "Value": "proofs"}],
    )


def tuner(base, seconds=0.1, ranges=None, **more):
    """The SDK appends the minute to the base name, so each has its own."""
    ranges = ranges or {
        "lr": ContinuousParameter(0.001, 0.1, scaling_type="Logarithmic"),
        "hidden": IntegerParameter(4, 64),
        "way": CategoricalParameter(["adam", "sgd"]),
    }
    return HyperparameterTuner(
        estimator(seconds),
        "score",
        ranges,
        metric_definitions=[{"Name": "score", "Regex": "score=([0-9.]+)"}],
        objective_type="Maximize",
        base_tuning_job_name=base,
        **{"max_jobs": 5, "max_parallel_jobs": 2, "random_seed": 3, **more},
    )


first = tuner("first")
first.fit(wait=False)
first.wait()
name = first.latest_tuning_job.name
described = first.describe()
assert described["HyperParameterTuningJobStatus"] == "Completed", described
assert described["TrainingJobStatusCounters"]["Completed"] == 5, described

frame = first.analytics().dataframe()
assert len(frame) == 5, frame
assert set(frame["TrainingJobStatus"]) == {"Completed"}
best = first.best_training_job()
top = frame.sort_values("FinalObjectiveValue").iloc[-1]
assert top["TrainingJobName"] == best, (top, best)
assert 0.001 <= top["lr"] <= 0.1
assert set(first.analytics().tuning_ranges) == {"lr", "hidden", "way"}

job = session.describe_training_job(best)
assert job["TuningJobArn"].endswith(f":hyper-parameter-tuning-job/{name.lower()}"), job
assert job["HyperParameters"]["_tuning_objective_metric"] == "score"
assert job["HyperParameters"]["seconds"] == "0.1"
tags = session.sagemaker_client.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
assert {"Key": "team", "Value": "proofs"} in tags, tags

again = HyperparameterTuner.attach(name)
assert again.best_training_job() == best
assert again.objective_metric_name == "score"
chosen = again.best_estimator()
assert chosen.model_data.endswith(f"{best}/output/model.tar.gz"), chosen.model_data

child = again.identical_dataset_and_algorithm_tuner()
child.max_jobs, child.max_parallel_jobs, child.base_tuning_job_name = 2, 1, "child"
child.metric_definitions = first.metric_definitions
child.fit()
described = child.describe()
assert described["WarmStartConfig"]["WarmStartType"] == "IdenticalDataAndAlgorithm", described
overall = described["OverallBestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]
assert overall["Value"] >= top["FinalObjectiveValue"] - 1e-6, (overall, top)

stopped = tuner("stopped", seconds=600, max_jobs=4)
stopped.fit(wait=False)
stopped.stop_tuning_job()
try:
    stopped.wait()
except Exception as error:
    assert "Stopped" in str(error), error
assert stopped.describe()["HyperParameterTuningJobStatus"] == "Stopped"

grid = tuner(
    "grid",
    strategy="Grid",
    max_jobs=4,  # the SDK cannot leave it out
    ranges={
        "way": CategoricalParameter(["adam", "sgd"]),
        "hidden": CategoricalParameter([8, 16]),
        "lr": CategoricalParameter([0.01]),
    },
)
grid.fit()
assert len(grid.analytics().dataframe()) == 4

try:
    tuner("refused", max_jobs=1, max_parallel_jobs=2).fit()
except Exception as error:
    assert "ValidationException" in str(error), error
else:
    raise AssertionError("more parallel jobs than jobs")
print(json.dumps({"name": name, "best": best, "columns": sorted(frame.columns)}))
