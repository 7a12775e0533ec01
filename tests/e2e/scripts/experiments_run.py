"""The SDK's Run, in and out of a job: python experiments_run.py JOB_SCRIPT [IMAGE].

Without an image the job runs as a process.
"""

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run, list_runs, load_run
from training import ROLE, unique, wait_for

image, tags = (
    "mine:1",
    [
        {"Key": "sagelet:backend", "Value": "process"},
        {"Key": "sagelet:python", "Value": sys.executable},
    ],
)
if len(sys.argv) > 2:
    image, tags = sys.argv[2], [{"Key": "sagelet:backend", "Value": "docker"}]
session = sagemaker.Session()
client, metrics = boto3.client("sagemaker"), boto3.client("sagemaker-metrics")
experiment = unique("Runs")
Path("notes.txt").write_text("notes")

with Run(experiment_name=experiment, run_name="Quick", sagemaker_session=session) as run:
    run.log_parameters({"lr": 0.5, "kind": "quick"})
    for step in range(12):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_file("notes.txt", name="notes", is_output=False)
    run.log_confusion_matrix([0, 1, 1], [0, 1, 0], title="confusion")
    run.log_roc_curve([0, 1, 1], [0.1, 0.9, 0.4], title="roc")
    run.log_precision_recall([0, 1, 1], [0.1, 0.9, 0.4], title="precision", no_skill=1)
    quick = run._trial_component.trial_component_arn
with load_run(experiment_name=experiment, run_name="quick", sagemaker_session=session) as again:
    again.log_parameter("seen", "twice")

with Run(experiment_name=experiment, run_name="slow", sagemaker_session=session) as run:
    run.log_parameter("lr", 0.25)
    estimator = Estimator(
        image,
        ROLE,
        instance_count=1,
        instance_type="ml.m5.large",
        entry_point=Path(sys.argv[1]).name,
        source_dir=str(Path(sys.argv[1]).parent),
        sagemaker_session=session,
        tags=tags,
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
            "drawn": sorted(
                one["DestinationType"]
                for one in client.list_associations(SourceArn=quick)["AssociationSummaries"]
            ),
            "config": client.describe_training_job(TrainingJobName=job)["ExperimentConfig"],
            "run": run._trial_component.trial_component_name,
            "group": len(
                client.list_trial_components(ExperimentName=experiment)["TrialComponentSummaries"]
            ),
        }
    )
)
