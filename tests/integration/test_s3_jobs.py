"""Whole jobs on S3 objects, on every way to run a host."""

import io
import json
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from sagelet.store import open_store
from support.buckets import fill, read
from support.cli import Trainer, describe, log_of, sagelet, wait_until

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


@pytest.fixture
def store(home: Path):
    opened = open_store(home)
    yield opened
    opened.database.close()


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
    left = {path.name for path in (home / "jobs" / "job").iterdir()}
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
