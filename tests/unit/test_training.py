"""A job's request, read: members, defaults, options in tags, names."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.errors import ValidationException
from sagelet.domain.jobs import InstanceGroup, MetricDefinition, without_nulls
from sagelet.domain.options import Options, read_options, size_in_bytes
from sagelet.domain.training import base_name


def tagged(**options):
    return {"Tags": [{"Key": f"sagelet:{k}", "Value": v} for k, v in options.items()]}


def test_defaults_are_sagemaker_s(job_of):
    job = job_of(StoppingCondition=..., ResourceConfig=...)
    assert job.max_runtime == 86400
    assert job.groups == (InstanceGroup("homogeneousCluster", "local", 1),)
    assert (job.host_count, job.gpus_of("local")) == (1, (0, False))
    assert (job.isolated, job.compressed) == (False, True)
    assert (job.attempts, job.keep_alive, job.max_wait, job.max_pending) == (1, 0, None, None)
    assert (job.channels, job.hyperparameters, job.environment) == ((), {}, {})
    assert (job.checkpoints, job.metric_definitions) == (None, ())
    assert job.options == Options(backend=None, grace=120.0)


def test_members_that_are_null_are_not_there(job_of, channel_of):
    plain = job_of(InputDataConfig=[channel_of("a")], ResourceConfig=..., StoppingCondition=...)
    nulls = job_of(
        InputDataConfig=[
            channel_of(
                "a",
                source={"S3DataDistributionType": None},
                RecordWrapperType=None,
                CompressionType=None,
                InputMode=None,
                ContentType=None,
            )
        ],
        ResourceConfig={"InstanceType": None, "InstanceCount": None},
        StoppingCondition={"MaxRuntimeInSeconds": None},
        HyperParameters=None,
        Tags=None,
    )
    nulls = replace(nulls, request=without_nulls(nulls.request))
    assert nulls.channels == plain.channels
    assert nulls.groups == plain.groups
    assert nulls.max_runtime == plain.max_runtime
    assert "Tags" not in nulls.request


def test_the_arn_has_the_name_in_lower_case(job_of):
    job = job_of(TrainingJobName="My-Job")
    assert job.arn == "arn:aws:sagemaker:eu-west-1:123456789012:training-job/my-job"


def test_a_channel_s_own_input_mode_wins(job_of, channel_of):
    job = job_of(InputDataConfig=[channel_of("a", InputMode="Pipe"), channel_of("b")])
    assert [channel.input_mode for channel in job.channels] == ["Pipe", "File"]


def test_groups_add_up(job_of):
    groups = [
        {"InstanceGroupName": "cpu", "InstanceType": "ml.m5.large", "InstanceCount": 2},
        {"InstanceGroupName": "gpu", "InstanceType": "ml.g4dn.12xlarge", "InstanceCount": 1},
    ]
    job = job_of(ResourceConfig={"InstanceGroups": groups})
    assert [group.name for group in job.groups] == ["cpu", "gpu"]
    assert job.host_count == 3
    assert [job.gpus_of(group.instance_type)[0] for group in job.groups] == [0, 4]


def test_gpus_come_from_the_option_or_else_the_instance_type(job_of):
    kind = "ml.p3.8xlarge"
    assert job_of().gpus_of(kind) == (4, False)
    assert job_of(**tagged(simulate="on")).gpus_of(kind) == (4, True)
    assert job_of(**tagged(gpus="0")).gpus_of(kind) == (0, True)
    assert job_of(**tagged(gpus="all")).gpus_of(kind) == (-1, True)


def test_max_wait_is_for_spot_jobs_and_max_pending_for_accelerated_ones(job_of):
    limits = {"MaxWaitTimeInSeconds": 20, "MaxPendingTimeInSeconds": 7200}
    gpu = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}
    plain = job_of(StoppingCondition=limits)
    spot = job_of(StoppingCondition=limits, EnableManagedSpotTraining=True, ResourceConfig=gpu)
    assert (plain.max_wait, plain.max_pending) == (None, None)
    assert (spot.max_wait, spot.max_pending) == (20.0, 7200.0)


def test_a_retry_strategy_counts_repetitions(job_of):
    assert job_of(RetryStrategy={"MaximumRetryAttempts": 2}).attempts == 3


@pytest.mark.parametrize(
    ("given_path", "path"),
    [
        (None, "/opt/ml/checkpoints"),
        ("/opt/ml/checkpoints/", "/opt/ml/checkpoints"),
        ("/tmp//a/./b/", "/tmp/a/b"),
        ("/", "/"),
        ("relative", "relative"),
    ],
)
def test_checkpoint_paths_are_plain(job_of, given_path, path):
    config = {"S3Uri": "file:///c"} | ({"LocalPath": given_path} if given_path else {})
    assert job_of(CheckpointConfig=config).checkpoints == ("file:///c", path)


def test_metric_definitions(job_of):
    job = job_of(
        AlgorithmSpecification={
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
        }
    )
    assert job.metric_definitions == (MetricDefinition("loss", "loss=(.*)"),)


def test_no_compression_on_request(job_of):
    output = {"S3OutputPath": "file:///o", "CompressionType": "NONE"}
    assert not job_of(OutputDataConfig=output).compressed


def test_all_options():
    document = tagged(
        backend="docker", gpus="2", cpus="1.5", memory="512m", shm="1g", grace="0",
        model="digits.v2", python="/usr/bin/python3", simulate="off",
    )  # fmt: skip
    document["Tags"].append({"Key": "team", "Value": "vision"})
    assert read_options(document) == Options(
        backend="docker", gpus=2, cpus=1.5, memory=512 << 20, shm=1 << 30, grace=0.0,
        model="digits.v2", python="/usr/bin/python3", simulate=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("backend", "podman"), ("backend", ""), ("gpus", "-1"), ("gpus", "some"), ("gpus", "1.5"),
        ("gpus", "²"), ("cpus", "0"), ("cpus", "-2"), ("cpus", "nan"), ("cpus", "inf"),
        ("cpus", "two"), ("memory", "0"), ("memory", "lots"), ("memory", "-1g"), ("memory", ""),
        ("memory", "0.5b"), ("memory", "9" * 200 + "t"), ("shm", "1x"), ("grace", "-1"),
        ("grace", "soon"), ("model", ""), ("model", "a/b"), ("model", "../x"), ("model", "x" * 64),
        ("colour", "red"), ("simulate", "yes"),
    ],
)  # fmt: skip
def test_a_bad_option_is_named(key, value):
    with pytest.raises(ValidationException, match=f"'sagelet:{key}'"):
        read_options(tagged(**{key: value}))


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(ValidationException, match="Known: sagelet:backend, sagelet:cpus, "):
        read_options(tagged(bakend="docker"))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1073741824", 1 << 30), ("512m", 512 << 20), ("8g", 8 << 30), ("8G", 8 << 30),
        ("8gb", 8 << 30), ("1.5k", 1536), (" 2T ", 2 << 40), ("100b", 100),
    ],
)  # fmt: skip
def test_sizes_as_container_engines_write_them(text, size):
    assert size_in_bytes(text) == size


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{1,30}(\.[0-9]+)?[bkmgt]?b?", fullmatch=True))
def test_a_size_is_positive_or_refused(text):
    try:
        size = size_in_bytes(text)
    except ValueError:
        return
    assert 0 < size < 2**63


@pytest.mark.parametrize(
    ("job", "base"),
    [
        ("digits-2024-01-02-03-04-05-006", "digits"),
        ("digits-2024-01-02-03-04-05", "digits"),
        ("digits", "digits"),
        ("a-2024-01-02-03-04-05-006-2024-01-02-03-04-05-007", "a-2024-01-02-03-04-05-006"),
        ("digits-2024-01-02", "digits-2024-01-02"),
        ("2024-01-02-03-04-05-006", "2024-01-02-03-04-05-006"),
        ("digits-2024-01-02-03-04-05-0061", "digits-2024-01-02-03-04-05-0061"),
    ],
)
def test_base_name_leaves_the_stamp_out(job, base):
    assert base_name(job) == base


def test_a_model_is_versioned_under_the_base_name_or_the_option(job_of):
    assert job_of().model_name == "digits"
    assert job_of(**tagged(model="other")).model_name == "other"


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("search-001-0123abcd", "search"),
        ("digits-240102-0304-012-0123abcd", "digits"),
        ("train-261127-102233123-001-0123abcd", "train"),
    ],
)
def test_the_models_of_a_tuning_job_are_versions_of_one(job_of, name, base):
    assert job_of(TrainingJobName=name, TuningJobArn="arn").model_name == base
    assert job_of(TrainingJobName=name).model_name == name
