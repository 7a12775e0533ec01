"""The SDK's Run, in and out of a job: python experiments_run.py JOB_SCRIPT."""

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run, list_runs, load_run
from training import ROLE, unique, wait_for

session = sagemaker.Session()
client, metrics = boto3.client("sagemaker"), boto3.client("sagemaker-metrics")
experiment = unique("Runs")
Path("notes.txt").write_text("notes")

with Run(experiment_name=experiment, run_name="Quick", sagemaker_session=session) as run:
    run.log_parameters({"lr": 0.5, "kind": "quick"})
    for step in range(12):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_file("notes.txt", name="notes", is_output=False)
with load_run(experiment_name=experiment, run_name="quick", sagemaker_session=session) as again:
    again.log_parameter("seen", "twice")

with Run(experiment_name=experiment, run_name="slow", sagemaker_session=session) as run:
    run.log_parameter("lr", 0.25)
    estimator = Estimator(
        "mine:1",
        ROLE,
        instance_count=1,
        instance_type="ml.m5.large",
        entry_point=Path(sys.argv[1]).name,
        source_dir=str(Path(sys.argv[1]).parent),
        sagemaker_session=session,
        tags=[
            {"Key": "sagelet:backend", "Value": "process"},
            {"Key": "sagelet:python", "Value": sys.executable},
        ],
    )
    estimator.fit(wait=False)
    job = estimator.latest_training_job.name
    wait_for(client, job)

arn = run._trial_component.trial_component_arn
(curve,) = metrics.batch_get_metrics(
    MetricQueries=[
        {
            "MetricName": "inner",
            "ResourceArn": arn,
            "MetricStat": "Last",
            "Period": "IterationNumber",
            "XAxisType": "IterationNumber",
        }
    ]
)["MetricQueryResults"]
frame = ExperimentAnalytics(
    sagemaker_session=session,
    experiment_name=experiment.lower(),
    search_expression={"Filters": [{"Name": "Tags.sagemaker:trial-component-source",
                                    "Operator": "Equals", "Value": "run"}]},
    sort_by="Parameters.lr",
    sort_order="Ascending",
).dataframe()  # fmt: skip
runs = list_runs(experiment, sagemaker_session=session)
print(
    json.dumps(
        {
            "runs": sorted(
                one.run_name for one in list_runs(experiment, sagemaker_session=session)
            ),
            "lr": list(frame["lr"]),
            "last": frame["inner - Last"].iloc[0],
            "count": list(frame["loss - Count"])[1],
            "inside": frame["inside"].iloc[0],
            "seen": list(frame["seen"])[1],
            "steps": curve["XAxisValues"],
            "values": curve["MetricValues"],
            "config": client.describe_training_job(TrainingJobName=job)["ExperimentConfig"],
            "run": run._trial_component.trial_component_name,
            "group": client.list_trial_components(ExperimentName=experiment)[
                "TrialComponentSummaries"
            ].__len__(),
        }
    )
)
