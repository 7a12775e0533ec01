"""Experiments from the command line: train into one, list, compare, export."""

import csv
import io
import json
import sys
import time
from pathlib import Path

import pytest

from sagelet.domain.experiments import TrialComponent
from sagelet.store import open_store
from support.cli import Trainer, sagelet, serving

ACCOUNT = "123456789012"

SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--epochs", type=int)
given = parser.parse_args()
for epoch in range(given.epochs):
    print(f"loss={given.lr * 2 / (epoch + 1)} accuracy={1 - given.lr / (epoch + 1)}")
"""
METRICS = (
    *("--metric", "test:accuracy=accuracy=([0-9.]+)"),
    *("--metric", "train:loss=loss=([0-9.]+)"),
)


@pytest.fixture
def tracked(home: Path, tmp_path: Path) -> Path:
    """Two trials of an experiment, the first one with two components."""
    trainer = Trainer("process", str, tmp_path / "code")
    for trial, name, lr in (("slow", "a", 0.25), ("slow", "b", 0.5), ("fast", "c", 0.125)):
        belongs = ["--experiment", "mnist", "--trial", trial, "--display-name", f"Training-{name}"]
        numbers = ["--hp", f"lr={lr}", "--hp", "epochs=2"]
        done = trainer.run(SCRIPT, "--name", name, *belongs, *numbers, *METRICS)
        assert done.returncode == 0, done.stderr
    return home


def lines(*arguments: str) -> list[list[str]]:
    done = sagelet(*arguments)
    assert done.returncode == 0, done.stderr
    return [line.split("  ") for line in done.stdout.splitlines()]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def read(path: Path) -> list[dict[str, str]]:
    return rows(path.read_text())


def words(*arguments: str) -> list[str]:
    return [" ".join(" ".join(line).split()) for line in lines(*arguments)]


@pytest.mark.timeout(180)
def test_the_best_trial_is_found_without_leaving_the_terminal(
    tracked: Path, tmp_path: Path
) -> None:
    with serving():
        listed = words("experiments")
        assert listed[0] == "EXPERIMENT TRIALS COMPONENTS BEST OF TRIAL CREATED"
        assert listed[1].startswith("mnist 2 3 test:accuracy.last=0.9375 fast ")
        (row,) = json.loads(sagelet("experiments", "--metric", "train:loss", "--json").stdout)
        assert row["Best"] == {
            "Metric": "train:loss.last",
            "Value": 0.125,
            "TrialComponentName": "c-aws-training-job",
            "TrialNames": ["fast"],
        }

        assert len(listed) == 2
        trainer = Trainer("process", str, tmp_path / "lone")
        numbers = ("--hp", "lr=1", "--hp", "epochs=2")
        assert trainer.run(SCRIPT, "--name", "d", *numbers, *METRICS).returncode == 0
        assert words("experiments")[-1].startswith("1 component(s) in no trial")
        (_, lone) = words("experiments", "--unassigned", "--metric", "train:loss.max")
        assert lone.startswith("- d-aws-training-job Completed 2 ")

        one = [line.rsplit(" ", 2)[0] for line in words("experiments", "mnist")]
        assert one[1:] == [
            "fast Training-c Completed 0.9375",
            "slow Training-a Completed 0.875",
            "slow Training-b Completed 0.75",
        ]

        compared = words("compare", "slow", "fast")
        assert compared[:4] == [
            "TRIAL COMPONENT test:accuracy.last train:loss.last lr",
            "fast Training-c 0.9375 0.125 0.125",
            "slow Training-a 0.875 0.25 0.25",
            "slow Training-b 0.75 0.5 0.5",
        ]
        assert "epochs=2" in compared[5]

        worst = words("compare", "mnist", "--metric", "train:loss.max", "--highest")
        assert worst[1:4] == [
            "slow Training-b 1 0.5",
            "slow Training-a 0.5 0.25",
            "fast Training-c 0.25 0.125",
        ]

        document = json.loads(sagelet("compare", "a", "c", "--json").stdout)
        assert document["Differ"] == ["lr"]
        found = [one["TrialComponentName"] for one in document["TrialComponents"]]
        assert found == ["c-aws-training-job", "a-aws-training-job"]

        table = rows(sagelet("compare", "mnist", "--csv").stdout)
        assert [row["lr"] for row in table] == ["0.125", "0.25", "0.5"]
        assert table[0]["train:loss.last"] == "0.125"

        for wrong, message in (
            (["compare", "nothing"], "There is no trial, experiment, trial component or job"),
            (["compare", "mnist", "--metric", "f1"], "there are test:accuracy, train:loss"),
            (["experiments", "nothing"], "There is no experiment named 'nothing'."),
            (["compare", "mnist", "--lowest", "--highest"], "not both"),
            (["export", "mnist", "--format", "csv", "-o", "s3://b/k"], "a folder of this machine"),
        ):
            done = sagelet(*wrong)
            assert done.returncode == 2
            assert message in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.timeout(180)
def test_a_metric_that_only_old_components_have_finds_the_best(tracked: Path) -> None:
    store = open_store(tracked, "us-east-1")
    for name in (f"later-{number}" for number in range(25)):
        later = time.time() + 60
        store.trial_components.add(TrialComponent(name, ACCOUNT, "us-east-1", later, later, {}), {})
        store.trial_components.associate(name, "fast", ACCOUNT)
    store.database.close()
    with serving():
        for metric in ("train:loss", "train:loss.max"):
            (row,) = json.loads(sagelet("experiments", "--metric", metric, "--json").stdout)
            assert row["Best"]["TrialNames"] == ["fast"]
        (row,) = json.loads(sagelet("experiments", "--metric", "train:los", "--json").stdout)
        assert row["Best"] is None


@pytest.mark.timeout(180)
def test_csv_has_every_component_and_every_point(tracked: Path, tmp_path: Path) -> None:
    place = tmp_path / "exported"
    for _ in range(2):  # again: what was written is replaced
        done = sagelet("export", "mnist", "--format", "csv", "-o", str(place))
        assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["components.csv", "points.csv"]
    components = read(place / "components.csv")
    assert [row["component"] for row in components] == [
        f"{name}-aws-training-job" for name in "abc"
    ]
    assert components[0]["parameters.lr"] == "0.25"
    assert components[0]["metrics.train:loss.max"] == "0.5"
    points = read(place / "points.csv")
    found = [
        float(p["value"])
        for p in points
        if (p["component"], p["metric"]) == ("a-aws-training-job", "train:loss")
    ]
    assert found == [0.5, 0.25]
    assert len(points) == 3 * 2 * 2


@pytest.mark.parametrize("form", ["parquet", "mlflow", "tensorboard"])
def test_a_library_that_is_missing_is_named(form: str, home: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "for name in ('pyarrow', 'mlflow', 'tensorboard'):\n"
        "    sys.modules[name] = None\n"
        "import runpy\n"
        "sys.argv[0] = 'sagelet'\n"
        "runpy.run_module('sagelet', run_name='__main__')\n"
    )
    import subprocess

    place = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", program, "export", "x", "--format", form, "-o", str(place)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'sagelet[export]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not place.exists()


def test_what_a_job_belongs_to_is_in_its_request(home: Path, tmp_path: Path) -> None:
    trainer = Trainer("process", str, tmp_path / "code")
    done = trainer.run("", "--dry-run", "--experiment", "e", "--trial", "t", "--display-name", "d")
    assert json.loads(done.stdout)["ExperimentConfig"] == {
        "ExperimentName": "e",
        "TrialName": "t",
        "TrialComponentDisplayName": "d",
    }
    assert "ExperimentConfig" not in json.loads(trainer.run("", "--dry-run").stdout)
