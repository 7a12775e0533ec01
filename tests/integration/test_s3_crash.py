"""kill -9 in the middle of uploads: old or new, never half, and nothing is left over."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from sagelet.store import open_store

SCRIPT = Path(__file__).parents[1] / "support" / "s3.py"
ROUNDS = 25
MB = 1 << 20


class Killable:
    """The service as a process of its own."""

    def __init__(self, home: Path, place: Path) -> None:
        place.unlink(missing_ok=True)
        self.process = subprocess.Popen([sys.executable, SCRIPT, home, place])
        while not place.exists():
            assert self.process.poll() is None
            time.sleep(0.01)
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{place.read_text()}",
            region_name="us-east-1",
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20),
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.client.close()


def body(key, number, size):
    unit = f"{key}:{number};".encode()
    return unit * (size // len(unit) + 1)


class Writer:
    """Overwrites one key until the server dies; knows what was said to be stored, and the next."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.known: set[bytes | None] = {None}
        self.number = 0

    def run(self, client) -> None:
        try:
            while True:
                self.number += 1
                data = body(self.key, self.number, random.choice([10, 100_000, 2 * MB]))
                self.known.add(data)
                self.store(client, data)
                self.known = {data}
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            pass

    def store(self, client, data) -> None:
        client.put_object(Bucket="bucket", Key=self.key, Body=data)


class PartWriter(Writer):
    """The same in parts."""

    def store(self, client, data) -> None:
        whole = data + b"x" * (5 * MB - len(data)) if len(data) < 5 * MB else data
        self.known.discard(data)
        self.known.add(whole + data)
        where = {"Bucket": "bucket", "Key": self.key}
        where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]
        parts = [
            {"PartNumber": n, "ETag": client.upload_part(**where, PartNumber=n, Body=part)["ETag"]}
            for n, part in enumerate((whole, data), start=1)
        ]
        client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        self.known = {whole + data}


class PartRunner(PartWriter):
    def run(self, client) -> None:
        try:
            while True:
                self.number += 1
                before = set(self.known)
                try:
                    self.store(client, body(self.key, self.number, 1000))
                except Exception:
                    self.known |= before
                    raise
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            pass


class Deleter(Writer):
    """Puts and deletes in turns."""

    def store(self, client, data) -> None:
        super().store(client, data)
        self.known = {data, None}
        client.delete_object(Bucket="bucket", Key=self.key)
        self.known = {data, None}
        client.put_object(Bucket="bucket", Key=self.key, Body=data)


def read(client, key):
    try:
        return client.get_object(Bucket="bucket", Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None


def check_disk(home: Path) -> None:
    """Files and rows are the same, and so are the readable names."""
    store = open_store(home)
    try:
        rows = store.database.connection().execute(
            "SELECT blob FROM objects UNION ALL SELECT blob FROM upload_parts"
        )
        named = {store.objects.blobs.path(row[0]) for row in rows}
        there = {path for path in (home / "objects").rglob("*") if path.is_file()}
        assert there == named
        for found in store.objects.list("bucket"):
            readable = home / "s3" / "bucket" / found.key
            assert readable.samefile(store.objects.blobs.path(found.blob))
        names = {path.name for path in (home / "s3" / "bucket").rglob("*") if path.is_file()}
        assert names == {Path(found.key).name for found in store.objects.list("bucket")}
    finally:
        store.database.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_old_or_new_and_nothing_else(tmp_path):
    home = tmp_path / "home"
    writers = [Writer("a"), Writer("dir/b"), PartRunner("parts"), Deleter("c")]
    moments = random.Random()
    for _ in range(ROUNDS):
        server = Killable(home, tmp_path / "port")
        try:
            if server.client.list_buckets()["Buckets"]:
                check_disk(home)
            server.client.create_bucket(Bucket="bucket")
            for writer in writers:
                found = read(server.client, writer.key)
                assert found in writer.known, (writer.key, writer.number)
                writer.known = {found}
            threads = [
                threading.Thread(target=writer.run, args=(server.client,)) for writer in writers
            ]
            for thread in threads:
                thread.start()
            threading.Event().wait(moments.uniform(0, 0.6))  # a moment like any other
        finally:
            server.kill()
        for thread in threads:
            thread.join()
    assert all(writer.number > ROUNDS for writer in writers[:2])
    server = Killable(home, tmp_path / "port")
    try:
        uploads = server.client.list_multipart_uploads(Bucket="bucket").get("Uploads", [])
        for upload in uploads:  # what nobody completed is still there, and can be let go
            server.client.abort_multipart_upload(
                Bucket="bucket", Key=upload["Key"], UploadId=upload["UploadId"]
            )
    finally:
        server.kill()
    server = Killable(home, tmp_path / "port")
    server.kill()
    check_disk(home)
