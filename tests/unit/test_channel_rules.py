"""What a channel cannot have is refused, with the channel and the member at fault."""

import pytest

from sagelet.domain.errors import DomainError
from sagelet.domain.rules import check

AUGMENTED = {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://b/m", "AttributeNames": ["a"]}
PIPE, FAST = {"InputMode": "Pipe"}, {"InputMode": "FastFile"}


def refusal(job):
    with pytest.raises(DomainError) as caught:
        check(job)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "members", "says"),
    [
        ({"S3Uri": "/data"}, {}, "'/data' is neither s3://bucket/prefix nor file:///an/absolute"),
        ({"S3Uri": "file://data"}, {}, "is neither s3://bucket/prefix nor file:///an/absolute"),
        ({"S3Uri": "https://host/x"}, {}, "is neither s3://bucket/prefix nor file:///an/abs"),
        ({"S3Uri": "s3:///x"}, {}, "is neither s3://bucket/prefix nor file:///an/absolute/path"),
        ({"S3DataType": "ManifestFile"}, {}, "ManifestFile lists objects in S3; file:///data is"),
        ({"S3DataType": "ManifestFile", "S3Uri": "s3://b/m"}, FAST, "it needs input mode File or"),
        ({**AUGMENTED}, {}, "S3DataType AugmentedManifestFile is not supported in input mode File"),
        ({**AUGMENTED}, FAST, "it needs input mode Pipe"),
        ({**AUGMENTED, "S3Uri": "file:///m"}, PIPE, "lists objects in S3; file:///m is not there"),
        ({**AUGMENTED, "AttributeNames": []}, PIPE, "AttributeNames is required"),
        ({**AUGMENTED}, {**PIPE, "CompressionType": "Gzip"}, "Gzip with S3DataType Augmented"),
        ({"AttributeNames": ["a"]}, PIPE, "AttributeNames belongs to S3DataType Augmented"),
        ({"S3DataType": "Converse"}, {}, "S3DataType Converse is not supported in input mode File"),
        ({"InstanceGroupNames": ["a"]}, {}, "no instance group 'a' in ResourceConfig.InstanceGr"),
        ({}, {"InputMode": "Stream"}, "input mode Stream is not known; use File, FastFile, Pipe"),
        ({}, {"CompressionType": "Gzip"}, "CompressionType Gzip belongs to Pipe mode"),
        ({}, {**FAST, "CompressionType": "Gzip"}, "or say None in FastFile mode"),
        ({}, {"RecordWrapperType": "RecordIO"}, "RecordWrapperType RecordIO belongs to Pipe mode"),
        ({}, {**FAST, "RecordWrapperType": "RecordIO"}, "or say None in FastFile mode"),
    ],
)
def test_what_a_channel_cannot_have(job_of, channel_of, source, members, says):
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
        ({"S3Uri": "s3://bucket/m.json", "S3DataType": "ManifestFile"}, {}),
        ({"S3Uri": "s3://bucket/m.json", "S3DataType": "ManifestFile"}, PIPE),
        ({"S3DataDistributionType": "ShardedByS3Key"}, {"ShuffleConfig": {"Seed": 0}}),
        ({"S3Uri": "s3://bucket/key"}, {**FAST, "ShuffleConfig": {"Seed": 1}}),
        ({}, FAST),
        ({}, {**PIPE, "CompressionType": "Gzip", "RecordWrapperType": "RecordIO"}),
        (AUGMENTED, {**PIPE, "RecordWrapperType": "RecordIO"}),
    ],
)
def test_what_a_channel_may_have(job_of, channel_of, source, members):
    channel = channel_of("a", source=source, **members)
    check(job_of(InputDataConfig=[channel], ResourceConfig={"InstanceCount": 2}))


def test_none_says_the_same_as_nothing(job_of, channel_of):
    channel = channel_of("a", CompressionType="None", RecordWrapperType="None")
    check(job_of(InputDataConfig=[channel]))


def group(name):
    return {"InstanceGroupName": name, "InstanceType": "ml.m5.large", "InstanceCount": 1}


def test_a_channel_goes_to_groups_that_there_are(job_of, channel_of):
    groups = {"InstanceGroups": [group("a"), group("b")]}
    channel = channel_of("x", source={"InstanceGroupNames": ["b"]})
    check(job_of(InputDataConfig=[channel], ResourceConfig=groups))
    channel = channel_of("x", source={"InstanceGroupNames": ["b", "c"]})
    message = refusal(job_of(InputDataConfig=[channel], ResourceConfig=groups))
    assert message.endswith("no instance group 'c' in ResourceConfig.InstanceGroups; the groups "
                            "are a, b.")  # fmt: skip


def test_fast_file_and_pipe_do_not_mix(job_of, channel_of):
    """In the words of AWS."""
    check(job_of(InputDataConfig=[channel_of("a", **PIPE), channel_of("b", InputMode="File")]))
    channels = [channel_of("a", **PIPE), channel_of("b", **FAST)]
    assert refusal(job_of(InputDataConfig=channels)) == (
        "Cannot use both 'Pipe' and 'FastFile' TrainingInputMode on the same Training Job."
    )


def test_the_mode_of_the_job_counts_where_a_channel_has_none(job_of, channel_of):
    algorithm = {"TrainingImage": "mine:1", "TrainingInputMode": "Pipe"}
    gzip = channel_of("a", CompressionType="Gzip")
    check(job_of(AlgorithmSpecification=algorithm, InputDataConfig=[gzip]))


@pytest.mark.parametrize(("name", "clashes"), [("a_0", True), ("a_12", True), ("a_x", False)])
def test_no_channel_has_the_name_of_another_s_pipe(job_of, channel_of, name, clashes):
    job = job_of(InputDataConfig=[channel_of(name), channel_of("a", **PIPE)])
    if clashes:
        assert f"'{name}' has the name of a pipe of the channel 'a'" in refusal(job)
    else:
        check(job)
