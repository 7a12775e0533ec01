"""The public sample data, made of the bundled digits when it is first asked for."""

import gzip
import io
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sagelet.app import digits
from sagelet.engine.samples import sample_provider
from sagelet.store import open_store
from sagelet.store.object_store import StoredObject


class Buckets:
    """Buckets in memory; asked for a missing one it asks the provider, like the real store."""

    def __init__(self):
        self.provider = None
        self.regions, self.objects = {}, {}
        self.fail_after = None

    def create_bucket(self, name, region):
        assert name not in self.regions
        self.regions[name] = region

    def find_bucket(self, name):
        return self.regions.get(name)

    def find(self, bucket, key):
        data = self.objects.get((bucket, key))
        return data if data is None else StoredObject(bucket, key, len(data), "", 0.0)

    def put(self, bucket, key, source):
        assert self.find_bucket(bucket)
        self.provider(bucket)  # the store looks for the bucket on its own behalf too
        if self.fail_after is not None and len(self.objects) >= self.fail_after:
            raise OSError("killed")
        self.objects[bucket, key] = source.read_bytes()

    def keys(self):
        return sorted(key for _, key in self.objects)


@pytest.fixture
def buckets(tmp_path):
    buckets = Buckets()
    buckets.provider = sample_provider(buckets, digits(), tmp_path / "scratch")
    return buckets


def array(buckets, bucket, name):
    return np.load(io.BytesIO(buckets.objects[bucket, f"tensorflow/mnist/{name}.npy"]))


def test_sagemakers_sample_channel(buckets, tmp_path):
    bucket = "sagemaker-sample-data-eu-central-1"
    assert buckets.provider(bucket)
    assert buckets.regions == {bucket: "eu-central-1"}
    assert buckets.keys() == [
        f"tensorflow/mnist/{name}.npy"
        for name in ("eval_data", "eval_labels", "train_data", "train_labels")
    ]
    for part, count in (("train", 10_000), ("eval", 2_000)):
        images, labels = (array(buckets, bucket, f"{part}_{what}") for what in ("data", "labels"))
        assert (images.shape, images.dtype) == ((count, 784), np.float32)
        assert (images.min(), images.max()) == (0.0, 1.0)
        assert (labels.shape, labels.dtype) == ((count,), np.int32)
        assert set(labels) == set(range(10))
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    ("bucket", "region"),
    [
        ("sagemaker-sample-files", "us-east-1"),
        ("sagemaker-example-files-prod-ap-southeast-2", "ap-southeast-2"),
    ],
)
def test_the_original_files(buckets, bucket, region):
    assert buckets.provider(bucket)
    assert buckets.regions == {bucket: region}
    for prefix, count in (("train", 10_000), ("t10k", 2_000)):
        folder = "datasets/image/MNIST"
        images = gzip.decompress(buckets.objects[bucket, f"{folder}/{prefix}-images-idx3-ubyte.gz"])
        labels = gzip.decompress(buckets.objects[bucket, f"{folder}/{prefix}-labels-idx1-ubyte.gz"])
        assert np.frombuffer(images, ">u4", 4).tolist() == [2051, count, 28, 28]
        assert len(images) == 16 + count * 784
        assert np.frombuffer(labels, ">u4", 2).tolist() == [2049, count]
        assert set(labels[8:]) == set(range(10))


@pytest.mark.parametrize(
    "bucket",
    ["mine", "sagemaker-sample-data-", "sagemaker-sample-data-x/y", "xsagemaker-sample-files"],
)
def test_other_buckets_are_not_made(buckets, bucket, tmp_path):
    assert not buckets.provider(bucket)
    assert not buckets.regions
    assert not (tmp_path / "scratch").exists()


def test_whoever_asks_while_it_is_made_waits_until_it_is_whole(buckets):
    bucket, gate = "sagemaker-sample-data-us-east-1", threading.Barrier(6)

    def ask(_):
        gate.wait()
        return buckets.provider(bucket), len(buckets.objects)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [(True, 4)] * 6


def test_what_was_half_made_is_finished(buckets, tmp_path):
    bucket = "sagemaker-sample-data-us-east-1"
    buckets.fail_after = 2
    with pytest.raises(OSError, match="killed"):
        buckets.provider(bucket)
    assert len(buckets.objects) == 2
    buckets.fail_after = None
    buckets.provider = sample_provider(buckets, digits(), tmp_path / "scratch")
    assert buckets.provider(bucket)
    assert len(buckets.objects) == 4


def test_the_store_of_objects_makes_it_when_it_is_read(tmp_path):
    store = open_store(tmp_path / "home")
    store.objects.provider = sample_provider(store.objects, digits(), tmp_path / "scratch")
    bucket, key = "sagemaker-sample-data-us-west-2", "tensorflow/mnist/eval_labels.npy"
    found = store.objects.get(bucket, key)
    assert found.size == 2_000 * 4 + 128
    store.objects.fetch(found, tmp_path / "labels.npy")
    assert np.load(tmp_path / "labels.npy").dtype == np.int32
    assert [b.region for b in store.objects.buckets()] == ["us-west-2"]
    store.database.close()


def test_what_the_user_does_with_it_stays(buckets):
    bucket = "sagemaker-sample-data-us-east-1"
    buckets.provider(bucket)
    key = (bucket, "tensorflow/mnist/eval_data.npy")
    del buckets.objects[key]
    assert buckets.provider(bucket)
    assert key not in buckets.objects


def test_the_digits_are_found_beside_an_installed_package(tmp_path, monkeypatch):
    import sagelet.app

    package = tmp_path / "site-packages" / "sagelet"
    (package / "_samples").mkdir(parents=True)
    shutil.copy(digits(), package / "_samples" / "mnist.npz")
    monkeypatch.setattr(sagelet.app, "__file__", str(package / "app.py"))
    assert digits() == package / "_samples" / "mnist.npz"
