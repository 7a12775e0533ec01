"""The reading of a tuning job's request, and the training jobs that it asks for."""

import re

from support.tuning import ACCOUNT, definition, tuning_job


def test_names_and_arns():
    job = tuning_job("Search")
    assert job.arn == f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:hyper-parameter-tuning-job/search"
    name = job.training_job_name(7)
    assert re.fullmatch(r"Search-007-[0-9a-f]{8}", name)
    assert name == tuning_job("Search").training_job_name(7)
    assert name != tuning_job("Search", created=101.0).training_job_name(7)


def test_a_training_job_gets_what_is_static_and_what_is_tuned():
    tags = [{"Key": "team", "Value": "a"}]
    job = tuning_job("search", Tags=tags)
    (request,) = job.training_requests(job.definitions[0], "search-001-0", {"lr": "0.1"})
    assert request["HyperParameters"] == {
        "epochs": "9",
        "lr": "0.1",
        "_tuning_objective_metric": "acc",
    }
    assert request["Tags"] == tags
    assert request["TuningJobArn"] == job.arn
    assert request["ExperimentConfig"]["TrialName"] == "search-aws-tuning-job"
    assert "StaticHyperParameters" not in request


def test_checkpoints_of_training_jobs_lie_apart():
    document = definition(CheckpointConfig={"S3Uri": "s3://b/points/"})
    job = tuning_job(TrainingJobDefinition=document)
    (request,) = job.training_requests(job.definitions[0], "search-001-0", {})
    assert request["CheckpointConfig"] == {"S3Uri": "s3://b/points/search-001-0"}


def test_the_preferred_instances_come_first():
    config = {
        "AllocationStrategy": "Prioritized",
        "VolumeKmsKeyId": "key",
        "InstanceConfigs": [
            {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5},
            {"InstanceType": "ml.c5.large", "InstanceCount": 1, "VolumeSizeInGB": 6},
        ],
    }
    document = definition(ResourceConfig=..., HyperParameterTuningResourceConfig=config)
    job = tuning_job(TrainingJobDefinition=document)
    requests = job.training_requests(job.definitions[0], "search-001-0", {})
    assert [request.pop("ResourceConfig") for request in requests] == [
        {**given, "VolumeKmsKeyId": "key"} for given in config["InstanceConfigs"]
    ]
    assert requests[0] == requests[1]
    assert "HyperParameterTuningResourceConfig" not in requests[0]


def test_one_kind_of_instances_without_a_choice():
    config = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    document = definition(ResourceConfig=..., HyperParameterTuningResourceConfig=config)
    job = tuning_job(TrainingJobDefinition=document)
    (request,) = job.training_requests(job.definitions[0], "search-001-0", {})
    assert request["ResourceConfig"] == {**config, "VolumeSizeInGB": 30}


def test_the_objective_has_a_second_name():
    (given,) = definition()["AlgorithmSpecification"]["MetricDefinitions"]
    job = tuning_job()
    (request,) = job.training_requests(job.definitions[0], "search-001-0", {})
    added = {"Name": "ObjectiveMetric", "Regex": given["Regex"]}
    assert request["AlgorithmSpecification"]["MetricDefinitions"] == [given, added]
    # As one has it who begins from the description of another tuning job.
    again = definition(AlgorithmSpecification=request["AlgorithmSpecification"])
    job = tuning_job(TrainingJobDefinition=again)
    assert job.definitions[0].algorithm == request["AlgorithmSpecification"]


def test_epochs_are_told_by_static_hyperparameters():
    job = tuning_job(strategy="Hyperband")
    assert job.hyperband(job.definitions[0]).most == 9
    quoted = definition(StaticHyperParameters={"num_epochs": '"12"'})
    job = tuning_job(strategy="Hyperband", TrainingJobDefinition=quoted)
    assert job.hyperband(job.definitions[0]).most == 12


def test_autotune_decides_how_many_jobs():
    assert tuning_job(most=..., Autotune={"Mode": "Enabled"}).most_jobs == 20
    assert tuning_job(most=3, Autotune={"Mode": "Enabled"}).most_jobs == 3
