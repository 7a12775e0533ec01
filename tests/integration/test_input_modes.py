"""Input modes as a job sees them, on every way to run a host."""

import gzip
import hashlib
import json
import os
import signal
from pathlib import Path

import boto3
import pytest

from support.buckets import fill, read
from support.cli import Trainer, describe, folder_of, log_of, running_with, sagelet, wait_until
from support.recordio import records
from support.servers import MOTO, moto

PATHS = "SAGELET_NAMESPACES"

#: What scripts begin with.
START = """
import errno, json, os, sys, time
BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
DATA = BASE + "/input/data/"
def say(**what):
    print("said", json.dumps(what), flush=True)
def epoch(channel, number):
    with open(f"{DATA}{channel}_{number}", "rb") as pipe:
        return pipe.read()
"""


class Jobs:
    """Runs request documents with a trainer."""

    def __init__(self, trainer: Trainer, folder: Path) -> None:
        self.trainer = trainer
        self.folder = folder

    def document(self, script: str, channels: list[dict], **members: object) -> Path:
        where = self.trainer.where()
        given = dict(zip(where[::2], where[1::2], strict=True))
        tags = {"backend": given["--backend"], "python": given.get("--python")}
        path = self.trainer.script(START + script)
        document = {
            "TrainingJobName": "job",
            "RoleArn": "arn:aws:iam::123456789012:role/any",
            "AlgorithmSpecification": {
                "TrainingImage": given.get("--image", "any:1"),
                "TrainingInputMode": "File",
            },
            "HyperParameters": {
                "sagemaker_program": Path(path).name,
                "sagemaker_submit_directory": f"file://{path}",
                **members.pop("HyperParameters", {}),
            },
            **({"InputDataConfig": channels} if channels else {}),
            "OutputDataConfig": {"S3OutputPath": f"file://{self.folder}/out"},
            "ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "Tags": [{"Key": f"sagelet:{k}", "Value": v} for k, v in tags.items() if v],
            **members,
        }
        file = self.folder / "job.json"
        file.write_text(json.dumps(document))
        return file

    def run(self, script: str, channels: list[dict], **members: object) -> dict[str, list[dict]]:
        """Run a job to its end; what each host said."""
        file = self.document(script, channels, **members)
        done = sagelet("train", "--request", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        return self.said()

    def said(self) -> dict[str, list[dict]]:
        found = {}
        for log in folder_of(self.home, "job").glob("*/log"):
            lines = log.read_text().splitlines()
            said = [line.removeprefix("said ") for line in lines if line.startswith("said ")]
            found[log.parent.name] = [json.loads(line) for line in said]
        return found

    @property
    def home(self) -> Path:
        return Path(os.environ["SAGELET_HOME"])


@pytest.fixture
def jobs(trainer: Trainer, tmp_path: Path) -> Jobs:
    return Jobs(trainer, tmp_path)


def channel(name: str, uri: str, mode: str = "Pipe", source: object = (), **members) -> dict:
    location = {"S3DataType": "S3Prefix", "S3Uri": uri, **dict(source)}
    document = {"ChannelName": name, "DataSource": {"S3DataSource": location}, **members}
    return {**document, "InputMode": mode}


SHARDED = {"S3DataDistributionType": "ShardedByS3Key"}


def shuffled(count: int, seed: int, epoch: int) -> list[int]:
    def digest(place: int) -> bytes:
        return hashlib.sha256(f"{seed}:{epoch}:{place}".encode()).digest()

    return sorted(range(count), key=digest)


def feeders(home: Path) -> list[int]:
    return running_with(f"{home}/jobs/")


def test_a_reader_of_pipes(jobs: Jobs, store, home: Path, tmp_path: Path) -> None:
    """Epochs, one left early, one left out, a slow reader; every kind of source and of frame."""
    big = os.urandom(3_000_000)
    fill(store, "data", {"big/1": big, "big/2": b"end"}, tmp_path)
    texts = {f"z/{n}.gz": gzip.compress(f"text {n};".encode()) for n in range(5)}
    fill(store, "data", texts, tmp_path)
    manifest = [{"prefix": "s3://data/z/"}, "3.gz", "1.gz"]
    lines = [{"image-ref": "s3://data/big/2", "label": n, "rest": "x"} for n in range(6)]
    fill(
        store,
        "data",
        {
            "manifest.json": json.dumps(manifest).encode(),
            "augmented": "".join(json.dumps(line) + "\n" for line in lines).encode(),
        },
        tmp_path,
    )
    local = tmp_path / "local"
    (local / "deep").mkdir(parents=True)
    for name in ("b", "deep/c", "a"):
        (local / name).write_text(f"{name};")
    augmented = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["label", "image-ref"]}
    said = jobs.run(
        """
import hashlib
with open(DATA + "big_0", "rb", buffering=0) as pipe:
    begin = pipe.read(10).hex()
slow = hashlib.sha256()
with open(DATA + "big_2", "rb", buffering=0) as pipe:
    while piece := pipe.read(50_000):
        slow.update(piece)
        time.sleep(0.001)
again = hashlib.sha256(epoch("big", 3)).hexdigest()
other = ""
if os.geteuid() == 0 and BASE == "/opt/ml":
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setgid(12345)
        os.setuid(12345) if open("/proc/self/uid_map").read().split()[2] != "1" else None
        os.write(writing, epoch("local", 1))
        os._exit(0)
    os.wait()
    other = os.read(reading, 100).decode()
say(
    begin=begin, slow=slow.hexdigest(), again=again, other=other,
    z=[epoch("z", n).decode() for n in (0, 1)], listed=epoch("listed", 0).hex(),
    local=epoch("local", 0).decode(), augmented=[epoch("augmented", n).hex() for n in (0, 1)],
    there=sorted(name for name in os.listdir(DATA) if "z" in name or "big" in name),
    config=json.load(open(BASE + "/input/config/inputdataconfig.json"))["listed"],
)
open(DATA + "/done", "w").close()
""",
        [
            channel("big", "s3://data/big/"),
            channel("z", "s3://data/z/", CompressionType="Gzip", ShuffleConfig={"Seed": 5}),
            channel(
                "listed", "s3://data/manifest.json", source={"S3DataType": "ManifestFile"},
                CompressionType="Gzip", RecordWrapperType="RecordIO",
            ),
            channel("local", f"file://{local}"),
            channel(
                "augmented", "s3://data/augmented", source=augmented,
                RecordWrapperType="RecordIO", ShuffleConfig={"Seed": 9},
            ),
        ],
    )  # fmt: skip
    (found,) = said["algo-1"]
    whole = hashlib.sha256(big + b"end").hexdigest()
    assert (found["begin"], found["slow"], found["again"]) == (big[:10].hex(), whole, whole)
    assert found["z"] == ["".join(f"text {n};" for n in shuffled(5, 5, e)) for e in (0, 1)]
    assert records(bytes.fromhex(found["listed"])) == [b"text 3;", b"text 1;"]
    assert found["local"] == "a;b;deep/c;"
    if jobs.trainer.backend == "docker" or (os.geteuid() == 0 and PATHS not in os.environ):
        assert found["other"] == found["local"]  # what another user than root read
    for number, stream in enumerate(found["augmented"]):
        expected = [p for n in shuffled(6, 9, number) for p in (f"{n}".encode(), b"end")]
        assert records(bytes.fromhex(stream)) == expected
    assert found["there"] == ["big_1", "big_4", "big_5", "z_2", "z_3"]
    assert found["config"] == {
        "TrainingInputMode": "Pipe",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "RecordIO",
    }
    assert feeders(home) == []
    left = {path.name for path in folder_of(home, "job").iterdir()}
    assert not left & {"pipes", "inputs", "shards"}
    assert not (folder_of(home, "job") / "algo-1/ml/input/data").exists()


def test_objects_are_dealt_to_hosts(jobs: Jobs, store, tmp_path: Path) -> None:
    """Folders and pipes, from S3 and from this machine, to hosts that reach nothing else."""
    fill(store, "data", {f"d/s/{n}": f"{n};".encode() for n in range(7)}, tmp_path)
    local = tmp_path / "local"
    local.mkdir()
    for name in ("x", "y"):
        (local / name).write_text(name)
    isolated = PATHS not in os.environ
    said = jobs.run(
        """
def tree(channel):
    return sorted(name for _, _, names in os.walk(DATA + channel) for name in names)
def manifest(channel):
    return open(DATA + channel + "-manifest").read().splitlines()
open(DATA + "local/new", "w").close()
for name in tree("local"):
    open(DATA + "local/" + name, "w").write("changed")
say(
    files=tree("files"), manifest=manifest("files"), local=tree("local"), fast=tree("fast"),
    all=[os.path.basename(line) for line in manifest("local")[1:]],
    config=json.load(open(BASE + "/input/config/inputdataconfig.json"))["local"],
)
""",
        [
            channel("files", "s3://data/d", "File", SHARDED, ShuffleConfig={"Seed": 3}),
            channel("local", f"file://{local}", "File", SHARDED),
            channel("fast", "s3://data/d", "FastFile", SHARDED),
        ],
        ResourceConfig={"InstanceCount": 3, "VolumeSizeInGB": 1},
        EnableNetworkIsolation=isolated,
    )
    places = shuffled(7, 3, 0)
    hosts = [said[f"algo-{number}"][0] for number in (1, 2, 3)]
    for number, host in enumerate(hosts):
        assert host["files"] == sorted(map(str, places[number::3]))
        assert host["manifest"] == ["d", *(f"s3://data/d/s/{place}" for place in places)]
        assert host["fast"] == list(map(str, range(number, 7, 3)))
        assert host["all"] == ["x", "y"]
        assert host["config"]["S3DistributionType"] == "ShardedByS3Key"
    assert [host["local"] for host in hosts] == [["new", "x"], ["new", "y"], ["new"]]
    assert {path.name: path.read_text() for path in local.iterdir()} == {"x": "x", "y": "y"}


def test_pipes_are_dealt_anew_in_every_epoch(jobs: Jobs, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    for number in range(9):
        (local / f"{number}").write_text(f"{number}")
    isolated = PATHS not in os.environ
    said = jobs.run(
        "say(epochs=[epoch('train', n).decode() for n in range(3)])",
        [channel("train", f"file://{local}", source=SHARDED, ShuffleConfig={"Seed": 1})],
        ResourceConfig={"InstanceCount": 2, "VolumeSizeInGB": 1},
        EnableNetworkIsolation=isolated,
    )
    for number, host in enumerate(("algo-1", "algo-2")):
        (found,) = said[host]
        dealt = [shuffled(9, 1, epoch)[number::2] for epoch in range(3)]
        assert found["epochs"] == ["".join(map(str, hand)) for hand in dealt]


def test_a_channel_goes_to_the_groups_it_names(jobs: Jobs, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    for name in "abcd":
        (local / name).write_text(name)
    said = jobs.run(
        """
config = json.load(open(BASE + "/input/config/inputdataconfig.json"))
there = {name for name in os.listdir(DATA) if not name.endswith("-manifest")}
say(
    channels=sorted(config), there=sorted(there), known=os.environ["SM_CHANNELS"],
    some=sorted(os.listdir(DATA + "some")) if "some" in there else None,
    piped=epoch("piped", 0).decode() if "piped" in config else None,
)
""",
        [
            channel("all", f"file://{local}", "File"),
            channel("some", f"file://{local}", "File", {**SHARDED, "InstanceGroupNames": ["b"]}),
            channel("piped", f"file://{local}", source={"InstanceGroupNames": ["a"]}),
        ],
        ResourceConfig={
            "InstanceGroups": [
                {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1},
                {"InstanceGroupName": "b", "InstanceType": "ml.m5.large", "InstanceCount": 2},
            ],
            "VolumeSizeInGB": 1,
        },
    )
    first, second, third = (said[f"algo-{number}"][0] for number in (1, 2, 3))
    assert (first["channels"], first["piped"]) == (["all", "piped"], "abcd")
    assert first["there"][:2] == ["all", "piped_0"]
    assert json.loads(second["known"]) == second["channels"] == second["there"] == ["all", "some"]
    assert (second["some"], third["some"]) == (["a", "c"], ["b", "d"])


def test_fast_file_is_read_only(jobs: Jobs, store, tmp_path: Path) -> None:
    objects = {"d/a": b"one", "d/s/b": b"two"}
    fill(store, "data", objects, tmp_path)
    local, outside = tmp_path / "local", tmp_path / "outside"
    local.mkdir()
    outside.write_text("from outside")
    (local / "plain").write_text("plain")
    (local / "link").symlink_to(outside)
    said = jobs.run(
        """
def attempt(path, mode):
    try:
        open(DATA + path, mode).close()
    except OSError as error:
        return errno.errorcode[error.errno]
say(
    read=[open(DATA + path).read() for path in ("s3/a", "s3/s/b", "local/plain", "local/link")],
    refused=[attempt(p, m) for p, m in (("s3/a", "r+"), ("s3/new", "w"), ("local/plain", "a"),
                                        ("local/new", "w"))],
    manifest=open(DATA + "s3-manifest").read().splitlines(),
)
""",
        [channel("s3", "s3://data/d", "FastFile"), channel("local", f"file://{local}", "FastFile")],
    )
    (found,) = said["algo-1"]
    assert found["read"] == ["one", "two", "plain", "from outside"]
    assert found["manifest"] == ["d", "s3://data/d/a", "s3://data/d/s/b"]
    assert {key: read(store, "data", key, tmp_path) for key in objects} == objects
    if PATHS not in os.environ:  # without namespaces nothing can be mounted
        assert found["refused"] == ["EROFS"] * 4
        assert {path.name for path in local.iterdir()} == {"plain", "link"}


def test_a_fast_file_prefix_within_a_name_ends_the_job(home, store, tmp_path) -> None:
    fill(store, "data", {"d/train/a": b"1", "d/train-old/a": b"2"}, tmp_path)
    jobs = Jobs(Trainer("process", str, tmp_path / "code"), tmp_path)
    file = jobs.document("", [channel("train", "s3://data/d/train", "FastFile")])
    assert sagelet("train", "--request", str(file)).returncode == 1
    reason = describe("job")["FailureReason"]
    assert reason.startswith(
        "ClientError: Data download failed:Failed to download data. For FastFile mode, partial S3 "
        "prefix is not supported. S3 prefix has to end with a full file or folder."
    )
    assert reason.endswith("prefix: [d/train], found S3 object: [d/train-old/a].")


@pytest.mark.parametrize("kind", ["S3Prefix", "ManifestFile", "AugmentedManifestFile"])
def test_a_pipe_without_objects_is_refused(home, store, tmp_path, kind) -> None:
    fill(store, "data", {}, tmp_path)
    jobs = Jobs(Trainer("process", str, tmp_path / "code"), tmp_path)
    names = {"AttributeNames": ["a"]} if kind.startswith("Aug") else {}
    source = {"S3DataType": kind, **names}
    file = jobs.document("", [channel("train", "s3://data/no", source=source)])
    done = sagelet("train", "--request", str(file))
    assert done.returncode == 2
    assert 'No S3 objects found under S3 URL "s3://data/no"' in done.stderr


def test_objects_that_an_augmented_manifest_names_in_vain_end_the_job(home, store, tmp_path):
    fill(store, "data", {"m": b'{"x-ref": "s3://data/gone"}\n'}, tmp_path)
    jobs = Jobs(Trainer("process", str, tmp_path / "code"), tmp_path)
    source = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["x-ref"]}
    file = jobs.document("", [channel("train", "s3://data/m", source=source)])
    assert sagelet("train", "--request", str(file)).returncode == 1
    assert describe("job")["FailureReason"] == (
        "ClientError: Data download failed: the manifest s3://data/m lists objects that do not "
        "exist: s3://data/gone"
    )


WAITER = """
with open(DATA + "train_0", "rb", buffering=0) as pipe:
    pipe.read(10)
    say(ready=True)
    while pipe.read(65536):
        time.sleep(0.01)
"""


def started(jobs: Jobs, home: Path, tmp_path: Path, script: str = WAITER) -> None:
    """A job that reads its pipe for minutes."""
    tmp_path.joinpath("big").touch()
    os.truncate(tmp_path / "big", 2_000_000_000)
    file = jobs.document(script, [channel("train", f"file://{tmp_path}/big")])
    done = sagelet("train", "--request", str(file), "--detach", "--grace", "1")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: b"said" in log_of(home, "job"), "the reader", 60)
    assert feeders(home)


def over(home: Path) -> dict:
    wait_until(
        lambda: describe("job")["TrainingJobStatus"] not in ("InProgress", "Stopping"), "end"
    )
    wait_until(lambda: not running_with(f"SAGELET_HOME={home}"), "the control plane's end", 60)
    return describe("job")


def test_a_stopped_job_leaves_no_feeder(jobs: Jobs, home: Path, tmp_path: Path) -> None:
    started(jobs, home, tmp_path)
    assert sagelet("stop", "job").returncode == 0
    assert over(home)["TrainingJobStatus"] == "Stopped"
    assert feeders(home) == []


def test_the_death_of_a_feeder_is_no_end_of_data(jobs: Jobs, home: Path, tmp_path: Path) -> None:
    started(jobs, home, tmp_path)
    record = json.loads((folder_of(home, "job") / "algo-1" / "feeder.pid").read_bytes())
    os.kill(record["pid"], signal.SIGKILL)
    document = over(home)
    assert document["TrainingJobStatus"] == "Failed"
    assert document["FailureReason"].startswith(
        "InternalServerError: algo-1 is gone: what fed its Pipe channels disappeared"
    )
    assert feeders(home) == []


def test_data_that_cannot_be_streamed_ends_the_job(jobs: Jobs, store, home, tmp_path) -> None:
    fill(store, "data", {"d/a": gzip.compress(b"good"), "d/b": b"bad"}, tmp_path)
    file = jobs.document(
        "say(read=epoch('train', 0).decode())",
        [channel("train", "s3://data/d/", CompressionType="Gzip")],
    )
    done = sagelet("train", "--request", str(file))
    assert done.returncode == 1
    assert jobs.said() == {"algo-1": []}
    reason = describe("job")["FailureReason"]
    assert reason.startswith(
        "ClientError: Data download failed: channel 'train': s3://data/d/b is not gzip ("
    )
    assert feeders(home) == []


def test_intermediate_output_is_seen_while_the_job_runs(jobs: Jobs, store, home, tmp_path) -> None:
    fill(store, "data", {}, tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    file = jobs.document(
        """
folder = os.environ["SM_OUTPUT_INTERMEDIATE_DIR"]
os.mkdir(folder + "/deep")
open(folder + "/deep/first", "w").write("while it runs")
say(ready=True)
while not os.path.exists(BASE + "/checkpoints/go"):
    time.sleep(0.01)
os.remove(folder + "/deep/first")
open(folder + "/last", "w").write("at the end")
""",
        [],
        HyperParameters={"sagemaker_s3_output": '"s3://data/out/"'},
        CheckpointConfig={"S3Uri": f"file://{kept}"},
    )
    done = sagelet("train", "--request", str(file), "--detach")
    assert done.returncode == 0, done.stderr
    place = "out/job/output/intermediate/"
    wait_until(lambda: store.objects.find("data", place + "deep/first") is not None, "a file", 60)
    assert describe("job")["TrainingJobStatus"] == "InProgress"
    (kept / "go").touch()
    assert over(home)["TrainingJobStatus"] == "Completed"
    assert [found.key for found in store.objects.list("data")] == [
        place + "deep/first", place + "last"
    ]  # fmt: skip
    assert read(store, "data", place + "last", tmp_path) == b"at the end"
    assert b"does not sync" not in log_of(home, "job")


@pytest.mark.skipif(not MOTO.exists(), reason=f"needs {MOTO}")
def test_objects_of_an_s3_elsewhere(home, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    jobs = Jobs(Trainer("process", str, tmp_path / "code"), tmp_path)
    with moto() as endpoint:
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="data")
        for number in range(3):
            client.put_object(Bucket="data", Key=f"d/{number}", Body=f"{number};".encode())
        client.close()
        monkeypatch.setenv("SAGELET_S3_ENDPOINT_URL", endpoint)
        script = "say(a=[epoch('a', n).decode() for n in (0, 1)], b=sorted(os.listdir(DATA + 'b')))"
        said = jobs.run(
            script, [channel("a", "s3://data/d/"), channel("b", "s3://data/d", "File", SHARDED)]
        )
    assert said["algo-1"] == [{"a": ["0;1;2;"] * 2, "b": ["0", "1", "2"]}]
