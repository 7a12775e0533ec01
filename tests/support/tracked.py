"""An experiment as trackers leave one: three trials that share a first step, metrics, quality."""

import json
import math
from typing import Any

STEPS = 40
CLASSES = 4


def fill(sagemaker: Any, metrics: Any, s3: Any, experiment: str = "digits") -> list[str]:
    """Make it with boto3 clients; the names of the trained components, the best first."""
    bucket = f"tracked-{experiment}"
    s3.create_bucket(Bucket=bucket)
    sagemaker.create_experiment(ExperimentName=experiment, Description="How wide, how fast")
    prepare = sagemaker.create_trial_component(
        TrialComponentName=f"{experiment}-prepare",
        DisplayName="Preprocessing",
        Status={"PrimaryStatus": "Completed"},
        Parameters={"mean": {"NumberValue": 0.1307}},
        InputArtifacts={"digits": {"Value": f"s3://{bucket}/digits", "MediaType": "s3/uri"}},
    )
    data = sagemaker.create_artifact(
        ArtifactName="digits",
        ArtifactType="DataSet",
        Source={"SourceUri": f"s3://{bucket}/digits"},
    )
    sagemaker.add_association(
        SourceArn=data["ArtifactArn"], DestinationArn=prepare["TrialComponentArn"]
    )
    names = []
    for number, (width, rate, optimizer) in enumerate(
        ((32, 0.1, "sgd"), (8, 0.03, "adam"), (16, 0.5, "sgd"))
    ):
        trial, name = f"{experiment}-{width}", f"{experiment}-{width}-training"
        sagemaker.create_trial(TrialName=trial, ExperimentName=experiment)
        made = sagemaker.create_trial_component(
            TrialComponentName=name,
            DisplayName="Training",
            Status={"PrimaryStatus": "Completed"},
            StartTime=1_700_000_000 + number * 60,
            EndTime=1_700_000_030 + number * 75,
            Parameters={
                "width": {"NumberValue": width},
                "lr": {"NumberValue": rate},
                "optimizer": {"StringValue": optimizer},
                "epochs": {"NumberValue": STEPS},
            },
            OutputArtifacts={"model": {"Value": f"s3://{bucket}/{name}/model.tar.gz"}},
        )["TrialComponentArn"]
        for each in (f"{experiment}-prepare", name):
            sagemaker.associate_trial_component(TrialComponentName=each, TrialName=trial)
        sagemaker.add_association(SourceArn=prepare["TrialComponentArn"], DestinationArn=made)
        _curves(metrics, name, number)
        for kind, document in _graphs(number).items():
            _keep(sagemaker, s3, bucket, name, made, kind, document)
        names.append(name)
    return names


def _curves(metrics: Any, name: str, number: int) -> None:
    data = []
    for step in range(STEPS):
        loss = (0.3 + 0.1 * number) + math.exp(-step / 8)
        if number == 2 and step > 30:
            loss = math.nan
        accuracy = 0.95 - 0.05 * number - 0.5 * math.exp(-step / 6)
        for metric, value in (("test:accuracy", accuracy), ("train:loss", loss)):
            data.append(
                {
                    "MetricName": metric,
                    "Value": value,
                    "Step": step * 10,
                    "Timestamp": 1_700_000_000 + number * 60 + step,
                }
            )
    for start in range(0, len(data), 10):
        metrics.batch_put_metrics(TrialComponentName=name, MetricData=data[start : start + 10])


def _graphs(number: int) -> dict[str, dict[str, Any]]:
    rates = [step / 20 for step in range(21)]
    return {
        "ConfusionMatrix": {
            "type": "ConfusionMatrix",
            "version": 0,
            "title": "digits",
            "confusionMatrix": [
                [90 - 10 * number if row == column else 3 + number for column in range(CLASSES)]
                for row in range(CLASSES)
            ],
        },
        "ROCCurve": {
            "type": "ROCCurve",
            "version": 0,
            "title": None,
            "falsePositiveRate": rates,
            "truePositiveRate": [rate ** (0.2 + 0.1 * number) for rate in rates],
            "areaUnderCurve": 0.9 - 0.05 * number,
        },
        "PrecisionRecallCurve": {
            "type": "PrecisionRecallCurve",
            "version": 0,
            "title": None,
            "precision": [1 - 0.4 * rate ** (3 - number) for rate in rates],
            "recall": rates,
            "averagePrecisionScore": 0.88 - 0.05 * number,
            "noSkill": 0.25,
        },
        "Table": {
            "type": "Table",
            "version": 0,
            "title": "errors",
            "fields": [{"name": "digit", "type": "string"}, {"name": "errors", "type": "string"}],
            "data": {"digit": [0, 1], "errors": [3 + number, "<b>4</b>"]},
        },
    }


def _keep(
    sagemaker: Any, s3: Any, bucket: str, name: str, arn: str, kind: str, document: Any
) -> None:
    """As a tracker's log_confusion_matrix and its like keep it."""
    key = f"trial-component-artifacts/{name}/{kind}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document).encode())
    made = sagemaker.create_artifact(
        ArtifactName=kind, ArtifactType=kind, Source={"SourceUri": f"s3://{bucket}/{key}"}
    )
    sagemaker.add_association(
        SourceArn=arn, DestinationArn=made["ArtifactArn"], AssociationType="Produced"
    )
