"""Bad input gets one clear message and exit code 2, and leaves nothing behind."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cli import sagelet, serving

REQUEST: dict[str, Any] = {
    "TrainingJobName": "job",
    "RoleArn": "arn:aws:iam::123456789012:role/any",
    "AlgorithmSpecification": {"TrainingImage": "pytorch-training", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text("print('ran')")
    return str(path)


@pytest.fixture(scope="module")
def _plane(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("refusing") / "home"
    environ = {**os.environ, "SAGELET_HOME": str(place), "SAGELET_CACHE": str(cache)}
    with serving(env=environ):
        yield place


@pytest.fixture
def served(home: Path, _plane: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One home with a control plane for all that is refused: none of it leaves anything there."""
    monkeypatch.setenv("SAGELET_HOME", str(_plane))
    return _plane


def refused(home: Path, *arguments: str, says: str) -> str:
    done = sagelet("train", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert says in done.stderr
    assert "ran" not in done.stdout
    assert json.loads(sagelet("jobs", "--json").stdout) == {"TrainingJobSummaries": []}
    assert [p.name for p in (home / "jobs").glob("*/*") if p.name != "job"] == []
    return done.stderr


HERE = ("--backend", "process", "--python", sys.executable)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--channel", "training=/no/such/folder"], "Channel 'training': /no/such/folder"),
        (["--framework", "pytorch", "--framework-version", "abc"], "--framework-version abc"),
        (["--channel", "training"], "--channel training: write --channel NAME=VALUE"),
        (["--channel", "training="], "the path is empty"),
        (["--name", ""], "the name is empty"),
        (["--hp", "sagemaker_program=x.py"], "is set by naming a SCRIPT"),
        (["--checkpoints", "/etc/hostname"], "is a file; give a folder"),
        (["--memory", "1m"], "no container starts with less than 6m"),
        (
            ["--channel", "training=s3://bucket/key"],
            'No S3 objects found under S3 URL "s3://bucket',
        ),
        (["--channel", "bad/name=/tmp"], "InputDataConfig[0].ChannelName"),
        (["--name", "no_underscores"], "TrainingJobName"),
        (["--name", "x" * 64], "TrainingJobName"),
        ([f"--hp=k{i}=1" for i in range(101)], "HyperParameters"),
        (["--hp", "k"], "--hp k: write --hp NAME=VALUE"),
        (["--hp", "k=" + "v" * 2501], "HyperParameters.k"),
        (["--hp", "k=1", "--hp", "k=2"], "--hp k is given twice"),
        (["--metric", "m=("], "does not compile"),
        (["--metric", "m=acc"], "needs a group"),
        (["--gpus", "99"], "99 GPU(s)"),
        (["--gpus", "some"], "'some' is not a number of GPUs"),
        (["--memory", "lots"], "'lots' is not a size"),
        (["--instance-type", "ml.huge.tiny"], "ResourceConfig.InstanceType"),
        (["--grace", "-1"], "'-1' is not a number above zero"),
        (["--max-run", "0"], "--max-run"),
        (["--source-dir", "/no/such"], "--source-dir /no/such is not a folder"),
        (["--model", "../../etc"], "'../../etc' is not a model name"),
    ],
)
def test_a_wrong_option_is_named(
    served: Path, script: str, arguments: list[str], says: str
) -> None:
    refused(served, script, *HERE, *arguments, says=says)


def test_a_missing_script_is_named_with_the_nearest_file(served: Path, script: str) -> None:
    refused(served, script.replace("train", "tran"), *HERE, says="Did you mean " + script)


def test_nothing_to_train_says_what_to_give(served: Path) -> None:
    refused(served, says="give a SCRIPT, an --image, or a --request")


def test_a_script_without_an_environment_says_what_to_give(served: Path, script: str) -> None:
    refused(served, script, says="Give --framework (pytorch, sklearn, tensorflow)")


def test_an_empty_channel_is_refused_as_sagemaker_does(
    served: Path, script: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    refused(served, script, *HERE, "--channel", f"training={tmp_path}/empty", says="is empty")


def test_a_duplicate_name_is_refused_and_the_first_job_kept(home: Path, script: str) -> None:
    assert sagelet("train", script, *HERE, "--name", "twice").returncode == 0
    done = sagelet("train", script, *HERE, "--name", "twice")
    assert done.returncode == 2
    assert "a training job with this name already exists" in done.stderr
    (only,) = json.loads(sagelet("jobs", "--json").stdout)["TrainingJobSummaries"]
    assert only["TrainingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"RoleArn": None}, "RoleArn: Member must not be null"),
        ({"RoleArn": "me"}, "RoleArn: Member must"),
        ({"Hyperparameters": {}}, "Did you mean HyperParameters?"),
        ({"HyperParameters": {"k": 1}}, "HyperParameters.k: Member must be of type string"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": "60"}}, "StoppingCondition.MaxRuntimeInSec"),
        ({"InputDataConfig": [{"ChannelName": "a"}]}, "InputDataConfig[0].DataSource"),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "a",
                        "DataSource": {"S3DataSource": {"S3DataType": "Prefix", "S3Uri": "/tmp"}},
                    }
                ]
            },
            "InputDataConfig[0].DataSource.S3DataSource.S3DataType",
        ),
        (
            {
                "InputDataConfig": [
                    {
                        "ChannelName": "a",
                        "InputMode": "FastFile",
                        "CompressionType": "Gzip",
                        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "/tmp"}},
                    }
                ]
            },
            "CompressionType Gzip belongs to Pipe mode",
        ),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "TrainingImage is required"),
        ({"Tags": [{"Key": "sagelet:colour", "Value": "red"}]}, "sagelet:colour"),
        ({"TrainingJobName": None}, "TrainingJobName"),
    ],
)
def test_a_wrong_member_of_a_request_is_named_by_its_path(
    served: Path, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    document = {k: v for k, v in {**REQUEST, **change}.items() if v is not None}
    (tmp_path / "job.json").write_text(json.dumps(document))
    refused(served, "--request", str(tmp_path / "job.json"), says=says)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"{not json", "is not JSON"), (b"[]", "is an object"), (b"\xff\xfe", "it is not UTF-8 text")],
)
def test_a_request_that_is_no_document_is_refused(
    served: Path, tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "job.json").write_bytes(content)
    refused(served, "--request", str(tmp_path / "job.json"), says=says)


def test_options_that_belong_in_the_document_are_refused(served: Path, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps(REQUEST))
    refused(served, "--request", str(tmp_path / "job.json"), "--hp", "a=1", says="in the document")


def test_docker_asked_for_and_not_there_says_how_to_go_on(
    home: Path, script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    refused(
        home,
        script,
        "--framework",
        "pytorch",
        "--backend",
        "docker",
        says="no Docker engine runs here",
    )
    refused(home, "--image", "mine:1", says="needs Docker")


@pytest.mark.docker
def test_an_image_that_is_nowhere_is_refused(served: Path) -> None:
    refused(served, "--image", "sagelet-test/no-such-image:1", says="cannot be pulled")


@pytest.mark.parametrize("command", [["describe", "no"], ["logs", "no"], ["stop", "no"]])
def test_an_unknown_job_is_an_error(home: Path, command: list[str]) -> None:
    done = sagelet(*command)
    assert done.returncode == 2
    assert "There is no training job named 'no'" in done.stderr


def test_a_finished_job_cannot_be_stopped(home: Path, script: str) -> None:
    sagelet("train", script, *HERE, "--name", "done")
    done = sagelet("stop", "done")
    assert done.returncode == 2
    assert "is in status Completed" in done.stderr


def test_a_home_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGELET_HOME", "/proc/sagelet")
    done = sagelet("jobs")
    assert done.returncode == 2
    assert "/proc/sagelet" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dry_run_prints_a_request_that_runs(home: Path, script: str, tmp_path: Path) -> None:
    done = sagelet("train", script, *HERE, "--hp", "a=1", "--dry-run")
    assert done.returncode == 0
    (tmp_path / "job.json").write_text(done.stdout)
    again = sagelet("train", "--request", str(tmp_path / "job.json"))
    assert again.returncode == 0, again.stderr
    assert "algo-1 | ran" in again.stdout


def test_a_script_is_found_in_its_source_folder_however_it_is_written(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "src" / "main.py").write_text("print('ran')")
    for where, script, source in (
        ("src", "./main.py", "."),
        (".", "./main.py", "src"),
        (".", "src/main.py", "src"),
        ("other", "../src/main.py", "../src"),
    ):
        done = sagelet("train", script, "--source-dir", source, *HERE, cwd=tmp_path / where)
        assert "algo-1 | ran" in done.stdout, done.stderr
    (tmp_path / "src" / "my main.py").write_text("print('ran')")
    refused_here = sagelet("train", str(tmp_path / "src" / "my main.py"), *HERE)
    assert refused_here.returncode == 2
    assert "characters that SageMaker's script mode refuses" in refused_here.stderr


def test_a_request_comes_from_standard_input_too(home: Path, script: str) -> None:
    request = sagelet("train", script, *HERE, "--dry-run").stdout
    done = sagelet("train", "--request", "-", input=request)
    assert "algo-1 | ran" in done.stdout, done.stderr


def test_an_unknown_model_is_an_error(home: Path) -> None:
    done = sagelet("models", "nope")
    assert done.returncode == 2
    assert "no model named 'nope'" in done.stderr


def test_doctor_speaks_even_where_nothing_works(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {f["check"]: f for f in json.loads(sagelet("doctor", "--json").stdout)}
    assert found["process backend"]["state"] == "ok"
    assert found["SAGELET_HOME"]["state"] in ("ok", "note")
    monkeypatch.setenv("SAGELET_HOME", "/proc/sagelet")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = {f["check"]: f for f in json.loads(sagelet("doctor", "--json").stdout)}
    assert found["SAGELET_HOME"]["state"] == "missing"
    assert found["SAGELET_HOME"]["fix"]
    assert "no Docker engine runs here" in found["Docker engine"]["detail"]
    assert found["Docker engine"]["fix"]
    done = sagelet("doctor")
    assert "fix: " in done.stdout


@pytest.mark.docker
def test_images_lists_what_there_is(home: Path) -> None:
    listed = json.loads(sagelet("images", "--json").stdout)
    assert {row["Image"].partition(":")[0] for row in listed} == {
        "sagelet/pytorch",
        "sagelet/sklearn",
        "sagelet/tensorflow",
    }
