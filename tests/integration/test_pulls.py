"""Images that are not on the engine yet: looked up when the job is made, pulled when it starts."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest

from support.cli import describe, sagelet, serving, wait_until
from support.image_registry import SlowRegistry, slow_registry

pytestmark = pytest.mark.docker


@pytest.fixture
def registry(home: Path) -> Iterator[SlowRegistry]:
    with slow_registry() as registry, serving():
        yield registry
    api = docker.APIClient(version="auto")
    with suppress(docker.errors.ImageNotFound):
        api.remove_image(registry.image, force=True)
    api.close()


def train(image: str, name: str) -> tuple[int, str]:
    done = sagelet(
        "train", "--image", image, "--name", name, "--backend", "docker", "--detach"
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_job_is_made_before_its_image_is_pulled(registry: SlowRegistry) -> None:
    assert train(registry.image, "pulled") == (0, "")
    (step,) = describe("pulled")["SecondaryStatusTransitions"]
    assert step["Status"] == "Starting"
    registry.may_send.set()
    wait_until(lambda: describe("pulled")["TrainingJobStatus"] == "Failed", "the job's end")
    steps = [step["Status"] for step in describe("pulled")["SecondaryStatusTransitions"]]
    assert "Training" in steps  # the image came; what is in it is no program


def test_a_job_that_pulls_can_be_stopped(registry: SlowRegistry) -> None:
    assert train(registry.image, "stopped") == (0, "")
    assert sagelet("stop", "stopped").returncode == 0
    assert describe("stopped")["TrainingJobStatus"] == "Stopped"


def test_an_image_its_registry_does_not_know_is_refused(registry: SlowRegistry) -> None:
    code, said = train(f"{registry.address}/other:1", "refused")
    assert code == 2
    assert "cannot be pulled: manifest unknown" in said
