"""The public sample data that tutorials read, made from the digits that come with sagelet.

``s3://sagemaker-sample-data-<region>/tensorflow/mnist`` has SageMaker's own four arrays;
``s3://sagemaker-sample-files/datasets/image/MNIST``, also in the buckets
``sagemaker-example-files-prod-<region>``, the four files of the original set. They hold 10,000 and
2,000 images here, of 60,000 and 10,000.

A bucket is made when it is first asked for; what is done with it afterwards is the user's business.
"""

import re
import shutil
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sagelet.store.archive import compress
from sagelet.store.object_store import StoredObject

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ARRAYS = re.compile(r"sagemaker-sample-data-([a-z]{2}(?:-[a-z]+)+-\d)")
_ORIGINALS = re.compile(
    r"sagemaker-sample-files|sagemaker-example-files-prod-([a-z]{2}(?:-[a-z]+)+-\d)"
)
_HOME_REGION = "us-east-1"


class Buckets(Protocol):
    """What is needed of ``store.objects.Objects``."""

    def create_bucket(self, name: str, region: str) -> Any:
        """Make a bucket."""

    def find_bucket(self, name: str) -> Any:
        """The bucket, or None; never asks the provider."""

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The object, or None."""

    def put(self, bucket: str, key: str, source: Path) -> None:
        """Store a file that does not change any more."""


def sample_provider(objects: Buckets, archive: Path, scratch: Path) -> Callable[[str], bool]:
    """What ``Objects.provider`` calls with a bucket's name: whether the bucket is there now.

    The provider may be asked from any thread, and about buckets that are there: who asks while
    another thread makes the bucket waits until it is whole. It costs nothing to ask about other
    names. ``archive`` holds the digits; ``scratch`` is a folder on the objects' file system. A
    bucket that was half made when the process died is finished.
    """
    lock = threading.RLock()
    making: set[str] = set()

    def provide(bucket: str) -> bool:
        found = _ARRAYS.fullmatch(bucket) or _ORIGINALS.fullmatch(bucket)
        if found is None:
            return False
        with lock:
            if bucket in making:  # storing its objects, this thread looks for the bucket
                return False
            work = scratch / bucket
            if objects.find_bucket(bucket) is not None and not work.exists():
                return True
            making.add(bucket)
            try:
                _make(objects, bucket, found[1] or _HOME_REGION, archive, work)
            finally:
                making.discard(bucket)
            return True

    return provide


def _make(objects: Buckets, bucket: str, region: str, archive: Path, work: Path) -> None:
    """``work`` is there from the beginning to the end: while it is, the bucket is not whole."""
    work.mkdir(parents=True, exist_ok=True)
    import numpy as np

    with np.load(archive) as loaded:
        digits = {name: loaded[name] for name in loaded.files}
    write = _arrays if _ARRAYS.fullmatch(bucket) else _originals
    made = list(write(digits, work))
    if objects.find_bucket(bucket) is None:
        objects.create_bucket(bucket, region)
    for key, path in made:
        if objects.find(bucket, key) is None:
            objects.put(bucket, key, path)
    shutil.rmtree(work)


def _arrays(digits: "dict[str, NDArray[Any]]", folder: Path) -> Iterator[tuple[str, Path]]:
    """``train_data.npy`` and so on: float32 images from 0 to 1 in rows, int32 labels."""
    import numpy as np

    for name, array in digits.items():
        if name.endswith("_data"):
            converted = array.reshape(len(array), -1).astype(np.float32)
            converted /= 255
        else:
            converted = array.astype(np.int32)
        path = folder / f"{name}.npy"
        with path.open("wb") as file:
            np.save(file, converted)
        yield f"tensorflow/mnist/{name}.npy", path


def _originals(digits: "dict[str, NDArray[Any]]", folder: Path) -> Iterator[tuple[str, Path]]:
    """``train-images-idx3-ubyte.gz`` and so on: big-endian sizes, then the bytes."""
    for part, prefix in (("train", "train"), ("eval", "t10k")):
        images, labels = digits[f"{part}_data"], digits[f"{part}_labels"]
        count = len(images)
        for name, head, array in (
            ("images-idx3-ubyte", struct.pack(">IIII", 2051, count, 28, 28), images),
            ("labels-idx1-ubyte", struct.pack(">II", 2049, count), labels),
        ):
            path = folder / f"{prefix}-{name}.gz"
            path.write_bytes(compress(head + array.tobytes()))
            yield f"datasets/image/MNIST/{path.name}", path
