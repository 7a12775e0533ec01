"""Tuning jobs: what is refused and how, and what is found: python boto3_tuning.py IMAGE."""

import sys
import time

import boto3
from botocore.exceptions import ClientError
from training import make_bucket, request, unique, upload_code

image = sys.argv[1]
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
bucket = make_bucket(s3, unique("tuning"))
script = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
found, _ = parser.parse_known_args()
print(f"acc={1 - abs(found.lr - 0.01):.6f}")
"""
code = upload_code(s3, bucket, script)
LR = {"Name": "lr", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}


def tuning(name, ranges=None, limits=(3, 2), metric="acc", static=None, **more):
    plain = request(name, image, bucket, code)
    algorithm = {
        **plain["AlgorithmSpecification"],
        "MetricDefinitions": [{"Name": "acc", "Regex": "acc=([0-9.]+)"}],
    }
    most, parallel = limits
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": metric},
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": most,
                "MaxParallelTrainingJobs": parallel,
            },
            "ParameterRanges": {"ContinuousParameterRanges": ranges or [LR]},
            "RandomSeed": 5,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": algorithm,
            "StaticHyperParameters": {**code, **(static or {})},
            **{
                key: plain[key]
                for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            },
        },
        **more,
    }


def refused(code, words, call=sagemaker.create_hyper_parameter_tuning_job, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code, error.response
        assert words in said["Message"], said
        return
    raise AssertionError(f"{code} was expected")


name = unique("search")[:30]
turned = {**LR, "MinValue": "0.1", "MaxValue": "0.001"}
refused("ValidationException", "must be less than", **tuning(name, [turned]))
refused("ValidationException", "A metric is required for this", **tuning(name, metric="f1"))
refused("ValidationException", "MaxParallelTrainingJobs [9]", **tuning(name, limits=(3, 9)))
refused("ValidationException", "'lr' has two ranges", **tuning(name, [LR, LR]))
refused("ValidationException", "has a range, too", **tuning(name, static={"lr": "1"}))
refused("ValidationException", "failed to satisfy constraint", **tuning("x" * 33))
describe = sagemaker.describe_hyper_parameter_tuning_job
refused("ResourceNotFound", name, describe, HyperParameterTuningJobName=name)

tags = [{"Key": "team", "Value": "proofs"}]
arn = sagemaker.create_hyper_parameter_tuning_job(**tuning(name, Tags=tags))[
    "HyperParameterTuningJobArn"
]
refused("ResourceInUse", "already exists", **tuning(name))
assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
while True:
    job = describe(HyperParameterTuningJobName=name)
    if job["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping"):
        break
    time.sleep(0.5)
assert job["HyperParameterTuningJobStatus"] == "Completed", job
assert job["TrainingJobStatusCounters"]["Completed"] == 3, job
jobs = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=name,
    SortBy="FinalObjectiveMetricValue",
    SortOrder="Descending",
)["TrainingJobSummaries"]
assert jobs[0]["TrainingJobName"] == job["BestTrainingJob"]["TrainingJobName"], jobs
values = [j["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for j in jobs]
assert values == sorted(values, reverse=True), values

found = sagemaker.search(
    Resource="TrainingJob",
    SearchExpression={"Filters": [{"Name": "TuningJobArn", "Operator": "Equals", "Value": arn}]},
)["Results"]
assert {r["TrainingJob"]["TrainingJobName"] for r in found} == {j["TrainingJobName"] for j in jobs}
(found,) = sagemaker.search(
    Resource="HyperParameterTuningJob",
    SearchExpression={
        "Filters": [
            {"Name": "Tags.team", "Operator": "Equals", "Value": "proofs"},
            {"Name": "TrainingJobStatusCounters.Completed", "Operator": "Equals", "Value": "3"},
            {"Name": "HyperParameterTuningJobName", "Operator": "Equals", "Value": name},
        ]
    },
    SortBy="BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value",
    SortOrder="Descending",
)["Results"]
for member in ("HyperParameterTuningJobArn", "BestTrainingJob", "HyperParameterTuningEndTime"):
    assert found["HyperParameterTuningJob"][member] == job[member], found
assert found["HyperParameterTuningJob"]["Tags"] == tags, found
final = sagemaker.describe_training_job(TrainingJobName=jobs[0]["TrainingJobName"])
final = {metric["MetricName"]: metric["Value"] for metric in final["FinalMetricDataList"]}
assert final == {"acc": values[0], "ObjectiveMetric": values[0]}, final
pages = sagemaker.get_paginator("list_hyper_parameter_tuning_jobs").paginate(NameContains=name)
listed = [
    j["HyperParameterTuningJobName"] for p in pages for j in p["HyperParameterTuningJobSummaries"]
]
assert listed == [name], listed
refused(
    "ValidationException",
    "in status Completed",
    sagemaker.stop_hyper_parameter_tuning_job,
    HyperParameterTuningJobName=name,
)
sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
refused("ResourceNotFound", name, describe, HyperParameterTuningJobName=name)
print("done")
