"""The published MNIST tutorials in their shape: the sample bucket, script mode, old versions."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

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


def test_pytorch_with_the_original_files(plane: Plane, digits: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for ours, theirs in (("train", "train"), ("eval", "t10k")):
        images = np.load(digits / f"{ours}_data.npy")
        labels = np.load(digits / f"{ours}_labels.npy")
        for kind, header, content in (
            ("images-idx3", 16, (images * 255).round().astype(np.uint8)),
            ("labels-idx1", 8, labels.astype(np.uint8)),
        ):
            with gzip.open(files / f"{theirs}-{kind}-ubyte.gz", "wb") as file:
                file.write(bytes(header) + content.tobytes())
    said = plane.run(
        "sagemaker2",
        "tutorial_pytorch.py",
        SCRIPTS / "jobs",
        "idx_digits.py",
        files,
        timeout=900,
    )
    right, total = re.search(r"accuracy ([0-9]+)/([0-9]+)", said).groups()
    assert int(right) / int(total) > 0.75
