"""Whole jobs on S3 objects, on every way to run a host."""

import io
import json
import sys
import tarfile
import threading

import boto3
import pytest

from support.buckets import fill, read
from support.cli import Trainer, describe, log_of, sagelet, wait_until
from support.servers import MOTO, moto

SCRIPT = """
import os, time
data = os.environ["SM_CHANNEL_TRAINING"]
base = os.path.dirname(os.environ["SM_MODEL_DIR"])
print("ready", flush=True)
while not os.path.exists(base + "/checkpoints/go"):
    time.sleep(0.01)
print("read", open(data + "/a.txt").read(), sorted(os.listdir(data)))
print("deep", open(data + "/deep/b.txt").read())
open(data + "/a.txt", "a").write(" changed inside")
open(data + "/deep/b.txt", "w").write("changed inside")
open(data + "/deep/new.txt", "w").write("made inside")
os.remove(data + "/c.txt")
os.chmod(data + "/a.txt", 0o755)
print("again", open(data + "/a.txt").read(), sorted(os.listdir(data)))
open(os.environ["SM_MODEL_DIR"] + "/weights", "w").write("w")
"""

OBJECTS = {"d/a.txt": b"one", "d/deep/b.txt": b"two", "d/c.txt": b"three"}


def test_a_job_reads_its_channel_as_it_was(trainer: Trainer, home, store, tmp_path) -> None:
    fill(store, "data", OBJECTS, tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    inodes = {}
    for key in OBJECTS:
        path = store.objects.blobs.path(store.objects.find("data", key).blob)
        inodes[key] = (path, path.read_bytes(), path.stat().st_mtime_ns)
    ended = []

    def run() -> None:
        ended.append(
            trainer.run(
                SCRIPT, "--name", "job", "--channel", "training=s3://data/d",
                "--output", "s3://data/out", "--checkpoints", str(kept),
            )
        )  # fmt: skip

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: b"ready" in log_of(home, "job") or not thread.is_alive(), "the job", 60)
        fill(store, "data", {"d/a.txt": b"overwritten"}, tmp_path)
        store.objects.delete("data", "d/deep/b.txt")
    finally:
        (kept / "go").touch()
        thread.join()
    (done,) = ended
    assert done.returncode == 0, done.stdout + done.stderr
    assert "read one ['a.txt', 'c.txt', 'deep']" in done.stdout
    assert "deep two" in done.stdout
    assert "again one changed inside ['a.txt', 'deep']" in done.stdout

    assert read(store, "data", "d/a.txt", tmp_path) == b"overwritten"
    path, data, changed = inodes["d/c.txt"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (data, changed)

    model = "s3://data/out/job/output/model.tar.gz"
    assert describe("job")["ModelArtifacts"]["S3ModelArtifacts"] == model
    with tarfile.open(
        fileobj=io.BytesIO(read(store, "data", "out/job/output/model.tar.gz", tmp_path))
    ) as tar:
        assert tar.getnames() == ["weights"]
    left = {path.name for path in store.home.job("job").iterdir()}
    assert not left & {"inputs", "upload", "code"}


def test_a_job_without_an_overlay_cannot_change_objects(home, store, tmp_path, monkeypatch) -> None:
    """Where there are no namespaces, nothing but a copy protects what is linked."""
    monkeypatch.setenv("SAGELET_NAMESPACES", "off")
    fill(store, "data", OBJECTS, tmp_path)
    trainer = Trainer("process", str, tmp_path / "code")
    done = trainer.run(
        """
import os
data = os.environ["SM_CHANNEL_TRAINING"]
for path in ("a.txt", "deep/b.txt"):
    with open(os.path.join(data, path), "r+") as file:
        file.write("XXX")
""",
        "--name", "job", "--channel", "training=s3://data/d",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert {key: read(store, "data", key, tmp_path) for key in OBJECTS} == OBJECTS


def test_checkpoints_live_on_in_s3(trainer: Trainer, home, store, tmp_path) -> None:
    fill(store, "data", {"c/first": b"from before"}, tmp_path)
    script = """
import os
folder = os.path.dirname(os.environ["SM_MODEL_DIR"]) + "/checkpoints/"
for name in sorted(os.listdir(folder)):
    print("found", name, open(folder + name).read())
os.remove(folder + "first")
open(folder + "second", "w").write("from the job")
raise SystemExit(3)
"""
    done = trainer.run(script, "--name", "one", "--checkpoints", "s3://data/c")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "found first from before" in done.stdout
    assert [found.key for found in store.objects.list("data", "c/")] == ["c/second"]
    assert read(store, "data", "c/second", tmp_path) == b"from the job"
    again = trainer.run(script, "--name", "two", "--checkpoints", "s3://data/c")
    assert "found second from the job" in again.stdout


@pytest.mark.skipif(not MOTO.exists(), reason=f"needs {MOTO}")
def test_a_job_on_an_s3_elsewhere(home, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with moto() as endpoint:
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="data")
        client.put_object(Bucket="data", Key="d/a.txt", Body=b"from afar")
        monkeypatch.setenv("SAGELET_S3_ENDPOINT_URL", endpoint)
        done = Trainer("process", str, tmp_path / "code").run(
            """
import os
print("read", open(os.environ["SM_CHANNEL_TRAINING"] + "/a.txt").read())
open(os.environ["SM_MODEL_DIR"] + "/weights", "w").write("w")
""",
            "--name", "job", "--channel", "training=s3://data/d", "--output", "s3://data/out",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "read from afar" in done.stdout
        model = client.get_object(Bucket="data", Key="out/job/output/model.tar.gz")["Body"].read()
        client.close()
    with tarfile.open(fileobj=io.BytesIO(model)) as tar:
        assert tar.getnames() == ["weights"]


def test_code_comes_from_s3(trainer: Trainer, home, store, tmp_path, request) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        text = b"import sys, helper; print('ran', helper.NAME, sys.argv[1:])"
        for name, data in (("train.py", text), ("helper.py", b"NAME = 'helper'")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    fill(store, "code", {"job/source/sourcedir.tar.gz": packed.getvalue()}, tmp_path)
    docker = trainer.backend == "docker"
    tags = {"sagelet:backend": trainer.backend}
    if not docker:
        tags["sagelet:python"] = sys.executable
    document = {
        "TrainingJobName": "job",
        "RoleArn": "arn:aws:iam::123456789012:role/any",
        "AlgorithmSpecification": {
            "TrainingImage": request.getfixturevalue("image") if docker else "any:1",
            "TrainingInputMode": "File",
        },
        "HyperParameters": {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://code/job/source/sourcedir.tar.gz"',
            "model_dir": '"s3://code/job/model"',
        },
        "OutputDataConfig": {"S3OutputPath": "s3://code"},
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    (tmp_path / "job.json").write_text(json.dumps(document))
    done = sagelet("train", "--request", str(tmp_path / "job.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ran helper ['--model_dir', 's3://code/job/model']" in done.stdout
