"""The trial component of a processing job: what it says, what it follows, how it is found."""

from dataclasses import replace

import pytest

from sagelet.aws.services.sagemaker import processing  # noqa: F401  it registers
from sagelet.domain.errors import DomainError
from sagelet.domain.experiments import component_of, life_of, outputs_of
from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.processing import ProcessingJob

ACCOUNT, REGION = "123456789012", "eu-west-1"
COMPONENT = "Split-aws-processing-job"
ENDING = (Event.PREPARED, Event.STAGED, Event.HOSTS_SUCCEEDED, Event.STORED)


def job_of(name="Split", **members):
    request = {
        "ProcessingJobName": name,
        "AppSpecification": {"ImageUri": "mine:1"},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 2,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 30,
            }
        },
        "ProcessingInputs": [
            {
                "InputName": "raw",
                "S3Input": {"S3Uri": "s3://digits/raw", "LocalPath": "/opt/ml/processing/raw"},
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "model",
                    "S3Output": {
                        "S3Uri": "s3://digits/split",
                        "LocalPath": "/opt/ml/processing/split",
                    },
                }
            ]
        },
        "Environment": {"RATIO": "0.2", "MODE": "fast"},
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/sagelet",
        **members,
    }
    return ProcessingJob(request, ACCOUNT, REGION, 100.0, begin(100.0))


def finish(store, name="Split", said=None):
    jobs = store.processing_jobs
    jobs.save_exit_message(name, said)
    jobs.save_artifacts(name, {"model": "s3://digits/split"}, 150.0)
    life = jobs.get(name).life
    for number, event in enumerate(ENDING):
        life, _ = advance(life, event, 101.0 + number)
    jobs.save_life(name, life, 200.0)


def test_it_says_what_the_job_is():
    job = job_of(ExperimentConfig={"TrialComponentDisplayName": "Preparing"})
    component = component_of(job)
    assert component.name == COMPONENT
    assert component.parameters == {
        "SageMaker.InstanceCount": 2.0,
        "SageMaker.InstanceType": "ml.m5.large",
        "SageMaker.VolumeSizeInGB": 30.0,
        "RATIO": 0.2,
        "MODE": "fast",
    }
    assert component.document == {
        "DisplayName": "Preparing",
        "Source": {"SourceArn": job.arn, "SourceType": "SageMakerProcessingJob"},
        "InputArtifacts": {
            "SageMaker.ImageUri": {"Value": "mine:1"},
            "raw": {"Value": "s3://digits/raw"},
        },
        "Status": {
            "PrimaryStatus": "InProgress",
            "Message": "Status: InProgress, exit message: null, failure reason: null",
        },
    }


def test_its_status_has_the_job_s_message():
    life, _ = advance(begin(1.0), Event.FAULTED, 4.0, "ClientError: no data")
    job = replace(job_of(), life=life, exit_message="bad", artifacts={"model": "s3://m"})
    assert life_of(job)["Status"] == {
        "PrimaryStatus": "Failed",
        "Message": "Status: Failed, exit message: bad, failure reason: ClientError: no data",
    }
    assert outputs_of(job) == {"model": {"Value": "s3://m"}}


def test_it_follows_the_job(ask):
    ask.store.processing_jobs.add(job_of())
    finish(ask.store, said="all is well")
    shown = ask("sagemaker", "DescribeTrialComponent", TrialComponentName=COMPONENT.lower())
    assert shown["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, exit message: all is well, failure reason: null",
    }
    assert shown["OutputArtifacts"] == {"model": {"Value": "s3://digits/split"}}
    assert (shown["StartTime"], shown["EndTime"]) == (101.0, 104.0)
    assert shown["Metrics"] == []


def test_it_stands_in_a_trial_or_unassigned(ask):
    ask.store.processing_jobs.add(job_of("alone"))
    config = {"ExperimentName": "E", "TrialName": "T"}
    ask.store.processing_jobs.add(job_of("placed", ExperimentConfig=config))

    def names(**wanted):
        found = ask("sagemaker", "ListTrialComponents", SortOrder="Ascending", **wanted)
        return [one["TrialComponentName"] for one in found["TrialComponentSummaries"]]

    assert names() == ["alone-aws-processing-job", "placed-aws-processing-job"]
    assert names(TrialName="t") == names(ExperimentName="e") == ["placed-aws-processing-job"]
    arn = ask.store.processing_jobs.get("alone").arn
    assert names(SourceArn=arn) == ["alone-aws-processing-job"]
    with pytest.raises(DomainError, match="does not exist"):
        ask.store.processing_jobs.add(job_of("x", ExperimentConfig={"TrialName": "none"}))
    assert len(names()) == 2


def test_search_shows_its_job(ask):
    ask.store.processing_jobs.add(job_of(), {"team": "a"})
    finish(ask.store)
    wanted = {"Name": "Source.SourceType", "Operator": "Equals", "Value": "SageMakerProcessingJob"}
    (found,) = ask(
        "sagemaker",
        "Search",
        Resource="ExperimentTrialComponent",
        SearchExpression={"Filters": [wanted]},
    )["Results"]
    detail = found["TrialComponent"]["SourceDetail"]
    job = detail["ProcessingJob"]
    assert detail["SourceArn"] == job["ProcessingJobArn"]
    assert (job["ProcessingJobStatus"], job["Environment"]["MODE"]) == ("Completed", "fast")
    assert job["Tags"] == [{"Key": "team", "Value": "a"}]
    assert "TrainingJob" not in detail


def test_data_leads_through_it(ask):
    ask.store.processing_jobs.add(job_of())
    finish(ask.store)
    artifacts = ask("sagemaker", "ListArtifacts", SortOrder="Ascending")["ArtifactSummaries"]
    assert [(one["Source"]["SourceUri"], one["ArtifactType"]) for one in artifacts] == [
        ("s3://digits/raw", "DataSet"),
        ("mine:1", "Image"),
        ("s3://digits/split", "DataSet"),
    ]
    answer = ask(
        "sagemaker",
        "QueryLineage",
        StartArns=[artifacts[2]["ArtifactArn"]],
        Direction="Ascendants",
    )
    assert [vertex["Type"] for vertex in answer["Vertices"]] == [
        "SageMakerProcessingJob",
        "DataSet",
        "Image",
    ]


def test_a_deleted_component_comes_back_with_no_other_job(ask):
    ask.store.processing_jobs.add(job_of())
    ask("sagemaker", "DeleteTrialComponent", TrialComponentName=COMPONENT)
    ask("sagemaker", "CreateTrialComponent", TrialComponentName="mine")
    finish(ask.store)
    shown = ask("sagemaker", "DescribeTrialComponent", TrialComponentName="mine")
    assert "Status" not in shown
    assert shown["OutputArtifacts"] == {}
    associations = ask("sagemaker", "ListAssociations")["AssociationSummaries"]
    assert associations == []
    ask.store.processing_jobs.delete("Split")
    found = ask("sagemaker", "ListTrialComponents")["TrialComponentSummaries"]
    assert [one["TrialComponentName"] for one in found] == ["mine"]
