"""Objects in an S3 elsewhere, through the real client and real servers."""

import http.server
import threading
from pathlib import Path

import boto3
import pytest

from sagelet.domain.errors import Refusal, Unavailable
from sagelet.store.cache import Cache
from sagelet.store.object_store import StoredObject
from sagelet.store.remote import RemoteObjects
from support.serve import Plane
from support.servers import MOTO, free_port, moto

KEYS = ["a", "d/x", "d/é&?#/y", "d/ü b+c%20", "dz"]


@pytest.fixture(scope="module", params=["own", "moto"])
def endpoint(request, tmp_path_factory):
    """Two that share no code: our own gateway, and moto."""
    if request.param == "own":
        plane = Plane(tmp_path_factory.mktemp("own"))
        yield plane.url
        plane.stop()
    elif MOTO.exists():
        with moto() as address:
            yield address
    else:
        pytest.skip(f"needs {MOTO}")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # not the one that is asked
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)


@pytest.fixture
def objects(endpoint, tmp_path):
    with_pieces = RemoteObjects(endpoint, "us-east-1", Cache(tmp_path / "cache"), piece=1 << 20)
    yield with_pieces
    with_pieces.close()


@pytest.fixture
def bucket(endpoint, request):
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    name = f"b-{abs(hash(request.node.nodeid))}"
    client.create_bucket(Bucket=name)
    client.close()
    return name


def put(objects, bucket, key, data, tmp_path):
    path = tmp_path / "source"
    path.write_bytes(data)
    objects.put(bucket, key, path)


def test_objects_there_and_back(objects, bucket, tmp_path):
    for key in reversed(KEYS):
        put(objects, bucket, key, key.encode(), tmp_path)
    assert [found.key for found in objects.list(bucket)] == KEYS
    assert [found.key for found in objects.list(bucket, "d/")] == KEYS[1:4]
    for number, found in enumerate(objects.list(bucket)):
        assert found == objects.find(bucket, found.key)
        objects.fetch(found, tmp_path / str(number))
        assert (tmp_path / str(number)).read_bytes() == found.key.encode()
    objects.delete(bucket, "a")
    objects.delete(bucket, "a")
    assert objects.find(bucket, "a") is None
    assert objects.find("no-such-bucket-here", "a") is None


def test_more_objects_than_a_page(objects, bucket, endpoint):
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    for number in range(1005):
        client.put_object(Bucket=bucket, Key=f"p/{number:04}", Body=b"")
    client.close()
    assert [found.key for found in objects.list(bucket, "p/")] == [
        f"p/{number:04}" for number in range(1005)
    ]


def test_large_objects_come_in_pieces_and_go_in_parts(objects, bucket, tmp_path):
    data = bytes(range(256)) * (11 * 4096) + b"end"  # 11 MiB: an upload in parts
    put(objects, bucket, "big", data, tmp_path)
    found = objects.find(bucket, "big")
    assert found.etag.endswith("-2")
    objects.fetch(found, tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == data


def test_what_was_fetched_is_not_fetched_again(objects, bucket, tmp_path):
    put(objects, bucket, "a", b"one", tmp_path)
    first = objects.find(bucket, "a")
    objects.fetch(first, tmp_path / "1")
    objects.fetch(first, tmp_path / "2")
    assert (tmp_path / "1").stat().st_ino == (tmp_path / "2").stat().st_ino

    put(objects, bucket, "a", b"two", tmp_path)
    objects.fetch(objects.find(bucket, "a"), tmp_path / "3")
    assert (tmp_path / "1").read_bytes() == b"one"
    assert (tmp_path / "3").read_bytes() == b"two"


def test_an_object_that_was_replaced_or_deleted_is_not_given(objects, bucket, tmp_path):
    put(objects, bucket, "a", b"one", tmp_path)
    found = objects.find(bucket, "a")
    put(objects, bucket, "a", b"two", tmp_path)
    with pytest.raises(Refusal) as caught:
        objects.fetch(found, tmp_path / "a")
    assert caught.value.code == "NoSuchKey"
    objects.delete(bucket, "a")
    with pytest.raises(Refusal) as caught:
        objects.fetch(found, tmp_path / "a")
    assert caught.value.code == "NoSuchKey"
    assert not (tmp_path / "a").exists()


def test_errors_name_the_endpoint_and_the_place(objects, endpoint, tmp_path):
    with pytest.raises(Refusal) as caught:
        next(objects.list("no-such-bucket-here"))
    assert caught.value.code == "NoSuchBucket"
    assert endpoint in str(caught.value)
    assert "s3://no-such-bucket-here/" in str(caught.value)
    with pytest.raises(Refusal) as caught:
        put(objects, "no-such-bucket-here", "k", b"x", tmp_path)
    assert caught.value.code == "NoSuchBucket"


def test_a_silent_endpoint_is_named(tmp_path):
    address = f"http://127.0.0.1:{free_port()}"
    objects = RemoteObjects(address, "us-east-1", Cache(tmp_path / "cache"), attempts=1)
    for call in (
        lambda: next(objects.list("b")),
        lambda: objects.find("b", "k"),
        lambda: put(objects, "b", "k", b"x", tmp_path),
        lambda: objects.delete("b", "k"),
    ):
        with pytest.raises(Unavailable, match=f"the S3 at {address}, s3://b/"):
            call()
    objects.close()


def test_missing_credentials_are_named(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    objects = RemoteObjects("aws", "eu-west-1", Cache(tmp_path / "cache"), attempts=1)
    with pytest.raises(Unavailable, match=r"AWS S3 \(eu-west-1\), s3://b/k: Unable to locate cred"):
        objects.find("b", "k")
    objects.close()


class _Halves(http.server.BaseHTTPRequestHandler):
    """Breaks the connection in the middle of its first answers."""

    breaks = 2

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        if type(self).breaks:
            type(self).breaks -= 1
            self.wfile.write(b"x" * 50_000)
        else:
            self.wfile.write(b"y" * 100_000)
        self.close_connection = True

    def log_message(self, *_):
        pass


def test_a_broken_connection_is_tried_again(tmp_path: Path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Halves) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        objects = RemoteObjects(
            f"http://127.0.0.1:{server.server_port}", "us-east-1", Cache(tmp_path / "cache")
        )
        objects.fetch(StoredObject("b", "k", 100_000, "e", 0.0), tmp_path / "k")
        objects.close()
        server.shutdown()
        thread.join()
    assert (tmp_path / "k").read_bytes() == b"y" * 100_000
    assert _Halves.breaks == 0
