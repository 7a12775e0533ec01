"""Preparing, training and judging with scikit-learn: python v2_sklearn.py JOBS TYPE."""

import json
import sys
from pathlib import Path

import people
import sagemaker
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput
from sagemaker.s3 import S3Downloader
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor

jobs, instance = Path(sys.argv[1]), sys.argv[2]
session = sagemaker.Session()
role = sagemaker.get_execution_role()
client = session.sagemaker_client
tracked = {"ExperimentName": "people", "TrialName": "first"}

people.write(Path("people.csv"))
raw = session.upload_data("people.csv", key_prefix="people")
processor = SKLearnProcessor(
    framework_version="1.2-1", role=role, instance_type=instance, instance_count=1
)
processor.run(
    code=str(jobs / "prepare.py"),
    inputs=[ProcessingInput(source=raw, destination="/opt/ml/processing/input")],
    outputs=[
        ProcessingOutput(output_name="train_data", source="/opt/ml/processing/train"),
        ProcessingOutput(output_name="test_data", source="/opt/ml/processing/test"),
    ],
    arguments=["--train-test-split-ratio", "0.25"],
    experiment_config={**tracked, "TrialComponentDisplayName": "Preparing"},
)
prepared = processor.latest_job.describe()
outputs = {
    each["OutputName"]: each["S3Output"]["S3Uri"]
    for each in prepared["ProcessingOutputConfig"]["Outputs"]
}

estimator = SKLearn(
    entry_point=str(jobs / "regress.py"),
    framework_version="1.2-1",
    role=role,
    instance_type=instance,
    instance_count=1,
    hyperparameters={"max_iter": 300},
    metric_definitions=[{"Name": "train:accuracy", "Regex": "train:accuracy=([0-9.]+)"}],
)
estimator.fit(
    {"train": outputs["train_data"]},
    experiment_config={**tracked, "TrialComponentDisplayName": "Training"},
)

source = Path("judge")
source.mkdir(exist_ok=True)
(source / "requirements.txt").write_text("inflection==0.5.1\n")
(source / "scale.py").write_text("def percent(share):\n    return round(100 * share, 1)\n")
(source / "judge.py").write_text(
    """
import json, sys, tarfile
import boto3, inflection, joblib
import pandas as pd
from scale import percent
place = "/opt/ml/processing"
with tarfile.open(place + "/model/model.tar.gz") as tar:
    tar.extractall(path=".")
model = joblib.load("model.joblib")
table = pd.read_csv(place + "/test/test.csv")
score = model.score(table.drop(columns="rich").to_numpy(), table["rich"])
print("judged", inflection.pluralize("person"), percent(score), sys.argv[1:])
with open(place + "/evaluation/evaluation.json", "w") as file:
    json.dump({"accuracy": score}, file)
# What trackers do in a job: find its component, and say more about it.
arn = json.load(open("/opt/ml/config/processingjobconfig.json"))["ProcessingJobArn"]
client = boto3.client("sagemaker")
(mine,) = client.list_trial_components(SourceArn=arn)["TrialComponentSummaries"]
client.update_trial_component(
    TrialComponentName=mine["TrialComponentName"], Parameters={"judged": {"NumberValue": score}}
)
"""
)
judge = FrameworkProcessor(
    estimator_cls=SKLearn,
    framework_version="1.2-1",
    role=role,
    instance_type=instance,
    instance_count=1,
    base_job_name="judge",
)
judge.run(
    code="judge.py",
    source_dir=str(source),
    inputs=[
        ProcessingInput(source=estimator.model_data, destination="/opt/ml/processing/model"),
        ProcessingInput(source=outputs["test_data"], destination="/opt/ml/processing/test"),
    ],
    outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    arguments=["--strict"],
    experiment_config={**tracked, "TrialComponentDisplayName": "Judging"},
)
evaluation = judge.latest_job.describe()["ProcessingOutputConfig"]["Outputs"][0]
table = sagemaker.analytics.ExperimentAnalytics(
    experiment_name="people", sort_by="CreationTime", sort_order="Ascending"
).dataframe()
print(
    json.dumps(
        {
            "image": prepared["AppSpecification"]["ImageUri"],
            "status": prepared["ProcessingJobStatus"],
            "framework": estimator.training_image_uri(),
            "judged": json.loads(
                S3Downloader.read_file(f"{evaluation['S3Output']['S3Uri']}/evaluation.json")
            ),
            "components": list(table["DisplayName"]),
            "tracked": list(table["judged"].dropna()),
            "sources": [arn.split(":")[5].split("/")[0] for arn in table["SourceArn"]],
            "trained on": list(table["train - Value"].dropna()),
            "prepared": list(table["train_data - Value"].dropna()),
        }
    )
)
