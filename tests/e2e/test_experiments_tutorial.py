"""The tutorial of experiments: its script as it is, then the terminal."""

import os
import re
import shutil
from pathlib import Path

import pytest

from support.cli import sagelet
from support.clients import client_python
from support.serve import EXAMPLES, Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_three_trials_and_their_best_model(plane: Plane, digits: Path, tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    shutil.copytree(EXAMPLES, examples)
    shutil.copytree(digits, examples / "mnist/data", dirs_exist_ok=True)
    said = plane.command(
        [str(client_python("sagemaker2")), str(examples / "sagemaker/experiments.py")], timeout=900
    )
    experiment = re.search(r"^experiment (\S+)$", said, re.MULTILINE)[1]
    accuracies = [
        float(a) for a in re.findall(r"^\d +[0-9.]+ +([0-9.]+) +[0-9.]+$", said, re.MULTILINE)
    ]
    assert len(accuracies) == 3
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > 0.7
    assert re.search(r"mnist +Input +DataSet +ContributedTo", said)
    assert re.search(r"model.tar.gz +Output +Model +Produced", said)
    best = re.search(r"the best model is .*/cnn-(\d+)-", said)[1]

    environ = {**os.environ, "SAGELET_HOME": str(plane.home)}
    compared = sagelet("compare", experiment, "--metric", "test:accuracy.max", env=environ)
    header, *rows = [line.split() for line in compared.stdout.splitlines()[:4]]
    assert header == ["TRIAL", "COMPONENT", "test:accuracy.max", "hidden_channels"]
    assert rows[0][0].startswith(f"cnn-{best}-hidden-channels-")
    assert [float(row[2]) for row in rows] == accuracies
    listed = sagelet("experiments", experiment, env=environ).stdout
    assert "Preprocessing" in listed
