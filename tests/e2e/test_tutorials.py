"""The published MNIST tutorials in their shape: the sample bucket, script mode, old versions."""

import re
from pathlib import Path

import numpy as np
import pytest

from support.digits import write_idx
from support.serve import SCRIPTS, Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_tensorflow_script_mode_reads_the_sample_bucket(plane: Plane) -> None:
    script = SCRIPTS / "jobs/dense_digits.py"
    said = plane.run("sagemaker2", "tutorial_tensorflow.py", script, timeout=900)
    accuracies = [float(found) for found in re.findall(r"evaluated: accuracy ([0-9.]+)", said)]
    assert len(accuracies) == 2  # one a host
    assert min(accuracies) > 0.85
    assert said.splitlines()[-1].endswith("/output/model.tar.gz")
    labels = np.load(plane.folder / "eval_labels.npy")
    assert set(labels.tolist()) == set(range(10))


@pytest.mark.parametrize("script", ["idx_digits.py", "vision_digits.py"])
def test_pytorch_with_the_original_files(
    plane: Plane, digits: Path, tmp_path: Path, script: str
) -> None:
    files = tmp_path / "files"
    write_idx(digits, files)
    said = plane.run(
        "sagemaker2",
        "tutorial_pytorch.py",
        SCRIPTS / "jobs",
        script,
        files,
        timeout=900,
    )
    right, total = re.search(r"accuracy ([0-9]+)/([0-9]+)", said).groups()
    assert int(right) / int(total) > 0.75
