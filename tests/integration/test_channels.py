"""What goes into a job from S3: channels, the manifests that name their objects, and code."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from sagelet.domain.errors import HostFault
from sagelet.domain.hosts import Access
from sagelet.engine.staging import check_sources, plan_job, stage
from sagelet.execution.backend import Cancelled
from support.buckets import Quiet
from support.staging import ROLE, channel, fault, job_of, manifest, refused, staged, tree

# -- channels


def test_a_channel_is_a_folder_of_links(store, put):
    put({"d/a": b"one", "d/s/b": b"two", "d/e/": b"", "dd": b"three"})
    job = job_of(channel("s3://data/d"), ResourceConfig={"InstanceCount": 2})
    check_sources(job, store, store.objects)
    folder = staged(store, job)
    assert tree(folder) == {"a": b"one", "dd": b"three", "e": None, "s": None, "s/b": b"two"}
    found = store.objects.find("data", "d/a")
    assert (folder / "a").stat().st_ino == store.objects.blobs.path(found.blob).stat().st_ino

    plan = plan_job(job, store)
    mounts = [m for host in plan.hosts for m in host.mounts if m.target.endswith("/data/train")]
    assert {(m.source, m.access, m.shared) for m in mounts} == {
        (str(folder), Access.COPY_ON_WRITE, True)
    }
    for host in plan.hosts:
        beside = Path(host.folder, "ml/input/data/train-manifest").read_text()
        assert beside.splitlines() == [
            "d", "s3://data/d/a", "s3://data/d/s/b", "s3://data/dd"
        ]  # fmt: skip


def test_what_happens_to_the_keys_later_does_not_reach_the_job(store, put):
    put({"d/a": b"one", "d/b": b"two"})
    folder = staged(store, job_of(channel("s3://data/d/")))
    put({"d/a": b"other"})
    store.objects.delete("data", "d/b")
    assert tree(folder) == {"a": b"one", "b": b"two"}


def test_staging_again_gives_what_is_there_now(store, put):
    put({"d/a": b"one", "d/b": b"two"})
    job = job_of(channel("s3://data/d/"))
    staged(store, job)
    store.objects.delete("data", "d/b")
    assert tree(staged(store, job)) == {"a": b"one"}


@pytest.mark.parametrize("uri", ["s3://data/nothing", "s3://no-such-bucket/d"])
@pytest.mark.parametrize("kind", ["S3Prefix", "ManifestFile"])
def test_a_channel_without_objects_is_refused_in_sagemakers_words(store, put, uri, kind):
    put({"d": b""})
    bucket = uri.split("/")[2]
    assert refused(store, job_of(channel(uri, kind=kind))) == (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
        "the bucket exists in the selected region (us-east-1), that objects exist under that S3 "
        f'prefix, and that the role "{ROLE}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )


def test_objects_that_went_before_staging_end_the_job(store, put):
    put({"d/a": b"one"})
    job = job_of(channel("s3://data/d/"))
    check_sources(job, store, store.objects)
    store.objects.delete("data", "d/a")
    with pytest.raises(HostFault, match="ClientError: Data download failed: No S3 objects found"):
        staged(store, job)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (["d/p", "d/p/q"], "S3 keys s3://data/d/p and s3://data/d/p/q cannot both be files"),
        (["d/../../x"], "S3 key: s3://data/d/../../x: '..' in it cannot be a file name"),
        (["d/a//b"], "S3 key: s3://data/d/a//b has an illegal char sub-sequence '//' in it"),
        (["d/" + "x" * 256], "is longer than 255 bytes"),
    ],
)
def test_keys_that_cannot_be_files_end_the_job(store, put, keys, says):
    put(dict.fromkeys(keys, b"x"))
    message = fault(store, job_of(channel("s3://data/d/")))
    assert message.startswith("ClientError: Data download failed:Failed to download data. ")
    assert says in message


def test_a_stop_ends_staging(store, put):
    put({"d/a": b"one"})
    job = job_of(channel("s3://data/d/"))
    with pytest.raises(Cancelled):
        stage(job, plan_job(job, store), store, store.objects, Quiet(cancelled=True))


def test_twenty_thousand_objects(store, put, tmp_path):
    put({"seed": b"x"})
    seed = store.objects.find("data", "seed")
    blobs = [f"{number % 100:02}{number:030x}" for number in range(20_000)]
    for blob in blobs:
        place = store.objects.blobs.path(blob)
        place.parent.mkdir(exist_ok=True)
        os.link(store.objects.blobs.path(seed.blob), place)
    with store.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO objects (bucket, key, size, etag, modified, blob, traits)"
            " VALUES ('data', ?, 1, ?, 1.0, ?, '{}')",
            ((f"many/{blob[:2]}/{blob}", seed.etag, blob) for blob in blobs),
        )
    folder = staged(store, job_of(channel("s3://data/many/")))
    assert len(list(folder.iterdir())) == 100
    assert sum(1 for path in folder.rglob("*") if path.is_file()) == 20_000


# -- manifests


def test_a_manifest_names_the_objects(store, put):
    put({"d/x/1": b"one", "d/x/2": b"two", "d/x/3": b"three"})
    put({"m.json": manifest({"prefix": "s3://data/d/"}, "x/3", "x/1")})
    job = job_of(channel("s3://data/m.json", kind="ManifestFile"))
    check_sources(job, store, store.objects)
    assert tree(staged(store, job)) == {"x": None, "x/1": b"one", "x/3": b"three"}


def test_keys_a_manifest_names_in_vain_end_the_job(store, put):
    put({"d/1": b"one"})
    put({"m.json": manifest({"prefix": "s3://data/d/"}, "1", *"abcdefg")})
    message = fault(store, job_of(channel("s3://data/m.json", kind="ManifestFile")))
    assert message == (
        "ClientError: Data download failed: the manifest s3://data/m.json lists objects that do "
        "not exist: s3://data/d/a, s3://data/d/b, s3://data/d/c, s3://data/d/d, s3://data/d/e and "
        "2 more"
    )


def test_a_malformed_manifest_is_refused(store, put):
    put({"m.json": b"[1]"})
    message = refused(store, job_of(channel("s3://data/m.json", kind="ManifestFile")))
    assert message.startswith("The manifest s3://data/m.json must begin with")


# -- code


def packed_code(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def code_job(uri="s3://data/job/source/sourcedir.tar.gz"):
    return job_of(
        HyperParameters={
            "sagemaker_submit_directory": json.dumps(uri),
            "sagemaker_program": '"train.py"',
            "model_dir": '"s3://data/job/model"',
        }
    )


def test_code_from_s3_is_unpacked_and_mounted(store, put):
    put({"job/source/sourcedir.tar.gz": packed_code(**{"train.py": "print(1)"})})
    job = code_job()
    check_sources(job, store, store.objects)
    staged(store, job)
    code = store.home.job("job") / "code"
    assert tree(code) == {"train.py": b"print(1)"}
    (host,) = plan_job(job, store).hosts
    assert [m.source for m in host.mounts if m.target == "/opt/ml/code"] == [str(code)]
    given = json.loads(host.files["hyperparameters.json"])
    assert given["sagemaker_submit_directory"] == '"s3://data/job/source/sourcedir.tar.gz"'
    assert given["model_dir"] == '"s3://data/job/model"'
    assert not list(store.home.job("job").glob(".code*"))


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        ({}, "the code s3://data/job/source/sourcedir.tar.gz does not exist"),
        (
            {"job/source/sourcedir.tar.gz": b"no archive"},
            "s3://data/job/source/sourcedir.tar.gz cannot be unpacked",
        ),
    ],
)
def test_code_that_cannot_be_had_ends_the_job(store, put, objects, says):
    put(objects)
    assert says in fault(store, code_job())
