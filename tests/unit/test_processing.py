"""A CreateProcessingJob request: what is refused, what a host gets of the rest."""

import json

import pytest

from sagelet.domain.confined import check_confined
from sagelet.domain.errors import ResourceLimitExceeded, ValidationException
from sagelet.domain.hosts import Access
from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.processing import PROCESSING, Output, ProcessingJob
from sagelet.domain.processing_hosts import plan
from sagelet.domain.processing_rules import check
from sagelet.engine.processing import _text

PLACE = "/opt/ml/processing"


def source(name="a", path=f"{PLACE}/a", uri="s3://bucket/a", **members):
    found = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", **members}
    return {"InputName": name, "S3Input": found}


def target(name="o", path=f"{PLACE}/o", uri="s3://bucket/o", mode="EndOfJob"):
    found = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": mode}
    return {"OutputName": name, "S3Output": found}


def job_of(*inputs, outputs=(), cluster=None, tags=None, **members):
    request = {
        "ProcessingJobName": "Split-1",
        "AppSpecification": {"ImageUri": "mine:1"},
        "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "VolumeSizeInGB": 1, **(cluster or {})}
        },
        "ProcessingInputs": list(inputs),
        "ProcessingOutputConfig": {"Outputs": list(outputs)},
        "Tags": [{"Key": f"sagelet:{key}", "Value": value} for key, value in (tags or {}).items()],
        **members,
    }
    return ProcessingJob(request, "123456789012", "eu-west-1", 100.0, begin(100.0))


def test_it_is_read_in_sagemaker_s_words():
    job = job_of(
        source(S3InputMode="Pipe", S3DataDistributionType="ShardedByS3Key"),
        outputs=[target(path=f"{PLACE}//o/./p/", mode="Continuous")],
        cluster={"InstanceCount": 3, "InstanceType": "ml.m5.xlarge"},
        StoppingCondition={"MaxRuntimeInSeconds": 7},
        NetworkConfig={"EnableNetworkIsolation": True},
    )
    check(job)
    assert job.arn == "arn:aws:sagemaker:eu-west-1:123456789012:processing-job/split-1"
    assert (job.name, job.key) == ("Split-1", "processing.Split-1")
    assert (job.host_count, job.max_runtime, job.isolated) == (3, 7.0, True)
    (channel,) = job.channels
    assert (channel.path, channel.input_mode, channel.sharded) == (f"{PLACE}/a", "Pipe", True)
    assert job.outputs == (Output("o", f"{PLACE}/o/p", "s3://bucket/o", continuous=True),)
    assert job_of().max_runtime == 86400


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (job_of(source(), source(path=f"{PLACE}/b")), "the input name is used twice"),
        (job_of(source(name="a/b")), "'a/b' cannot be a folder name"),
        (job_of({**source(), "AppManaged": True}), "AppManaged"),
        (job_of({"InputName": "a", "DatasetDefinition": {"LocalPath": PLACE}}), "Athena"),
        (job_of({"InputName": "a"}), "S3Input is required"),
        (job_of(source(uri="https://x/y")), "neither s3://"),
        (job_of(source(path="")), "LocalPath is required"),
        (job_of(source(path="/data")), "must begin with /opt/ml/processing/"),
        (job_of(source(path=PLACE)), "must begin with /opt/ml/processing/"),
        (job_of(source(path=f"{PLACE}/../x")), "must begin with /opt/ml/processing/"),
        (job_of(source(S3CompressionType="Gzip")), "belongs to Pipe mode"),
        (job_of(source(uri="file:///d", S3DataType="ManifestFile")), "lists objects in S3"),
        (
            job_of(source(S3InputMode="Pipe"), source("b", f"{PLACE}/a_0")),
            "has the name of a pipe of the input 'a'",
        ),
        (job_of(source(), source("b")), "the input 'a' and the input 'b' cannot be one folder"),
        (
            job_of(source(), outputs=[target(path=f"{PLACE}/a/")]),
            "the input 'a' and the output 'o' cannot be one folder",
        ),
        (
            job_of(source(uri="file:///d"), outputs=[target(uri="file:///d/")]),
            "is the folder of the input 'a'",
        ),
        (job_of(outputs=[target(), target(path=f"{PLACE}/p")]), "output name is used twice"),
        (job_of(outputs=[{**target(), "AppManaged": True}]), "AppManaged"),
        (job_of(outputs=[{"OutputName": "o", "FeatureStoreOutput": {}}]), "S3Output is required"),
        (
            job_of(outputs=[{"OutputName": "o", "FeatureStoreOutput": {"FeatureGroupName": "f"}}]),
            "no feature store",
        ),
        (job_of(outputs=[target(uri="file:///")]), "a folder below the root"),
        (job_of(outputs=[target(path="/out")]), "must begin with /opt/ml/processing/"),
        (job_of(cluster={"InstancePreferences": [{}]}), "InstancePreferences"),
        (job_of(tags={"model": "m"}), "'sagelet:model' is for training jobs"),
        (job_of(tags={"warm": "on"}), "'sagelet:warm' is for training jobs"),
    ],
)
def test_what_cannot_run_is_refused_by_name(job, words):
    with pytest.raises(ValidationException) as refused:
        check(job)
    assert words in str(refused.value)


def test_more_hosts_than_a_machine_runs():
    with pytest.raises(ResourceLimitExceeded, match="101 hosts"):
        check(job_of(cluster={"InstanceCount": 101}))


def test_a_host_sees_inputs_within_its_own_folder():
    job = job_of(
        source("outer", f"{PLACE}/input"),
        source("code", f"{PLACE}/input/code"),
        source("stream", f"{PLACE}/s/x", S3InputMode="Pipe"),
        outputs=[target("in", f"{PLACE}/input/made"), target("own", f"{PLACE}/out")],
        AppSpecification={
            "ImageUri": "mine:1",
            "ContainerEntrypoint": ["python3", "job.py"],
            "ContainerArguments": ["--x"],
        },
        Environment={"K": "v"},
    )
    check(job)
    made = plan(job, "/jobs/j", {"outer": "/o", "code": "/c", "stream": "/s"})
    (host,) = made.hosts
    assert (made.job, made.kind) == ("processing.Split-1", PROCESSING)
    assert (host.entrypoint, host.command) == (("python3", "job.py"), ("--x",))
    assert [(m.target, m.source, m.access) for m in host.mounts] == [
        ("/opt/ml/config", "/jobs/j/algo-1/ml/config", Access.READ_WRITE),
        ("/opt/ml/output", "/jobs/j/algo-1/ml/output", Access.READ_WRITE),
        (PLACE, "/jobs/j/algo-1/ml/processing", Access.READ_WRITE),
        (f"{PLACE}/input", "/o", Access.COPY_ON_WRITE),
        (f"{PLACE}/input/code", "/c", Access.COPY_ON_WRITE),
        (f"{PLACE}/input/made", "/jobs/j/algo-1/ml/processing/input/made", Access.READ_WRITE),
    ]
    (pipe,) = host.pipes
    assert (pipe.channel, pipe.folder, pipe.name) == ("stream", "processing/s", "x")
    assert host.config == "config"
    assert host.environment["K"] == "v"


def test_the_configuration_is_what_sagemaker_writes():
    job = job_of(source(), outputs=[target()], cluster={"InstanceCount": 11}, tags={"gpus": "0"})
    made = plan(job, "/jobs/j", {"a": "/a"})
    files = {name: json.loads(text) for name, text in made.hosts[1].files.items()}
    assert files["resourceconfig.json"]["current_host"] == "algo-2"
    assert files["resourceconfig.json"]["hosts"][:3] == ["algo-1", "algo-10", "algo-11"]
    config = files["processingjobconfig.json"]
    assert config["AppSpecification"] == {
        "ImageUri": "mine:1",
        "ContainerEntrypoint": None,
        "ContainerArguments": None,
    }
    assert config["ProcessingInputs"][0]["S3Input"] == {
        "LocalPath": f"{PLACE}/a",
        "S3Uri": "s3://bucket/a",
        "S3DataDistributionType": "FullyReplicated",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    assert config["ProcessingOutputConfig"] == {"Outputs": [target()], "KmsKeyId": None}
    assert config["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert "Tags" not in config


@pytest.mark.parametrize(
    ("job", "where"),
    [
        (job_of(source(uri="file:///d")), "input 'a'"),
        (job_of(outputs=[target(uri="file:///d")]), "output 'o'"),
        (job_of(tags={"backend": "process"}), "Tags"),
    ],
)
def test_a_job_in_a_container_may_not_reach_beyond(job, where):
    with pytest.raises(ValidationException, match=where):
        check_confined(job)
    check_confined(job_of(source(), outputs=[target()]))


def test_its_states_are_told_in_its_own_words():
    life, _ = advance(begin(1.0, waiting=True), Event.ADMITTED, 2.0, messages=PROCESSING.messages)
    assert life.steps[-1].message == "Starting the processing job"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"", ("", True)),
        ("w\u00f6rtlich".encode(), ("w\u00f6rtlich", True)),
        (b"x" * 2000, ("x" * 1024, True)),
        (b"x" * 1023 + "\u00f6".encode(), ("x" * 1023, True)),  # cut within a character
        (b"x\xffy", ("x\ufffdy", False)),
        (b"x\xc3", ("x\ufffd", False)),
    ],
)
def test_as_much_of_a_message_is_kept_as_is_shown(said, kept):
    assert _text(said) == kept
