"""SageMaker Experiments with its stock clients, in jobs and out of them, contained or not."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.serve import SCRIPTS, Plane

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

JOBS = SCRIPTS / "jobs"


def in_folder(plane: Plane, name: str) -> Path:
    place = plane.folder / name
    place.mkdir()
    return place


def test_a_notebook_with_smexperiments(plane: Plane) -> None:
    said = json.loads(
        plane.run(
            "sagemaker2",
            "experiments_notebook.py",
            JOBS / "tracked.py",
            cwd=in_folder(plane, "notebook"),
        ).splitlines()[-1]
    )
    assert said["channels"] == [10.0, 5.0, 2.0]
    assert said["seen"] == [20.0, 10.0, 4.0]
    assert said["optimizer"] == ['"sgd"'] * 3
    assert said["instance"] == ["ml.m5.large"] * 3
    assert said["best"] == pytest.approx(1 - 1 / 13, abs=1e-6)
    assert said["counts"] == [4] * 3
    assert said["losses"] == pytest.approx([0.25, 1.0, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, 0.25])
    assert said["trials"] == [True] * 3
    assert (said["rows"], said["shared"], said["components"]) == (4, 3, 2)
    assert said["series"] >= 1
    assert said["found"] == [5, 10]
    assert said["status"] == "Completed"
    assert said["message"].startswith("Status: Completed, secondary status: Completed")
    assert said["source"]
    assert said["detail"]
    assert said["inputs"] == ["SageMaker.ImageUri", "notes"]
    assert said["outputs"] == ["SageMaker.ModelArtifact"]
    assert [row[1:] for row in said["lineage"] if row[0] == "mine:1"] == [
        ["Input", "ContributedTo"]
    ]
    assert [row[1:] for row in said["lineage"] if "model.tar.gz" in row[0]] == [
        ["Output", "Produced"]
    ]
    assert said["made"] == [
        [kind, "Produced"]
        for kind in ("ConfusionMatrix", "PrecisionRecallCurve", "ROCCurve", "Table", "text/csv")
    ]
    assert said["drawn"]["ConfusionMatrix"]["confusionMatrix"] == [[2, 0], [1, 1]]
    assert said["drawn"]["ROCCurve"]["areaUnderCurve"] == 1.0
    assert said["drawn"]["PrecisionRecallCurve"]["averagePrecisionScore"] == 1.0
    for what, parts in (
        ("experiment", "trials"),
        ("trial", "trial components"),
        ("component", "trials"),
    ):
        code, text = said[what]
        assert code == "ValidationException"
        assert text.endswith(f"is linked to 1 or more {parts} and cannot be deleted.")
    assert said["again"][0] == "ValidationException"
    assert "already exists" in said["again"][1]
    assert said["gone"][0] == "ResourceNotFound"
    assert said["job"] == pytest.approx(1 - 1 / 13, abs=1e-6)


def test_runs_in_and_out_of_a_job(plane: Plane) -> None:
    place = in_folder(plane, "runs")
    runs(plane.ask("sagemaker2", "experiments_run.py", JOBS / "runs_on.py", cwd=place))


@pytest.mark.docker
def test_runs_in_and_out_of_a_container(plane: Plane, sdk_image: str) -> None:
    place = in_folder(plane, "contained")
    runs(plane.ask("sagemaker2", "experiments_run.py", JOBS / "runs_on.py", sdk_image, cwd=place))


def runs(said: dict[str, Any]) -> None:
    """What the program of the two tests says."""
    assert said["runs"] == ["quick", "slow"]
    assert said["lr"] == [0.25, 0.5]
    assert (said["inside"], said["seen"]) == (1.0, "twice")
    assert (said["last"], said["count"]) == (2.4, 12)
    assert said["steps"] == list(range(25))
    assert said["values"] == [step / 10 for step in range(25)]
    assert said["config"]["RunName"] == said["run"]
    assert said["drawn"] == ["ConfusionMatrix", "PrecisionRecallCurve", "ROCCurve"]
    assert said["group"] == 3  # two runs, and the job's own component
