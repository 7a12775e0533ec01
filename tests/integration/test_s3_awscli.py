"""The AWS CLI's own S3 commands."""

import os
import subprocess
import urllib.request

import pytest

from support.clients import client_python
from support.s3 import running

pytestmark = pytest.mark.slow


@pytest.fixture
def aws(tmp_path):
    program = client_python("boto3").with_name("aws")
    with running(tmp_path / "home") as server:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

        def aws(*arguments):
            return subprocess.run(
                [program, *arguments], env=environment, capture_output=True, text=True, check=True
            ).stdout

        yield aws


def test_commands(aws, tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "ü b.txt").write_text("b")
    (folder / "big").write_bytes(os.urandom(20 << 20))
    aws("s3", "mb", "s3://bucket")
    assert aws("s3", "sync", str(folder), "s3://bucket/in").count("upload:") == 3
    assert "a.txt" in aws("s3", "ls", "s3://bucket/in/")
    assert "PRE sub/" in aws("s3", "ls", "s3://bucket/in/")
    assert aws("s3", "cp", "s3://bucket/in/a.txt", "-") == "a"
    back = tmp_path / "back"
    aws("s3", "sync", "s3://bucket/in", str(back))
    assert (back / "big").read_bytes() == (folder / "big").read_bytes()
    assert (back / "sub" / "ü b.txt").read_text() == "b"
    assert aws("s3", "sync", "s3://bucket/in", str(back)) == ""
    aws("s3", "mv", "s3://bucket/in/a.txt", "s3://bucket/moved.txt")
    url = aws("s3", "presign", "s3://bucket/moved.txt").strip()
    with urllib.request.urlopen(url, timeout=30) as response:
        assert response.read() == b"a"
    assert aws("s3api", "head-object", "--bucket", "bucket", "--key", "in/big")
    aws("s3", "rm", "s3://bucket", "--recursive")
    assert aws("s3", "ls", "s3://bucket", "--recursive").strip() == ""
    aws("s3", "rb", "s3://bucket")
