#!/usr/bin/env python3
"""An experiment: preprocessing that is tracked, three trials with PyTorch, the best model.

Nothing in here is for one machine or the other: on AWS, or on this machine after
`eval "$(sagelet env)"`. Needs `pip install 'sagemaker<3' sagemaker-experiments`.
"""

import time
from pathlib import Path

import boto3
import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.lineage.visualizer import LineageTableVisualizer
from sagemaker.pytorch import PyTorch
from smexperiments.experiment import Experiment
from smexperiments.tracker import Tracker
from smexperiments.trial import Trial

HERE = Path(__file__).resolve().parent
MEAN, STD = 0.1307, 0.3081

client = boto3.client("sagemaker")
session = sagemaker.Session(sagemaker_client=client)
role = sagemaker.get_execution_role()
stamp = int(time.time())
digits = session.upload_data(str(HERE.parent / "mnist/data"), key_prefix="mnist")

with Tracker.create(display_name="Preprocessing", sagemaker_boto_client=client) as tracker:
    tracker.log_parameters({"normalization_mean": MEAN, "normalization_std": STD})
    tracker.log_input(name="mnist-dataset", media_type="s3/uri", value=digits)

experiment = Experiment.create(
    experiment_name=f"mnist-hand-written-digits-{stamp}",
    description="Classification of hand-written digits",
    sagemaker_boto_client=client,
)
print(f"experiment {experiment.experiment_name}")

jobs = {}
for channels in (2, 5, 10):
    trial = Trial.create(
        trial_name=f"cnn-{channels}-hidden-channels-{stamp}",
        experiment_name=experiment.experiment_name,
        sagemaker_boto_client=client,
    )
    trial.add_trial_component(tracker.trial_component)
    estimator = PyTorch(
        entry_point="hidden_channels.py",
        source_dir=str(HERE),
        role=role,
        sagemaker_session=session,
        framework_version="2.3",
        py_version="py311",
        instance_count=1,
        instance_type="ml.c4.xlarge",
        hyperparameters={"hidden_channels": channels, "mean": MEAN, "std": STD},
        metric_definitions=[
            {"Name": "train:loss", "Regex": "train loss: (.*?);"},
            {"Name": "test:loss", "Regex": "Test Average loss: (.*?),"},
            {"Name": "test:accuracy", "Regex": "Test Accuracy: (.*?);"},
        ],
    )
    estimator.fit(
        {"training": digits},
        job_name=f"cnn-{channels}-{stamp}",
        experiment_config={
            "TrialName": trial.trial_name,
            "TrialComponentDisplayName": "Training",
        },
        wait=False,
    )
    jobs[trial.trial_name] = estimator
for estimator in jobs.values():
    client.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=estimator.latest_training_job.name,
        WaiterConfig={"Delay": 2, "MaxAttempts": 900},
    )

table = ExperimentAnalytics(
    sagemaker_session=session,
    experiment_name=experiment.experiment_name,
    search_expression={
        "Filters": [{"Name": "DisplayName", "Operator": "Equals", "Value": "Training"}]
    },
    sort_by="metrics.test:accuracy.max",
    sort_order="Descending",
    metric_names=["test:accuracy"],
    parameter_names=["hidden_channels", "epochs", "dropout", "optimizer"],
).dataframe()
print(table[["hidden_channels", "test:accuracy - Max", "test:accuracy - Last"]].to_string())

best = jobs[table["Trials"][0][0]]
component = f"{best.latest_training_job.name}-aws-training-job"
lineage = LineageTableVisualizer(session).show(trial_component_name=component)
print(lineage.drop(columns="Lineage Type", errors="ignore").to_string())
print(f"the best model is {best.model_data}")
