"""Stock clients that tune: both generations of the SageMaker SDK, and boto3."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.serve import EXAMPLES, Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Plane]:
    """A control plane that runs jobs without Docker."""
    running = Plane(tmp_path / "bare", environ={"SAGELET_BACKEND": "process"})
    yield running
    running.stop()


def test_the_tuner_of_sdk_2_without_docker(bare: Plane) -> None:
    image = "pytorch-training:2.3-cpu-py311"
    said = bare.ask("sagemaker2", "v2_tuner.py", image, timeout=900, cwd=bare.folder)
    assert said["best"].startswith(f"{said['name']}-0")


def test_the_tuner_of_sdk_2(plane: Plane, image: str) -> None:
    said = plane.ask("sagemaker2", "v2_tuner.py", image, timeout=900, cwd=plane.folder)
    assert said["best"].startswith(f"{said['name']}-0")
    assert {"lr", "hidden", "way", "FinalObjectiveValue"} <= set(said["columns"])


def test_the_tuner_of_sdk_3(plane: Plane, image: str) -> None:
    said = plane.ask("sagemaker3", "v3_tuner.py", image, timeout=900, cwd=plane.folder)
    assert said["status"] == "Completed"
    assert ":hyper-parameter-tuning-job/" in said["arn"]


def test_tuning_jobs_with_boto3(plane: Plane, image: str) -> None:
    assert plane.run("boto3", "boto3_tuning.py", image).endswith("done\n")


def test_preprocessing_feeds_three_tuned_jobs_on_digits(plane: Plane, digits: Path) -> None:
    script = EXAMPLES / "mnist" / "pytorch_mnist.py"
    said = plane.ask("sagemaker2", "v2_search_digits.py", script, digits, cwd=plane.folder)
    assert said["best"] == said["first"]
    assert said["statuses"] == ["Completed"] * 3
    assert said["values"][0] > max(0.5, said["values"][2])
