"""`sagelet compose` as a command: what it prints, writes and refuses; no engine is needed."""

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from support.cli import planes_of, sagelet

IMAGE = "somebody/own:1"


@pytest.fixture
def place(home: Path, tmp_path: Path) -> Path:
    place = tmp_path / "place"
    (place / "data").mkdir(parents=True)
    (place / "data/a").write_text("a")
    (place / "my_script.py").write_text("")
    return place


def request_in(place: Path, **members: object) -> Path:
    document = {
        "TrainingJobName": "job-1",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
        "OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/out"},
        "ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **members,
    }
    path = place / "job.json"
    path.write_text(json.dumps(document))
    return path


def test_a_request_is_printed_and_nothing_else_happens(place: Path, home: Path) -> None:
    document = request_in(place)
    texts = [
        sagelet("compose", *arguments, cwd=place)
        for arguments in (["job.json"], ["--request", str(document)])
    ]
    texts.append(sagelet("compose", "-", cwd=place, input=document.read_text()))
    assert {done.returncode for done in texts} == {0}, texts[0].stderr
    assert {done.stderr for done in texts} == {""}
    assert len({done.stdout for done in texts}) == 1
    parsed = yaml.safe_load(texts[0].stdout)
    assert [name for name in parsed["services"] if name.startswith("algo-")] == [
        "algo-1",
        "algo-2",
    ]
    assert parsed["x-host"]["environment"]["TRAINING_JOB_NAME"] == "job-1"
    assert sorted(p.name for p in place.iterdir()) == ["data", "job.json", "my_script.py"]
    assert planes_of(home) == []
    assert sagelet("jobs").stdout.startswith("No jobs yet")


def test_the_same_options_make_the_same_project(place: Path) -> None:
    arguments = ["compose", "my_script.py", "--image", IMAGE, "--channel", "training=data"]
    first, second = (sagelet(*arguments, cwd=place) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    parsed = yaml.safe_load(first.stdout)
    assert parsed["services"]["algo-1"]["environment"]["TRAINING_JOB_NAME"] == "my-script"
    # The script is mounted where it is: what is edited runs at the next start.
    mounts = parsed["services"]["algo-1"]["volumes"]
    assert {
        "type": "bind",
        "source": str(place / "my_script.py"),
        "target": "/opt/ml/code/my_script.py",
        "read_only": True,
    } in mounts


def test_a_folder_gets_the_document_and_what_it_needs(place: Path) -> None:
    with tarfile.open(place / "code.tar.gz", "w:gz") as tar:
        tar.add(place / "my_script.py", "my_script.py")
    (place / "data/out").symlink_to(place / "my_script.py")
    parameters = {
        "sagemaker_program": "my_script.py",
        "sagemaker_submit_directory": f"file://{place}/code.tar.gz",
    }
    source = {"S3DataType": "S3Prefix", "S3Uri": str(place / "data")}
    request_in(
        place,
        HyperParameters=parameters,
        InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": source}}],
    )
    refused = sagelet("compose", "job.json", cwd=place)
    assert refused.returncode == 2
    assert "the code is the archive" in refused.stderr
    assert "links that lead out" in refused.stderr

    for _ in range(2):
        done = sagelet("compose", "job.json", "-o", "project", cwd=place)
        assert done.returncode == 0, done.stderr
        assert str(place / "project/compose.yaml") in done.stderr
        assert (place / "project/job/code/my_script.py").exists()
        assert (place / "project/job/links/training/out").is_file()
    parsed = yaml.safe_load((place / "project/compose.yaml").read_text())
    lower = parsed["volumes"]["algo-2-training"]["driver_opts"]["o"].partition(",")[0]
    assert lower == f"lowerdir={place}/project/job/links/training:{place}/data"


def test_a_document_of_somebody_else_is_not_written_over(place: Path) -> None:
    (place / "compose.yaml").write_text("services: {}\n")
    request_in(place)
    done = sagelet("compose", "job.json", "-o", ".", cwd=place)
    assert done.returncode == 2
    assert "was not made by sagelet compose" in done.stderr
    assert (place / "compose.yaml").read_text() == "services: {}\n"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"TrainingJobName": "a_b"}, "TrainingJobName"),
        ({"Nonsense": 1}, "Nonsense"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/c"}}, "CheckpointConfig.S3Uri"),
        ({"Tags": [{"Key": "sagelet:gpus", "Value": "99"}]}, "asks for 198 GPU"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    place: Path, members: dict[str, object], words: str
) -> None:
    request_in(place, **members)
    done = sagelet("compose", "job.json", "-o", "project", cwd=place)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
    assert not (place / "project").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Nothing to train"),
        (["my_script.py"], "Which environment does the script need?"),
        (["missing.json"], "missing.json"),
        (["job.json", "--request", "job.json"], "two requests"),
        (["job.json", "--hosts", "2"], "say hosts in the document instead"),
        (["my_script.py", "--image", IMAGE, "-o", ""], "the folder's name is empty"),
    ],
)
def test_wrong_arguments_are_told(place: Path, arguments: list[str], words: str) -> None:
    request_in(place)
    done = sagelet("compose", *arguments, cwd=place)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
