"""A notebook with smexperiments: python experiments_notebook.py JOB_SCRIPT.

A tracker for preprocessing, three trials with different hidden channels, the analytics.
"""

import json
import sys
from pathlib import Path

import boto3
import sagemaker
from botocore.exceptions import ClientError
from sagemaker.analytics import ExperimentAnalytics, TrainingJobAnalytics
from sagemaker.lineage.visualizer import LineageTableVisualizer
from smexperiments.experiment import Experiment
from smexperiments.search_expression import Filter, Operator, SearchExpression
from smexperiments.tracker import Tracker
from smexperiments.trial import Trial
from smexperiments.trial_component import TrialComponent
from training import make_bucket, request, unique, upload_code, wait_for

code = Path(sys.argv[1]).read_text()
s3, client = boto3.client("s3"), boto3.client("sagemaker")
bucket = make_bucket(s3, unique("notebook"))
HERE = [
    {"Key": "sagelet:backend", "Value": "process"},
    {"Key": "sagelet:python", "Value": sys.executable},
    {"Key": "team", "Value": "digits"},
]

Path("labels.csv").write_text("0\n1\n")
with Tracker.create(
    display_name="Preprocessing", artifact_bucket=bucket, sagemaker_boto_client=client
) as tracker:
    tracker.log_parameters({"normalization_mean": 0.1307, "normalization_std": 0.3081})
    tracker.log_input(name="mnist-dataset", media_type="s3/uri", value=f"s3://{bucket}/mnist")
    tracker.log_artifact("labels.csv", name="labels")
    tracker.log_table("table", {"x": [1, 2], "y": [3, 4]})
    tracker.log_confusion_matrix([0, 1, 1, 0], [0, 1, 0, 0], title="confusion")
    tracker.log_roc_curve([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.2], title="roc")
    tracker.log_precision_recall([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.2], title="precision", no_skill=1)
preprocessing = tracker.trial_component

experiment = Experiment.create(
    experiment_name=unique("mnist"), description="Digits", sagemaker_boto_client=client
)
jobs = {}
for channels in (2, 5, 10):
    trial = Trial.create(
        trial_name=unique(f"cnn-{channels}"),
        experiment_name=experiment.experiment_name,
        sagemaker_boto_client=client,
    )
    trial.add_trial_component(preprocessing)
    name = unique(f"job-{channels}")
    hyperparameters = {"hidden_channels": str(channels), "optimizer": '"sgd"'}
    client.create_training_job(
        **request(
            name,
            "mine:1",
            bucket,
            {**upload_code(s3, bucket, code), **hyperparameters},
            algorithm={
                "MetricDefinitions": [{"Name": "test:accuracy", "Regex": "test_accuracy=(.*?);"}]
            },
            Tags=HERE,
            ExperimentConfig={
                "TrialName": trial.trial_name,
                "TrialComponentDisplayName": "Training",
            },
        )
    )
    jobs[channels] = name, trial
for name, _ in jobs.values():
    wait_for(client, name)

session = sagemaker.Session(boto3.Session(), client)
frame = ExperimentAnalytics(
    sagemaker_session=session,
    experiment_name=experiment.experiment_name,
    search_expression={
        "Filters": [{"Name": "DisplayName", "Operator": "Equals", "Value": "Training"}]
    },
    sort_by="metrics.test:accuracy.max",
    sort_order="Descending",
    metric_names=["test:accuracy", "train:loss"],
    parameter_names=["hidden_channels", "optimizer", "seen", "SageMaker.InstanceType"],
).dataframe()
whole = ExperimentAnalytics(
    sagemaker_session=session, experiment_name=experiment.experiment_name
).dataframe()

best, best_trial = jobs[10]
series = TrainingJobAnalytics(best, ["test:accuracy"]).dataframe()
component = TrialComponent.load(f"{best}-aws-training-job", sagemaker_boto_client=client)
found = list(
    TrialComponent.search(
        search_expression=SearchExpression(
            filters=[
                Filter("Parameters.hidden_channels", Operator.GREATER_THAN, "4"),
                Filter("Parents.ExperimentName", Operator.EQUALS, experiment.experiment_name),
            ]
        ),
        sort_by="Parameters.hidden_channels",
        sort_order="Ascending",
        sagemaker_boto_client=client,
    )
)
lineage = LineageTableVisualizer(session).show(trial_component_name=component.trial_component_name)
made = client.list_associations(SourceArn=preprocessing.trial_component_arn)
drawn = {}
for one in made["AssociationSummaries"]:
    where = client.describe_artifact(ArtifactArn=one["DestinationArn"])["Source"]["SourceUri"]
    if where.endswith(".json"):
        _, _, drawn_in, key = where.split("/", 3)
        document = json.loads(s3.get_object(Bucket=drawn_in, Key=key)["Body"].read())
        drawn[document["type"]] = document


def refusal(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(arguments)


said = {
    "columns": list(frame.columns),
    "channels": list(frame["hidden_channels"]),
    "seen": list(frame["seen"]),
    "optimizer": list(frame["optimizer"]),
    "instance": list(frame["SageMaker.InstanceType"]),
    "best": frame["test:accuracy - Max"][0],
    "counts": list(frame["train:loss - Count"]),
    "losses": [frame[f"train:loss - {name}"][0] for name in ("Min", "Max", "Avg", "Last")],
    "trials": [trials == [jobs[channels][1].trial_name] for channels, trials
               in zip((10, 5, 2), frame["Trials"], strict=True)],
    "rows": len(whole),
    "shared": len(whole[whole["DisplayName"] == "Preprocessing"]["Trials"].iloc[0]),
    "series": len(series),
    "found": [one.parameters["hidden_channels"]["NumberValue"] for one in found],
    "status": component.status.primary_status,
    "message": component.status.message,
    "source": component.source.source_arn.endswith(f"training-job/{best}"),
    "detail": client.search(
        Resource="ExperimentTrialComponent",
        SearchExpression={"Filters": [{"Name": "TrialComponentName",
                                       "Value": component.trial_component_name}]},
    )["Results"][0]["TrialComponent"]["SourceDetail"]["TrainingJob"]["TrainingJobName"] == best,
    "inputs": sorted(component.input_artifacts),
    "outputs": sorted(component.output_artifacts),
    "lineage": sorted(zip(lineage["Name/Source"], lineage["Direction"],
                          lineage["Association Type"], strict=True)),
    "made": sorted((one["DestinationType"], one["AssociationType"])
                   for one in made["AssociationSummaries"]),
    "drawn": drawn,
    "components": len(list(best_trial.list_trial_components())),
    "experiment": refusal(
        client.delete_experiment, ExperimentName=experiment.experiment_name
    ),
    "trial": refusal(client.delete_trial, TrialName=best_trial.trial_name),
    "component": refusal(
        client.delete_trial_component, TrialComponentName=component.trial_component_name
    ),
    "again": refusal(client.create_experiment, ExperimentName=experiment.experiment_name.upper()),
}  # fmt: skip
experiment.delete_all(action="--force")
said["gone"] = refusal(client.describe_experiment, ExperimentName=experiment.experiment_name)
said["job"] = client.describe_training_job(TrainingJobName=best)["FinalMetricDataList"][0]["Value"]
print(json.dumps(said))
