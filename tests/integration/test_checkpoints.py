"""Checkpoints in S3: restored, synced while a job runs, and left right at its end."""

import os
import time

import pytest

from sagelet.domain.errors import HostFault
from sagelet.engine.checkpoints import Checkpoints
from support.buckets import read
from support.staging import folder_of, job_of, keys, staged, tree


@pytest.fixture
def kept(store, put):
    """A job whose checkpoints lie in S3, and were restored."""
    put({"c/old": b"old", "c/s/deep": b"deep", "cc": b"not ours"})
    job = job_of(CheckpointConfig={"S3Uri": "s3://data/c"})
    staged(store, job)
    return Checkpoints.of(job, store.home.job("job"), store.objects)


def test_checkpoints_are_copies(store, kept):
    folder = folder_of(store)
    assert tree(folder) == {"old": b"old", "s": None, "s/deep": b"deep"}
    assert (folder / "old").stat().st_nlink == 1
    assert kept.sync()
    assert keys(store) == ["c/old", "c/s/deep", "cc"]


def test_changes_and_deletions_are_synced(store, kept, put, tmp_path):
    before = store.objects.find("data", "c/s/deep")
    folder = folder_of(store)
    (folder / "new").write_bytes(b"new")
    with (folder / "old").open("ab") as file:
        file.write(b" and more")
    put({"c/theirs": b"somebody else's"})
    assert kept.sync()
    assert keys(store, "c/") == ["c/new", "c/old", "c/s/deep", "c/theirs"]
    assert read(store, "data", "c/old", tmp_path) == b"old and more"
    assert store.objects.find("data", "c/s/deep") == before, "what did not change is left alone"

    (folder / "new").unlink()
    (folder / "s" / "deep").unlink()
    kept.finish()
    assert keys(store, "c/") == ["c/old", "c/theirs"]


def test_another_process_goes_on_where_one_died(store, kept):
    folder = folder_of(store)
    (folder / "new").write_bytes(b"new")
    kept.sync()
    (folder / "old").unlink()
    job = job_of(CheckpointConfig={"S3Uri": "s3://data/c"})
    Checkpoints.of(job, store.home.job("job"), store.objects).finish()
    assert keys(store, "c/") == ["c/new", "c/s/deep"]


def test_links_are_not_followed(store, kept):
    folder = folder_of(store)
    (folder / "link").symlink_to("/etc/hostname")
    (folder / "way").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    kept.finish()
    assert keys(store, "c/") == ["c/old", "c/s/deep"]


def test_nothing_is_deleted_for_a_folder_that_is_gone_or_never_was_filled(store, kept):
    folder = folder_of(store)
    folder.rename(folder.with_name("elsewhere"))
    kept.finish()
    assert keys(store, "c/") == ["c/old", "c/s/deep"]
    (store.home.job("job") / "checkpoints.json").unlink()
    folder.mkdir()
    (folder / "old").write_bytes(b"half of")
    job = job_of(CheckpointConfig={"S3Uri": "s3://data/c"})
    Checkpoints.of(job, store.home.job("job"), store.objects).finish()
    assert keys(store, "c/") == ["c/old", "c/s/deep"]


def test_checkpoints_are_synced_while_the_job_runs(store, kept):
    (folder_of(store) / "new").write_bytes(b"new")
    kept.start(note=pytest.fail, pause=0.05)
    deadline = time.monotonic() + 30
    while store.objects.find("data", "c/new") is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kept.finish()


def test_a_checkpoint_that_cannot_be_stored_is_named(store, kept):
    folder = folder_of(store)
    (folder / ("x" * 200)).mkdir()
    deep = folder
    for _ in range(6):
        deep /= "x" * 200
        deep.mkdir(exist_ok=True)
    (deep / "file").write_bytes(b"x")
    (folder / "fine").write_bytes(b"y")
    with pytest.raises(HostFault, match="ClientError: Checkpoint upload failed: s3://data/c: "):
        kept.finish()
    assert "c/fine" in keys(store, "c/")
