"""What several modules here begin with: a store and its objects, S3 with boto3, a toolkit's job."""

import hashlib
from pathlib import Path

import pytest

from sagelet.store import Store, open_store
from support.buckets import fill
from support.s3 import running
from support.s3_client import connecting
from support.toolkit import Job


@pytest.fixture
def store(home: Path):
    """The store of this test's home."""
    opened = open_store(home)
    yield opened
    opened.database.close()


@pytest.fixture
def put(store: Store, tmp_path: Path):
    """``put({key: bytes})``: objects of the bucket ``data``, which is there from the start."""

    def put(objects: dict[str, bytes], bucket: str = "data") -> None:
        fill(store, bucket, objects, tmp_path)

    put({})
    return put


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The S3 service, one for a module."""
    with running(tmp_path_factory.mktemp("s3") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def connect(server):
    """``connect(region, **config)``: a boto3 client of ``server``."""
    with connecting(server.url) as connect:
        yield connect


@pytest.fixture(scope="module")
def s3(connect):
    return connect()


@pytest.fixture
def bucket(s3, request):
    """An empty bucket of this test's own."""
    name = f"b-{hashlib.md5(request.node.name.encode()).hexdigest()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def job(tmp_path):
    """A tree for the toolkit, with a configuration and no code."""
    return Job(tmp_path / "ml")
