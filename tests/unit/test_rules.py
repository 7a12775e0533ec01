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


@pytest.mark.parametrize("asked", ["period", "tag"])
def test_spot_training_and_instance_groups_keep_no_warm_pool(job_of, asked):
    period = {"KeepAlivePeriodInSeconds": 60} if asked == "period" else {}
    tags = [] if period else [{"Key": "sagelet:warm", "Value": "on"}]
    plain = {"InstanceCount": 1, "VolumeSizeInGB": 1, **period}
    check(job_of(ResourceConfig=plain, Tags=tags))
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 9, "MaxWaitTimeInSeconds": 9},
    }
    assert "spot training" in refusal(job_of(ResourceConfig=plain, Tags=tags, **spot))
    group = {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1}
    groups = {"InstanceGroups": [group], "VolumeSizeInGB": 1, **period}
    assert "instance groups" in refusal(job_of(ResourceConfig=groups, Tags=tags))


def test_the_root_is_no_output_path(job_of):
    message = refusal(job_of(OutputDataConfig={"S3OutputPath": "file:///"}))
    assert "below the root" in message


@pytest.mark.parametrize("uri", ["https://host/x", "out"])
def test_intermediate_output_goes_to_s3(job_of, uri):
    check(job_of(HyperParameters={"sagemaker_s3_output": '"s3://bucket/x"'}))
    message = refusal(job_of(HyperParameters={"sagemaker_s3_output": f'"{uri}"'}))
    assert message.startswith(f"HyperParameters.sagemaker_s3_output: '{uri}'")
