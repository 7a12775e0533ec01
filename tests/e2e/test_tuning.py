"""Stock clients that tune: both generations of the SageMaker SDK, and boto3."""

import pytest

from support.serve import Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]


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
