"""Keys that no file system would take, through boto3 and back; many keys; many at once."""

import hashlib
import threading

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.s3 import running

MB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("s3") / "home") as server:
        server.store.objects.create_bucket("bucket", "us-east-1")
        yield server


@pytest.fixture(scope="module")
def s3(server):
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20),
    )
    yield client
    client.close()


AWKWARD = st.lists(
    st.sampled_from(
        ["a", "b", "/", "//", ".", "..", "../", " ", "+", "%", "%2F", "&", "<", ">", '"', "'",
         "?", "#", "=", ";", "\\", "~", "*", ":", "|", "\t", "\n", "\r", "\x01", "\x7f", "ü", "é",
         "e\u0301", "日本", "\U0001f600", "\uffff", "\ue000", "\U0010ffff", "\u200b", "x" * 300]
    ),
    min_size=1,
    max_size=5,
).map("".join)  # fmt: skip


def keys():
    anything = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
    return (AWKWARD | anything).filter(
        # boto3 takes a leading slash for its own when it makes the path
        lambda key: len(key.encode()) <= 1024 and not key.startswith("/")
    )


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(keys(), min_size=1, max_size=3, unique=True))
def test_any_key_round_trips(s3, server, names):
    for name in names:
        s3.put_object(Bucket="bucket", Key=name, Body=name.encode())
    for name in names:
        got = s3.get_object(Bucket="bucket", Key=name)
        assert got["Body"].read() == name.encode()
        head = s3.head_object(Bucket="bucket", Key=name)
        assert head["ETag"] == f'"{hashlib.md5(name.encode()).hexdigest()}"'
        copy = "copies/" + name[:200]
        s3.copy_object(Bucket="bucket", Key=copy, CopySource={"Bucket": "bucket", "Key": name})
        assert s3.get_object(Bucket="bucket", Key=copy)["Body"].read() == name.encode()
        s3.delete_object(Bucket="bucket", Key=copy)
    for call in (s3.list_objects, s3.list_objects_v2):
        listed = [one["Key"] for one in call(Bucket="bucket")["Contents"]]
        assert listed == sorted(names, key=str.encode)
    paged = []
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket="bucket", PaginationConfig={"PageSize": 1}
    ):
        paged += [one["Key"] for one in page["Contents"]]
    assert paged == sorted(names, key=str.encode)
    for name in names:
        listed = s3.list_objects_v2(Bucket="bucket", Prefix=name)["Contents"]
        assert name in [one["Key"] for one in listed]
        s3.delete_object(Bucket="bucket", Key=name)
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0
    objects = server.store.home.root / "objects"
    assert [path for path in objects.rglob("*") if path.is_file()] == []
    tree = server.store.home.root / "s3"
    assert [path for path in tree.rglob("*") if path.is_file()] == []


def test_a_hundred_thousand_keys(s3, server):
    """A delimited listing steps over what is below: it reads a row for each name it gives."""
    database = server.store.database
    with database.transaction() as connection:
        connection.execute("INSERT INTO buckets (name, region, created) VALUES ('many', 'r', 0)")
        connection.executemany(
            "INSERT INTO objects (bucket, key, blob, size, etag, modified, traits)"
            " VALUES ('many', ?, ?, 0, '', 0, '{}')",
            [(f"d{n // 1000:02}/{n % 1000:03}", f"none-{n}") for n in range(100_000)],
        )
    connection, steps = database.connection(), []
    connection.set_progress_handler(lambda: steps.append(1), 1)
    page = server.store.objects.page("many", "", "/", "", 1000)
    connection.set_progress_handler(None, 0)
    assert len(page.prefixes) == 100
    assert len(steps) < 100 * 100  # of SQLite's virtual machine; 100,000 rows would be a million
    answer = s3.list_objects_v2(Bucket="many", Delimiter="/")
    assert [one["Prefix"] for one in answer["CommonPrefixes"]] == [f"d{n:02}/" for n in range(100)]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="many", Prefix="d9")
    assert sum(page["KeyCount"] for page in pages) == 10_000
    with database.transaction() as connection:
        connection.execute("DELETE FROM objects WHERE bucket = 'many'")
        connection.execute("DELETE FROM buckets WHERE name = 'many'")


def test_readers_never_see_a_torn_object(s3):
    """Writers and a deleter on one key; each body read is whole, and that of its ETag."""
    over = threading.Event()
    wrong = []

    def write(letter):
        for number in range(12):
            size = (number % 4) * MB + 10
            s3.put_object(Bucket="bucket", Key="k", Body=letter * size)

    def delete():
        while not over.is_set():
            s3.delete_object(Bucket="bucket", Key="k")

    def read():
        while not over.is_set():
            try:
                got = s3.get_object(Bucket="bucket", Key="k")
            except s3.exceptions.NoSuchKey:
                continue
            body = got["Body"].read()
            if f'"{hashlib.md5(body).hexdigest()}"' != got["ETag"]:
                wrong.append(got)

    writers = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    others = [threading.Thread(target=target) for target in (read, read, delete)]
    for thread in [*writers, *others]:
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in others:
        thread.join()
    assert wrong == []
    s3.delete_object(Bucket="bucket", Key="k")


def test_the_readable_tree_follows_the_last_writer(s3, server):
    def write(letter):
        for _ in range(10):
            s3.put_object(Bucket="bucket", Key="dir/k", Body=letter)

    threads = [
        threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    readable = server.store.home.root / "s3" / "bucket" / "dir" / "k"
    body = s3.get_object(Bucket="bucket", Key="dir/k")["Body"].read()
    assert readable.read_bytes() == body
    assert [path for path in server.store.objects.blobs._root.rglob("*") if path.is_file()] == [
        server.store.objects.blobs.path(server.store.objects.find("bucket", "dir/k").blob)
    ]
    s3.delete_object(Bucket="bucket", Key="dir/k")


def test_of_many_that_make_one_key_one_does(s3):
    made, refused = [], []

    def make(number):
        try:
            s3.put_object(Bucket="bucket", Key="one", Body=b"%d" % number, IfNoneMatch="*")
        except s3.exceptions.ClientError as error:
            refused.append(error.response["Error"]["Code"])
        else:
            made.append(number)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["PreconditionFailed"] * 7
    assert s3.get_object(Bucket="bucket", Key="one")["Body"].read() == b"%d" % made[0]
    s3.delete_object(Bucket="bucket", Key="one")
