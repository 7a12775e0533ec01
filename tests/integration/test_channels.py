"""What goes into a job from S3 and what comes out of it there: staging and storing."""

import io
import json
import os
import tarfile
import time
from pathlib import Path

import pytest

from sagelet.domain.errors import HostFault, ValidationException
from sagelet.domain.hosts import Access
from sagelet.domain.lifecycle import Secondary, begin
from sagelet.domain.rules import check
from sagelet.domain.training import TrainingJob
from sagelet.engine import channels, outputs
from sagelet.engine.checkpoints import Checkpoints
from sagelet.engine.staging import check_sources, plan_job, stage
from sagelet.execution.backend import Cancelled
from sagelet.store import Store, open_store
from sagelet.store.cache import Cache
from sagelet.store.remote import RemoteObjects
from support.buckets import Quiet, fill, read
from support.servers import MOTO, moto

ROLE = "arn:aws:iam::123456789012:role/trainer"


@pytest.fixture
def store(home: Path):
    opened = open_store(home)
    yield opened
    opened.database.close()


@pytest.fixture
def put(store: Store, tmp_path: Path):
    def put(objects: dict[str, bytes], bucket: str = "data") -> None:
        fill(store, bucket, objects, tmp_path)

    put({})
    return put


def job_of(*documents, ending=None, **members):
    request = {
        "TrainingJobName": "job",
        "AlgorithmSpecification": {"TrainingImage": "mine:1", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": list(documents),
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        **members,
    }
    life = begin(1.0)
    if ending:
        life = type(life)(life.steps, ending, None)
    job = TrainingJob(request, "123456789012", "us-east-1", 1.0, life)
    check(job)
    return job


def channel(uri, name="train", kind="S3Prefix", **members):
    source = {"S3DataType": kind, "S3Uri": uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


def staged(store: Store, job: TrainingJob, objects=None) -> Path:
    stage(job, plan_job(job, store), store, objects or store.objects, Quiet())
    return store.home.job("job") / "inputs" / "train"


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def refused(store: Store, job: TrainingJob) -> str:
    with pytest.raises(ValidationException) as caught:
        check_sources(job, store, store.objects)
    return str(caught.value)


def fault(store: Store, job: TrainingJob) -> str:
    check_sources(job, store, store.objects)
    with pytest.raises(HostFault) as caught:
        staged(store, job)
    return str(caught.value)


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
    began = time.monotonic()
    folder = staged(store, job_of(channel("s3://data/many/")))
    print(f"20,000 objects in {time.monotonic() - began:.2f} s")
    assert len(list(folder.iterdir())) == 100
    assert sum(1 for path in folder.rglob("*") if path.is_file()) == 20_000


# -- manifests


def manifest(*entries: object) -> bytes:
    return json.dumps(entries).encode()


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


# -- outputs


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


def members(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return sorted(member.name for member in tar.getmembers())


def keys(store: Store, prefix: str = "") -> list[str]:
    return [found.key for found in store.objects.list("data", prefix)]


def test_archives_become_objects_that_share_their_bytes_with_the_version(store, put, tmp_path):
    job = job_of(ending=Secondary.COMPLETED)
    with_outputs(store, job)
    expected = {
        "model": "s3://data/out/job/output/model.tar.gz",
        "output": "s3://data/out/job/output/output.tar.gz",
    }
    assert stored(store, job) == expected
    model = read(store, "data", "out/job/output/model.tar.gz", tmp_path)
    assert members(model) == ["1", "1/w.bin", "link", "out"]
    assert members(read(store, "data", "out/job/output/output.tar.gz", tmp_path)) == ["report"]

    version = store.home.models / "job" / "1" / "model.tar.gz"
    found = store.objects.find("data", "out/job/output/model.tar.gz")
    assert version.stat().st_ino == store.objects.blobs.path(found.blob).stat().st_ino
    assert not (store.home.job("job") / "upload").exists()

    assert stored(store, job) == expected  # as after a crash: all of it again
    assert keys(store) == ["out/job/output/model.tar.gz", "out/job/output/output.tar.gz"]
    assert [v.version for v in store.models.published("job")] == [1]
    assert members(version.read_bytes()) == ["1", "1/w.bin", "link", "out"]


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


# -- checkpoints


@pytest.fixture
def kept(store, put):
    """A job whose checkpoints lie in S3, and were restored."""
    put({"c/old": b"old", "c/s/deep": b"deep", "cc": b"not ours"})
    job = job_of(CheckpointConfig={"S3Uri": "s3://data/c"})
    staged(store, job)
    return Checkpoints.of(job, store.home.job("job"), store.objects)


def folder_of(store):
    (host,) = plan_job(job_of(CheckpointConfig={"S3Uri": "s3://data/c"}), store).hosts
    return Path(next(m.source for m in host.mounts if m.target == "/opt/ml/checkpoints"))


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


# -- an S3 elsewhere


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
        assert members((tmp_path / "model.tar.gz").read_bytes()) == ["w"]

        kept = Checkpoints.of(job, store.home.job("job"), objects)
        (folder_of(store) / "7").unlink()
        kept.finish()
        assert objects.find("data", "d/7") is None
        objects.close()
