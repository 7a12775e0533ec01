"""Stock clients that tune: both generations of the SageMaker SDK, and boto3."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.digits import write_idx
from support.serve import EXAMPLES, SCRIPTS, Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]

Result = Callable[[], str]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane that runs jobs without Docker."""
    running = Plane(tmp_path_factory.mktemp("bare"), environ={"SAGELET_BACKEND": "process"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def runs(plane: Plane, bare: Plane, digits: Path, image: str) -> Iterator[dict[str, Result]]:
    """All programs, started at once: each of them mostly waits."""
    mnist = EXAMPLES / "mnist" / "pytorch_mnist.py"
    fewer = plane.folder / "fewer"
    write_idx(digits, fewer, most=1500)
    programs: dict[str, tuple[Plane, str, tuple[object, ...]]] = {
        "sdk 2": (plane, "sagemaker2", ("v2_tuner.py", image)),
        "bare": (bare, "sagemaker2", ("v2_tuner.py", "pytorch-training:2.3-cpu-py311")),
        "digits": (plane, "sagemaker2", ("v2_search_digits.py", mnist, digits)),
        "tutorial": (
            plane,
            "sagemaker2",
            ("tutorial_tuning.py", SCRIPTS / "jobs/average_loss.py", fewer),
        ),
        "sdk 3": (plane, "sagemaker3", ("v3_tuner.py", image)),
        "boto3": (plane, "boto3", ("boto3_tuning.py", image)),
    }
    with ThreadPoolExecutor(len(programs)) as pool:
        started = {}
        for name, (where, client, arguments) in programs.items():
            place = where.folder / name.replace(" ", "")
            place.mkdir()
            started[name] = pool.submit(where.run, client, *arguments, timeout=1200, cwd=place)
        yield {name: future.result for name, future in started.items()}


@pytest.mark.parametrize("run", ["sdk 2", "bare"])
def test_the_tuner_of_sdk_2(runs: dict[str, Result], run: str) -> None:
    said = json.loads(runs[run]().splitlines()[-1])
    assert said["best"].startswith(f"{said['name']}-0")
    assert {"lr", "hidden", "way", "FinalObjectiveValue"} <= set(said["columns"])


def test_the_published_tuning_tutorial(runs: dict[str, Result]) -> None:
    said = json.loads(runs["tutorial"]().splitlines()[-1])
    assert said["statuses"] == ["Completed"] * 9
    assert said["best"] == said["first"]
    assert said["values"] == sorted(said["values"])
    assert said["values"][0] < 1.5  # a guess among ten digits has 2.3
    assert set(said["sizes"]) <= {32.0, 64.0, 128.0, 256.0, 512.0}
    assert said["final"] == {
        "average test loss": said["values"][0],
        "ObjectiveMetric": said["values"][0],
    }
    assert said["model"].endswith(f"{said['best']}/output/model.tar.gz")


def test_the_tuner_of_sdk_3(runs: dict[str, Result]) -> None:
    said = json.loads(runs["sdk 3"]().splitlines()[-1])
    assert said["status"] == "Completed"
    assert said["stopped"] == "Stopped"
    assert said["overall"] >= said["value"] - 1e-6
    assert ":hyper-parameter-tuning-job/" in said["arn"]


def test_tuning_jobs_with_boto3(runs: dict[str, Result]) -> None:
    assert runs["boto3"]().endswith("done\n")


def test_preprocessing_feeds_three_tuned_jobs_on_digits(runs: dict[str, Result]) -> None:
    said = json.loads(runs["digits"]().splitlines()[-1])
    assert said["best"] == said["first"]
    assert said["statuses"] == ["Completed"] * 3
    assert said["values"][0] > max(0.5, said["values"][2])
