"""Fixtures of the proofs with stock clients: a running control plane, digits, images."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.serve import EXAMPLES, Plane


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane for the tests of one file."""
    running = Plane(tmp_path_factory.mktemp("plane"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST as the four .npy files of SageMaker's sample."""
    folder = tmp_path_factory.mktemp("digits") / "mnist"
    subprocess.run(
        [sys.executable, str(EXAMPLES / "mnist/data.py"), str(folder)],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="session")
def sdk_image(image: str) -> str:
    """The small training image with boto3 and the SDK inside, for jobs that call AWS."""
    from support.client_image import build_client_image

    return build_client_image(image)
