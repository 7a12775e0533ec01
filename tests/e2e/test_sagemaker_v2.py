"""The stock SageMaker SDK 2: its programs run together, for each of them mostly waits."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from support.recordio import records
from support.serve import EXAMPLES, Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1500)]

Result = Callable[[], str]


@pytest.fixture(scope="module")
def runs(plane: Plane, digits: Path, image: str) -> Iterator[dict[str, Result]]:
    """All programs, started at once; the control plane queues what they ask for."""
    mnist = EXAMPLES / "mnist"
    programs: dict[str, tuple[object, ...]] = {
        "options": ("v2_options.py", image),
        "failure": ("v2_failure.py", image),
        "inputs": ("v2_inputs.py", image),
        "source_dir": ("v2_source_dir.py",),
        "pytorch": ("v2_digits.py", "pytorch", mnist / "pytorch_mnist.py", digits, 2),
        "tensorflow": ("v2_digits.py", "tensorflow", mnist / "tensorflow_mnist.py", digits, 2),
    }
    with ThreadPoolExecutor(len(programs)) as pool:
        started: dict[str, Future[str]] = {}
        for name, arguments in programs.items():
            place = plane.folder / name
            place.mkdir()
            started[name] = pool.submit(
                plane.run, "sagemaker2", *map(str, arguments), timeout=1200, cwd=place
            )
        yield {name: future.result for name, future in started.items()}


def plain(output: str) -> list[str]:
    """Lines without the colours that the SDK gives to hosts."""
    return re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines()


@pytest.mark.parametrize(
    ("framework", "member"),
    [("pytorch", "000000001/model.pt"), ("tensorflow", "000000001/saved_model.pb")],
)
def test_digits_train_with_a_framework_estimator(
    runs: dict[str, Result], framework: str, member: str
) -> None:
    lines = plain(runs[framework]())
    said = json.loads(lines[-1])
    assert said["account"] == "123456789012"
    assert said["role"].startswith("arn:aws:iam::123456789012:role/")
    assert f"/{framework}-training:2." in said["image"]
    assert member in said["members"]
    assert said["accuracy"] > 0.9
    assert len([line for line in lines if line.startswith("epoch=1 ")]) == 1
    assert [line for line in lines if line.startswith("Training seconds: ")]
    assert [line for line in lines if line.endswith(" Completed - Training job completed")]


def test_every_option_and_every_line_once(runs: dict[str, Result]) -> None:
    lines = plain(runs["options"]())
    numbers = [int(line[5:]) for line in lines if re.fullmatch("line [0-9]+", line)]
    assert numbers == list(range(400))
    assert [line for line in lines if line.startswith("Managed Spot Training savings: ")]


def test_every_input_of_a_training_input(runs: dict[str, Result]) -> None:
    lines = [line.partition("found {") for line in plain(runs["inputs"]())]
    said = [json.loads("{" + rest) for _, mark, rest in lines if mark]
    hosts = {found.pop("host"): found for found in said}
    assert sorted(hosts) == ["algo-1", "algo-2", "algo-3"]
    assert [hosts[name]["files"] for name in sorted(hosts)] == [["0", "3"], ["1", "4"], ["2", "5"]]
    assert hosts["algo-3"]["channels"] == ["files", "lines", "small"]
    assert hosts["algo-3"]["small"] == ["0", "1", "2", "3", "4", "5"]
    for found in hosts.values():
        assert records(bytes.fromhex(found["lines"])) == [b"is 4", b"4;", b"is 1", b"1;"]
    hands = [hosts[name]["epochs"] for name in ("algo-1", "algo-2")]
    for one, other in zip(*hands, strict=True):
        assert sorted((one + other).split(";")[:-1]) == ["0", "1", "2", "3", "4", "5"]
    assert hands[0][0] != hands[0][1]


def test_a_source_dir_with_requirements(runs: dict[str, Result]) -> None:
    assert "plural octopi 42 2.0" in plain(runs["source_dir"]())


def test_a_failure_and_a_stop(runs: dict[str, Result]) -> None:
    said = json.loads(plain(runs["failure"]())[-1])
    assert "Failed. Reason: AlgorithmError: " in said["said"]
    assert "the seventh layer is missing" in said["said"]
    assert said["stopped"] == "Stopped"
