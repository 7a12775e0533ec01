"""The stock SageMaker SDK 3: ModelTrainer, its own bash entry point and channels."""

from pathlib import Path

import pytest

from support.serve import EXAMPLES, Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("image", "script"),
    [
        (f"{REGISTRY}/pytorch-training:2.3-cpu-py311", "pytorch_mnist.py"),
        (f"{REGISTRY}/tensorflow-training:2.13-cpu-py310", "tensorflow_mnist.py"),
    ],
)
def test_digits_train(plane: Plane, digits: Path, image: str, script: str) -> None:
    program = EXAMPLES / "mnist" / script
    said = plane.ask("sagemaker3", "v3_train.py", image, program, digits, 2, timeout=900)
    assert said["status"] == "Completed"
    assert said["channels"] == ["code", "sm_drivers", "training"]
    assert said["metrics"]["test:accuracy"] > 0.9
    assert said["size"] > 100_000


def test_a_failure_carries_the_scripts_exit_code(plane: Plane, sdk_image: str) -> None:
    said = plane.ask("sagemaker3", "v3_failure.py", sdk_image, timeout=900)
    assert said["status"] == "Failed"
    assert "AlgorithmError" in said["why"]
    assert "FailedStatusError" in said["said"]
