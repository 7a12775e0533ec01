"""Digits in the formats that published scripts read."""

import gzip
from pathlib import Path

import numpy as np


def write_idx(digits: Path, folder: Path, most: int | None = None) -> None:
    """MNIST's own files: packed in ``folder``, unpacked below it where torchvision looks.

    ``digits`` has the .npy files of SageMaker's sample; of each, the first ``most`` are taken.
    """
    raw = folder / "MNIST/raw"
    raw.mkdir(parents=True)
    for ours, theirs in (("train", "train"), ("eval", "t10k")):
        images = np.load(digits / f"{ours}_data.npy")[:most]
        labels = np.load(digits / f"{ours}_labels.npy")[:most]
        for kind, sizes, content in (
            ("images-idx3", (len(labels), 28, 28), (images * 255).round()),
            ("labels-idx1", (len(labels),), labels),
        ):
            head = bytes([0, 0, 8, len(sizes)]) + np.array(sizes, ">i4").tobytes()
            data = head + content.astype(np.uint8).tobytes()
            with gzip.open(folder / f"{theirs}-{kind}-ubyte.gz", "wb") as file:
                file.write(data)
            (raw / f"{theirs}-{kind}-ubyte").write_bytes(data)
