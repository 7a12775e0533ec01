"""Stock boto3: one program each, as it would be written for AWS."""

from pathlib import Path

import pytest

from support.serve import EXAMPLES, SCRIPTS, Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
IMAGES = {
    "pytorch": f"{REGISTRY}/pytorch-training:2.3-cpu-py311",
    "tensorflow": f"{REGISTRY}/tensorflow-training:2.13-cpu-py310",
}


@pytest.mark.parametrize(
    ("framework", "member"),
    [("pytorch", "000000001/model.pt"), ("tensorflow", "000000001/saved_model.pb")],
)
def test_digits_train_from_s3_under_the_image_names_of_aws(
    plane: Plane, digits: Path, framework: str, member: str
) -> None:
    script = EXAMPLES / "mnist" / f"{framework}_mnist.py"
    said = plane.ask("boto3", "boto3_digits.py", IMAGES[framework], script, digits, 2)
    assert member in said["members"]
    assert said["metrics"]["test:accuracy"] > 0.9
    assert said["steps"][0] == "Starting"
    assert said["steps"][-3:] == ["Training", "Uploading", "Completed"]
    assert 0 < said["seconds"][1] <= said["seconds"][0]


def test_jobs_are_created_listed_stopped_and_refused(plane: Plane, image: str) -> None:
    assert plane.run("boto3", "boto3_jobs.py", image).endswith("done\n")


def test_no_log_line_is_lost_or_doubled(plane: Plane, image: str) -> None:
    plane.run("boto3", "boto3_logs.py", image, 20_000)


def test_objects(plane: Plane) -> None:
    assert plane.run("boto3", "boto3_objects.py").startswith("done")


def test_fifty_jobs_at_once(plane: Plane, image: str) -> None:
    said = plane.ask("boto3", "boto3_many.py", image, 50)
    assert 1 <= said["together"] < 50  # they queued


@pytest.mark.parametrize("script", ["calls_boto3.py", "calls_sdk.py"])
def test_a_job_calls_aws_from_inside(plane: Plane, sdk_image: str, script: str) -> None:
    said = plane.ask("boto3", "boto3_inside.py", sdk_image, SCRIPTS / "jobs" / script)
    assert said["status"] == "Completed", said
    assert said["said"]["read"] == "from outside"
    assert said["said"]["account"] == "123456789012"
    assert said["said"]["status"] == "InProgress"


def test_an_isolated_job_reaches_nothing(plane: Plane, image: str) -> None:
    job = SCRIPTS / "jobs" / "reaches_out.py"
    said = plane.ask("boto3", "boto3_inside.py", image, job, "isolated")
    assert "cut off, as it should be" in said["reason"]
