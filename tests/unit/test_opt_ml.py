"""The bytes and variables a host gets, in SageMaker's formats."""

import json
from dataclasses import replace

import pytest

from sagelet.domain.opt_ml import config_files, group_hosts, host_names, platform_environment


def files(job, host="algo-1"):
    return config_files(job, host)


def test_hyperparameters_are_strings_as_given(job_of):
    given = {"epochs": "5", "name": '"quoted"', "list": "[1, 2]", "größe": "ß"}
    content = files(job_of(HyperParameters=given))["hyperparameters.json"]
    assert content == ('{"epochs":"5","name":"\\"quoted\\"","list":"[1, 2]","größe":"ß"}'.encode())


def test_files_are_there_when_there_is_nothing_to_say(job_of):
    found = files(job_of(StoppingCondition=...))
    assert found["hyperparameters.json"] == b"{}"
    assert found["inputdataconfig.json"] == b"{}"
    assert found["metric-definition-regex.json"] == b"[]"
    assert found["upstreamoutputdataconfig.json"] == b"[]"


def test_channels_in_sagemaker_s_words(job_of, channel_of):
    job = job_of(
        InputDataConfig=[
            channel_of("training", ContentType="application/x-npy"),
            channel_of("test", source={"S3DataDistributionType": "ShardedByS3Key"}),
        ]
    )
    assert files(job)["inputdataconfig.json"] == (
        b'{"training":{"TrainingInputMode":"File","S3DistributionType":"FullyReplicated",'
        b'"RecordWrapperType":"None","ContentType":"application/x-npy"},'
        b'"test":{"TrainingInputMode":"File","S3DistributionType":"ShardedByS3Key",'
        b'"RecordWrapperType":"None"}}'
    )


def test_resources_of_a_plain_job(job_of):
    job = job_of(ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large"})
    assert files(job, "algo-2")["resourceconfig.json"] == (
        b'{"current_host":"algo-2","current_instance_type":"ml.m5.large",'
        b'"current_group_name":"homogeneousCluster","hosts":["algo-1","algo-2"],'
        b'"instance_groups":[{"instance_group_name":"homogeneousCluster",'
        b'"instance_type":"ml.m5.large","hosts":["algo-1","algo-2"]}],'
        b'"network_interface_name":"eth0","topology":null}'
    )


def test_hosts_are_sorted_as_text(job_of):
    found = json.loads(files(job_of(ResourceConfig={"InstanceCount": 11}))["resourceconfig.json"])
    assert found["hosts"][:4] == ["algo-1", "algo-10", "algo-11", "algo-2"]
    assert found["instance_groups"][0]["hosts"] == list(host_names(11))


def test_groups_share_the_hosts_out_in_order(job_of):
    groups = [
        {"InstanceGroupName": "cpu", "InstanceType": "ml.m5.large", "InstanceCount": 2},
        {"InstanceGroupName": "gpu", "InstanceType": "ml.p3.2xlarge", "InstanceCount": 1},
    ]
    job = job_of(ResourceConfig={"InstanceGroups": groups})
    assert group_hosts(job) == {"cpu": ("algo-1", "algo-2"), "gpu": ("algo-3",)}
    here = json.loads(files(job, "algo-3")["resourceconfig.json"])
    assert here["current_group_name"] == "gpu"
    assert here["current_instance_type"] == "ml.p3.2xlarge"


def test_the_job_s_own_document_is_the_request_with_its_arn(job_of):
    job = job_of()
    found = json.loads(files(job)["trainingjobconfig.json"])
    assert found == {**job.request, "TrainingJobArn": job.arn, "Tags": []}


@pytest.mark.parametrize(
    ("member", "value", "name", "content"),
    [
        (
            "CheckpointConfig",
            {"S3Uri": "file:///c"},
            "checkpointconfig.json",
            b'{"LocalPath":"/opt/ml/checkpoints"}',
        ),
        (
            "DebugHookConfig",
            {"S3OutputPath": "file:///d"},
            "debughookconfig.json",
            b'{"S3OutputPath":"file:///d","LocalPath":"/opt/ml/output/tensors"}',
        ),
        (
            "TensorBoardOutputConfig",
            {"S3OutputPath": "file:///t"},
            "tensorboardoutputconfig.json",
            b'{"S3OutputPath":"file:///t","LocalPath":"/opt/ml/output/tensorboard"}',
        ),
        (
            "ProfilerConfig",
            {"DisableProfiler": True},
            "profilerconfig.json",
            b'{"DisableProfiler":true}',
        ),
    ],
)
def test_some_files_come_only_when_asked_for(job_of, member, value, name, content):
    assert name not in files(job_of())
    assert files(job_of(**{member: value}))[name] == content


def test_metric_definitions_are_passed_on(job_of):
    definitions = [{"Name": "loss", "Regex": r"loss=(\S+)"}]
    job = job_of(
        AlgorithmSpecification={"TrainingInputMode": "File", "MetricDefinitions": definitions}
    )
    assert json.loads(files(job)["metric-definition-regex.json"]) == definitions


def test_the_platform_s_variables(job_of):
    job = job_of()
    found = platform_environment(job, "algo-1")
    assert found["TRAINING_JOB_NAME"] == job.name
    assert found["TRAINING_JOB_ARN"] == job.arn
    assert found["AWS_REGION"] == "eu-west-1"
    assert found["SAGEMAKER_METRICS_DIRECTORY"] == "/opt/ml/output/metrics/sagemaker"
    assert not [name for name in found if name.startswith("SM_")]


def test_the_request_s_environment_wins(job_of):
    given = {"AWS_REGION": "mine", "HOSTNAME": "me", "NEW": "1"}
    found = platform_environment(job_of(Environment=given), "algo-1")
    assert found | given == found


def test_a_host_without_gpus_sees_none(job_of):
    job = replace(job_of(ResourceConfig={"InstanceCount": 2}), devices=(("0",), ()))
    assert "NVIDIA_VISIBLE_DEVICES" not in platform_environment(job, "algo-1")
    assert platform_environment(job, "algo-2")["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert platform_environment(job_of(), "algo-1")["NVIDIA_VISIBLE_DEVICES"] == "void"
