"""What cannot run is refused, with the member at fault."""

import pytest

from sagelet.domain.errors import DomainError
from sagelet.domain.rules import check, submit_directory


def refusal(job):
    with pytest.raises(DomainError) as caught:
        check(job)
    return str(caught.value)


def algorithm(**members):
    return {"TrainingImage": "mine:1", "TrainingInputMode": "File", **members}


def test_a_plain_job_is_fine(job_of, channel_of):
    check(job_of(InputDataConfig=[channel_of("training"), channel_of("test")]))


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "TrainingImage is required"),
        ({"AlgorithmSpecification": ...}, "TrainingImage is required"),
        ({"AlgorithmSpecification": algorithm(AlgorithmName="a")}, "AlgorithmName: "),
    ],
)
def test_an_image_is_needed(job_of, members, names):
    assert refusal(job_of(**members)).startswith(f"AlgorithmSpecification.{names}")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc", "ü" * 128])
def test_names_that_become_folders_lead_nowhere_else(job_of, channel_of, name):
    """Patterns say so too, but SAGELET_VALIDATION=relaxed leaves those out."""
    assert "cannot be a folder name" in refusal(job_of(TrainingJobName=name))
    assert "cannot be a folder name" in refusal(job_of(InputDataConfig=[channel_of(name)]))


@pytest.mark.parametrize(
    ("source", "members", "says"),
    [
        ({"S3Uri": "/data"}, {}, "'/data' is neither s3://bucket/prefix nor file:///an/absolute"),
        ({"S3Uri": "file://data"}, {}, "is neither s3://bucket/prefix nor file:///an/absolute"),
        ({"S3Uri": "https://host/x"}, {}, "is neither s3://bucket/prefix nor file:///an/abs"),
        ({"S3Uri": "s3:///x"}, {}, "is neither s3://bucket/prefix nor file:///an/absolute/path"),
        ({"S3DataType": "ManifestFile"}, {}, "S3DataType ManifestFile"),
        ({"S3DataType": "AugmentedManifestFile"}, {}, "S3DataType AugmentedManifestFile"),
        ({"S3Uri": "s3://b/k"}, {"InputMode": "Pipe", "CompressionType": "Gzip"}, "input mode"),
        ({"InstanceGroupNames": ["a"]}, {}, "InstanceGroupNames"),
        ({}, {"InputMode": "Pipe"}, "input mode Pipe"),
        ({}, {"InputMode": "FastFile"}, "input mode FastFile"),
        ({}, {"CompressionType": "Gzip"}, "CompressionType Gzip"),
        ({}, {"RecordWrapperType": "RecordIO"}, "RecordWrapperType RecordIO"),
        ({}, {"ShuffleConfig": {"Seed": 1}}, "ShuffleConfig"),
    ],
)
def test_what_a_channel_cannot_have_yet(job_of, channel_of, source, members, says):
    channels = [channel_of("training"), channel_of("test", source=source, **members)]
    message = refusal(job_of(InputDataConfig=channels))
    assert message.startswith("InputDataConfig[1] (channel 'test'): ")
    assert says in message


@pytest.mark.parametrize(
    ("name", "says"),
    [("training", "used twice"), (".", "folder name"), ("..", "folder name")],
)
def test_channel_names_must_be_folders_of_their_own(job_of, channel_of, name, says):
    message = refusal(job_of(InputDataConfig=[channel_of("training"), channel_of(name)]))
    assert message.startswith(f"InputDataConfig[1] (channel '{name}')")
    assert says in message


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"FileSystemDataSource": {"FileSystemId": "fs-1"}}, "FileSystemDataSource"),
        ({}, "DataSource.S3DataSource is required"),
    ],
)
def test_channels_come_from_s3_data_sources(job_of, source, says):
    job = job_of(InputDataConfig=[{"ChannelName": "a", "DataSource": source}])
    assert says in refusal(job)


@pytest.mark.parametrize(
    ("source", "members"),
    [
        ({"S3Uri": "s3://bucket/key"}, {}),
        ({"S3Uri": "s3://bucket"}, {"CompressionType": "Gzip"}),
        ({"S3Uri": "s3://bucket/m.json", "S3DataType": "ManifestFile"}, {}),
    ],
)
def test_what_a_channel_from_s3_may_have(job_of, channel_of, source, members):
    check(job_of(InputDataConfig=[channel_of("a", source=source, **members)]))


def test_none_says_the_same_as_nothing(job_of, channel_of):
    channel = channel_of("a", CompressionType="None", RecordWrapperType="None")
    check(job_of(InputDataConfig=[channel]))


def test_sharding_is_for_one_host_only(job_of, channel_of):
    channel = channel_of("a", source={"S3DataDistributionType": "ShardedByS3Key"})
    check(job_of(InputDataConfig=[channel]))
    message = refusal(job_of(InputDataConfig=[channel], ResourceConfig={"InstanceCount": 2}))
    assert "ShardedByS3Key" in message


def group(name, count=1):
    return {"InstanceGroupName": name, "InstanceType": "ml.m5.large", "InstanceCount": count}


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        ({"InstanceCount": 0}, "InstanceCount: must be at least 1"),
        ({"InstanceCount": 10**12}, "InstanceCount: 1000000000000 hosts are more"),
        ({"InstanceGroups": [group("a", 60), group("b", 60)]}, "InstanceCount: 120 hosts are more"),
        ({"InstanceGroups": [group("a", 0)]}, "InstanceCount: must be at least 1"),
        ({"InstanceGroups": [group("a"), group("a")]}, "InstanceGroups: group names must differ"),
        ({"InstanceGroups": [group("a")], "InstanceCount": 1}, "cannot be combined"),
        ({"InstanceGroups": [group("a")], "InstanceType": "ml.m5.large"}, "cannot be combined"),
    ],
)
def test_resources_make_sense(job_of, resources, says):
    message = refusal(job_of(ResourceConfig=resources))
    assert message.startswith("ResourceConfig")
    assert says in message


@pytest.mark.parametrize("uri", ["file://out", "https://bucket/out", "s3:///out"])
def test_the_output_path_is_absolute(job_of, uri):
    message = refusal(job_of(OutputDataConfig={"S3OutputPath": uri}))
    assert message.startswith(f"OutputDataConfig.S3OutputPath: '{uri}'")


def test_checkpoints_come_from_s3_or_this_machine(job_of):
    check(job_of(CheckpointConfig={"S3Uri": "s3://bucket/c"}))
    message = refusal(job_of(CheckpointConfig={"S3Uri": "https://host/c"}))
    assert message.startswith("CheckpointConfig.S3Uri: 'https://host/c'")


@pytest.mark.parametrize(
    "path", ["/opt/ml/checkpoints", "/opt/ml/checkpoints/a", "/tmp/a", "/opt/ml/modelled"]
)
def test_checkpoints_may_lie(job_of, path):
    check(job_of(CheckpointConfig={"S3Uri": "file:///c", "LocalPath": path}))


@pytest.mark.parametrize(
    "path",
    [
        "relative", "/", "/tmp/../etc", "/opt/ml", "/opt/ml/", "/opt/ml/model", "/opt/ml/model/",
        "/opt//ml/model", "/opt/./ml/output/data", "/opt/ml/input/data/a", "/opt/ml/code",
    ],
)  # fmt: skip
def test_checkpoints_may_not_lie(job_of, path):
    message = refusal(job_of(CheckpointConfig={"S3Uri": "file:///c", "LocalPath": path}))
    assert message.startswith("CheckpointConfig.LocalPath: ")


@pytest.mark.parametrize("uri", ["s3://", "file://code"])
def test_code_lies_somewhere(job_of, uri):
    message = refusal(job_of(HyperParameters={"sagemaker_submit_directory": f'"{uri}"'}))
    assert message.startswith("HyperParameters.sagemaker_submit_directory: ")


@pytest.mark.parametrize("uri", ["file:///code", "/opt/ml/code", "s3://bucket/code.tar.gz"])
def test_code_may_also_lie_in_the_image(job_of, uri):
    check(job_of(HyperParameters={"sagemaker_submit_directory": uri}))


@pytest.mark.parametrize(
    ("text", "directory"),
    [
        ('"file:///a"', "file:///a"), ("file:///a", "file:///a"), ('"', '"'), ("", ""),
        (r'"s3://b/\u00e9"', "s3://b/é"), ('"a"b"', 'a"b'),
    ],
)  # fmt: skip
def test_the_sdk_quotes_the_submit_directory(job_of, text, directory):
    assert (
        submit_directory(job_of(HyperParameters={"sagemaker_submit_directory": text})) == directory
    )


@pytest.mark.parametrize(
    ("regex", "says"),
    [
        ("loss=.*", "needs a group"),
        ("(?:a)", "needs a group"),
        ("(", "does not compile"),
        ("(a){99999999999}", "does not compile"),
    ],
)
def test_a_metric_s_regex_finds_a_value(job_of, regex, says):
    definitions = [{"Name": "fine", "Regex": "(.)"}, {"Name": "m", "Regex": regex}]
    message = refusal(job_of(AlgorithmSpecification=algorithm(MetricDefinitions=definitions)))
    assert message.startswith("AlgorithmSpecification.MetricDefinitions[1].Regex: ")
    assert says in message


def test_bad_options_are_found_before_the_job_starts(job_of):
    assert "sagelet:gpus" in refusal(job_of(Tags=[{"Key": "sagelet:gpus", "Value": "x"}]))


def test_a_gpu_instance_of_unknown_size_must_say_how_many(job_of):
    resources = {"InstanceType": "ml.g7.2xlarge", "InstanceCount": 1}
    simulate = {"Key": "sagelet:simulate", "Value": "on"}
    assert "ml.g7.2xlarge" in refusal(job_of(ResourceConfig=resources, Tags=[simulate]))
    gpus = {"Key": "sagelet:gpus", "Value": "1"}
    check(job_of(ResourceConfig=resources, Tags=[simulate, gpus]))
    check(job_of(ResourceConfig=resources))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"StoppingCondition": {"MaxWaitTimeInSeconds": 10}}, "only supported when"),
        ({"EnableManagedSpotTraining": True}, "must be present"),
        (
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 8},
            },
            "greater than or equal",
        ),
    ],
)
def test_waiting_belongs_to_spot_training(job_of, more, words):
    assert words in refusal(job_of(**more))


def test_the_root_is_no_output_path(job_of):
    message = refusal(job_of(OutputDataConfig={"S3OutputPath": "file:///"}))
    assert "below the root" in message
