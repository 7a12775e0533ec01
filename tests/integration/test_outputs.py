"""What comes out of a job into S3: archives and loose files, in our store or in an S3 elsewhere."""

import pytest

from sagelet.domain.errors import HostFault
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.training import TrainingJob
from sagelet.engine import channels, outputs
from sagelet.engine.checkpoints import Checkpoints
from sagelet.engine.staging import check_sources, plan_job
from sagelet.store import Store
from sagelet.store.cache import Cache
from sagelet.store.remote import RemoteObjects
from support.archives import names_in
from support.buckets import Quiet, read
from support.servers import MOTO, moto
from support.staging import channel, folder_of, job_of, keys, manifest, refused, staged, tree


def with_outputs(store: Store, job: TrainingJob) -> None:
    staged(store, job)
    ml = store.home.job("job") / "algo-1" / "ml"
    (ml / "model" / "1").mkdir()
    (ml / "model" / "1" / "w.bin").write_bytes(b"w" * 1000)
    (ml / "model" / "link").symlink_to("1/w.bin")
    (ml / "model" / "out").symlink_to("/etc/hostname")
    (ml / "output" / "data" / "report").write_bytes(b"r")


def stored(store: Store, job: TrainingJob) -> dict[str, str]:
    plan = plan_job(job, store)
    return outputs.store_outputs(job, plan, store, store.objects, 2.0, Quiet())


def test_archives_become_objects_that_share_their_bytes_with_the_version(store, put, tmp_path):
    job = job_of(ending=Secondary.COMPLETED)
    with_outputs(store, job)
    expected = {
        "model": "s3://data/out/job/output/model.tar.gz",
        "output": "s3://data/out/job/output/output.tar.gz",
    }
    assert stored(store, job) == expected
    model = read(store, "data", "out/job/output/model.tar.gz", tmp_path)
    assert names_in(model) == ["1", "1/w.bin", "link", "out"]
    assert names_in(read(store, "data", "out/job/output/output.tar.gz", tmp_path)) == ["report"]

    version = store.home.models / "job" / "1" / "model.tar.gz"
    found = store.objects.find("data", "out/job/output/model.tar.gz")
    assert version.stat().st_ino == store.objects.blobs.path(found.blob).stat().st_ino
    assert not (store.home.job("job") / "upload").exists()

    assert stored(store, job) == expected  # as after a crash: all of it again
    assert keys(store) == ["out/job/output/model.tar.gz", "out/job/output/output.tar.gz"]
    assert [v.version for v in store.models.published("job")] == [1]
    assert names_in(version.read_bytes()) == ["1", "1/w.bin", "link", "out"]


def test_loose_files_become_objects(store, put, tmp_path):
    config = {"S3OutputPath": "s3://data", "CompressionType": "NONE"}
    job = job_of(ending=Secondary.COMPLETED, OutputDataConfig=config)
    with_outputs(store, job)
    assert stored(store, job) == {
        "model": "s3://data/job/output/model/",
        "output": "s3://data/job/output/data/",
    }
    assert keys(store) == [
        "job/output/data/report", "job/output/model/1/w.bin", "job/output/model/link"
    ]  # fmt: skip
    assert read(store, "data", "job/output/model/link", tmp_path) == b"w" * 1000
    assert (store.home.models / "job/1/model/1/w.bin").read_bytes() == b"w" * 1000


def test_a_bucket_that_is_not_there_is_refused(store, put):
    message = refused(store, job_of(OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/x"}))
    assert message.startswith(
        "OutputDataConfig.S3OutputPath: the bucket of s3://no-such-bucket/x does not exist"
    )
    message = refused(store, job_of(CheckpointConfig={"S3Uri": "s3://no-such-bucket/x"}))
    assert message.startswith("CheckpointConfig.S3Uri: the bucket of s3://no-such-bucket/x does")


def test_a_bucket_that_went_while_the_job_ran_fails_it(store, put):
    store.objects.create_bucket("other", "us-east-1")
    job = job_of(ending=Secondary.COMPLETED, OutputDataConfig={"S3OutputPath": "s3://other/out"})
    check_sources(job, store, store.objects)
    with_outputs(store, job)
    store.objects.delete_bucket("other")
    with pytest.raises(HostFault, match=r"Artifact upload failed: s3://other/out/job/output: "):
        stored(store, job)
    assert store.models.published("job") == []


@pytest.mark.skipif(not MOTO.exists(), reason=f"needs {MOTO}")
def test_a_job_whose_objects_lie_elsewhere(store, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with moto() as endpoint:
        objects = RemoteObjects(endpoint, "us-east-1", Cache(tmp_path / "cache"))
        with objects._plainly("data") as client:
            client.create_bucket(Bucket="data")
        source = tmp_path / "source"
        for number in range(50):
            source.write_bytes(f"{number}".encode())
            objects.put("data", f"d/{number}", source)
        source.write_bytes(manifest({"prefix": "s3://data/d/"}, "7", "9"))
        objects.put("data", "m.json", source)
        job = job_of(
            channel("s3://data/d"),
            channel("s3://data/m.json", name="few", kind="ManifestFile"),
            ending=Secondary.COMPLETED,
            CheckpointConfig={"S3Uri": "s3://data/d"},
        )
        check_sources(job, store, objects)
        folder = staged(store, job, objects)
        assert tree(folder) == {f"{n}": f"{n}".encode() for n in range(50)}
        assert tree(channels.folder_of(store.home.job("job"), "few")) == {"7": b"7", "9": b"9"}

        (store.home.job("job") / "algo-1/ml/model/w").write_bytes(b"w")
        plan = plan_job(job, store)
        outputs.store_outputs(job, plan, store, objects, 2.0, Quiet())
        found = objects.find("data", "out/job/output/model.tar.gz")
        objects.fetch(found, tmp_path / "model.tar.gz")
        assert names_in((tmp_path / "model.tar.gz").read_bytes()) == ["w"]

        kept = Checkpoints.of(job, store.home.job("job"), objects)
        (folder_of(store) / "7").unlink()
        kept.finish()
        assert objects.find("data", "d/7") is None
        objects.close()
