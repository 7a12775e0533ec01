"""A job as a compose project: run by the real docker compose, compared with `sagelet train`."""

import base64
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sagelet.store import open_store
from support import compose as docker
from support.cli import read_until, sagelet

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        bool(docker.missing()) and os.environ.get("CI") != "true", reason="needs docker compose"
    ),
]

#: Writes all that a script can see of its surroundings, and tries what it may do.
DUMP = """
import base64, json, os, pathlib, socket, sys
ml = pathlib.Path("/opt/ml")
host = os.environ["SM_CURRENT_HOST"]
seen = {
    "environment": dict(os.environ),
    "argv": sys.argv,
    "cwd": os.getcwd(),
    "hostname": socket.gethostname(),
    "addresses": {h: socket.gethostbyname(h) for h in json.loads(os.environ["SM_HOSTS"])},
    "config": {
        p.name: base64.b64encode(p.read_bytes()).decode()
        for p in (ml / "input/config").iterdir()
    },
    "folders": sorted(str(p) for p in ml.rglob("*") if p.is_dir()),
    "data": {p.name: p.read_text() for p in (ml / "input/data/training").iterdir()},
    "shm": os.statvfs("/dev/shm").f_blocks,
    "memory": [
        pathlib.Path(p).read_text()
        for p in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
        if os.path.exists(p)
    ],
}
for name in ("a.txt", "new.txt"):
    (ml / "input/data/training" / name).write_text("changed by " + host)
(ml / "model" / (host + ".json")).write_text(json.dumps(seen))
(ml / "model/shared").write_text(host)
(ml / "model/deep").mkdir()
(ml / "model/deep" / host).symlink_to("nowhere")
(ml / "output/data" / host).write_text(host)
"""

WAIT = """
import os, signal, socket, sys, time
def told(*_):
    print(socket.gethostname(), "was told to end", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
print(socket.gethostname(), "is ready", flush=True)
if socket.gethostname() == os.environ.get("FAILS"):
    with socket.socket() as other:  # compose stops those that run: wait until the other does
        while other.connect_ex(("algo-1", 2000)):
            time.sleep(0.05)
    sys.exit(3)
with socket.create_server(("", 2000)):
    signal.pause()
"""

HOSTILE = '$HOME ${X:-y} $$ it\'s "quoted" \\ a: b # c é数😀'

#: What only a job with a control plane behind it gets.
TALKBACK = {
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "HTTPS_PROXY",
    "NO_PROXY",
}


class Projects:
    """Makes projects in folders of their own, and takes them away again."""

    def __init__(self, root: Path, image: str) -> None:
        self.root = root
        self.image = image
        self.made: list[Path] = []

    def make(self, script: str, *options: str) -> Path:
        (self.root / "train.py").write_text(script)
        return self.write(str(self.root / "train.py"), "--image", self.image, *options)

    def write(self, *arguments: str) -> Path:
        folder = self.root / f"project-{len(self.made)}"
        done = sagelet("compose", *arguments, "-o", str(folder))
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        self.made.append(folder)
        return folder

    def print(self, document: Path) -> Path:
        """As the shell does it: ``sagelet compose job.json > compose.yaml``."""
        folder = self.root / f"project-{len(self.made)}"
        folder.mkdir()
        done = sagelet("compose", str(document), cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "compose.yaml").write_text(done.stdout)
        self.made.append(folder)
        return folder

    def clear(self) -> None:
        for folder in self.made:
            assert docker.compose(folder, "down", "-v", "-t", "1").returncode == 0
            name = yaml.safe_load((folder / "compose.yaml").read_text())["name"]
            assert docker.left(name) == []


@pytest.fixture
def projects(home: Path, tmp_path: Path, image: str) -> Iterator[Projects]:
    made = Projects(tmp_path, image)
    try:
        yield made
    finally:
        made.clear()


@pytest.fixture
def request_document(tmp_path: Path, image: str) -> Callable[..., Path]:
    def write(script: str, **members: Any) -> Path:
        (tmp_path / "code").mkdir()
        (tmp_path / "code/train.py").write_text(script)
        (tmp_path / "data").mkdir()
        (tmp_path / "data/a.txt").write_text("mine")
        source = {"S3DataType": "S3Prefix", "S3Uri": str(tmp_path / "data")}
        document = {
            "TrainingJobName": "Dump-1",
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
            "InputDataConfig": [
                {"ChannelName": "training", "DataSource": {"S3DataSource": source}}
            ],
            "OutputDataConfig": {"S3OutputPath": str(tmp_path / "out")},
            "ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"file://{tmp_path}/code",
                "text": HOSTILE,
            },
            "Environment": {"TEXT": HOSTILE, "LINES": "one\ntwo\n", "EMPTY": ""},
            **members,
        }
        place = tmp_path / "job.json"
        place.write_text(json.dumps(document))
        return place

    return write


def entry_point(
    request_document: Callable[..., Path], program: str, *, isolated: bool = False, **env: str
) -> Path:
    """A job whose hosts run a program alone, whose exit code is theirs."""
    return request_document(
        program,
        AlgorithmSpecification={
            "TrainingImage": "sagelet-test/toolkit:1",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/code/train.py"],
        },
        Environment=env,
        EnableNetworkIsolation=isolated,
    )


def dumps_in(folder: Path) -> dict[str, dict[str, Any]]:
    return {p.stem: json.loads(p.read_text()) for p in folder.glob("algo-*.json")}


def test_a_script_sees_what_it_sees_in_a_job_of_ours(
    projects: Projects, request_document: Callable[..., Path], tmp_path: Path
) -> None:
    document = request_document(
        DUMP,
        CheckpointConfig={"S3Uri": str(tmp_path / "kept")},
        Tags=[{"Key": "sagelet:memory", "Value": "512m"}],
    )
    done = sagelet("train", "--request", str(document))
    assert done.returncode == 0, done.stdout + done.stderr
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    archive = tmp_path / "out/Dump-1/output/model.tar.gz"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    expected = dumps_in(unpacked)

    folder = projects.write(str(document))
    if os.geteuid() == 0:
        os.chown(folder, 1234, 1234)
    up = docker.compose(folder, "up")
    assert up.returncode == 0, up.stdout
    found = dumps_in(folder / "model")

    assert set(found) == set(expected) == {"algo-1", "algo-2"}
    for host, seen in found.items():
        wanted = expected[host]
        assert set(seen["environment"]) <= set(wanted["environment"])
        for variable in TALKBACK:
            wanted["environment"].pop(variable, None)
            seen["environment"].pop(variable, None)  # the image may have one of its own
        addresses = seen.pop("addresses")
        assert set(addresses) == set(wanted.pop("addresses")) == {"algo-1", "algo-2"}
        assert len(set(addresses.values())) == 2
        for name, content in wanted["config"].items():
            assert base64.b64decode(seen["config"][name]) == base64.b64decode(content), name
        assert abs(seen.pop("shm") - wanted.pop("shm")) <= 256  # pages: MiB are whole in compose
        assert seen == wanted

    # All hosts' files are in one place, the first host's where both wrote one.
    assert (folder / "model/shared").read_text() == "algo-1"
    assert (folder / "model/deep/algo-2").readlink() == Path("nowhere")
    assert (folder / "output/data/algo-2").read_text() == "algo-2"
    assert "algo-2: ./shared: there is one already, which stays" in up.stdout
    # They belong to whom the project belongs; the user's files are as they were.
    for path in ("model/shared", "output/data/algo-2", "job/algo-2/model", "job/scratch"):
        assert (folder / path).stat().st_uid == folder.stat().st_uid, path
    assert {p.name: p.read_text() for p in (tmp_path / "data").iterdir()} == {"a.txt": "mine"}

    # A second start is a fresh one.
    (folder / "model/old").write_text("of the last run")
    again = docker.compose(folder, "up")
    assert again.returncode == 0, again.stdout
    assert not (folder / "model/old").exists()
    assert dumps_in(folder / "model")["algo-2"]["data"] == {"a.txt": "mine"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["algo-1", "algo-2", "collect"], 3), ([], 1)],
    ids=["named", "all"],
)
def test_a_host_that_fails_ends_the_other(
    projects: Projects, request_document: Callable[..., Path], arguments: list[str], code: int
) -> None:
    folder = projects.write(
        str(entry_point(request_document, WAIT, isolated=code == 3, FAILS="algo-2"))
    )
    up = docker.compose(folder, "up", "--abort-on-container-failure", *arguments)
    assert "algo-1 was told to end" in up.stdout
    assert "algo-2-1 exited with code 3" in up.stdout
    assert up.returncode == code


def test_a_failure_is_told_by_a_plain_up_too(
    projects: Projects, request_document: Callable[..., Path]
) -> None:
    script = """
import os, pathlib, socket, sys
pathlib.Path("/opt/ml/model", socket.gethostname()).write_text("")
sys.exit(7 * (socket.gethostname() == "algo-1"))
"""
    folder = projects.print(entry_point(request_document, script))
    up = docker.compose(folder, "up")
    assert up.returncode == 1
    assert "algo-1-1 exited with code 7" in up.stdout
    assert sorted(p.name for p in (folder / "model").iterdir()) == ["algo-1", "algo-2"]


@pytest.mark.parametrize("way", ["Ctrl-C", "stop"])
def test_a_stop_reaches_the_script_as_sigterm(
    projects: Projects, request_document: Callable[..., Path], way: str
) -> None:
    folder = projects.write(str(entry_point(request_document, WAIT)))
    with docker.start(folder, "up") as up:
        read_until(up, "is ready")
        read_until(up, "is ready")
        if way == "stop":
            assert docker.compose(folder, "stop").returncode == 0
        else:
            docker.interrupt(up)
        up.communicate()
    said = docker.compose(folder, "logs").stdout
    assert "algo-1 was told to end" in said
    assert "algo-2 was told to end" in said
    assert docker.compose(folder, "run", "--rm", "--no-deps", "collect").returncode == 0
    assert list((folder / "job/scratch").iterdir()) == []
    if way == "Ctrl-C":
        assert up.returncode == 130


def test_two_projects_of_one_job_run_beside_each_other(
    projects: Projects, request_document: Callable[..., Path]
) -> None:
    document = str(entry_point(request_document, WAIT))
    here, there = (projects.write(document) for _ in range(2))
    with docker.start(here, "up") as first, docker.start(there, "up") as second:
        for running in (first, second):
            read_until(running, "is ready")
            read_until(running, "is ready")
        assert docker.compose(here, "stop").returncode == 0
        first.communicate()
        assert docker.compose(there, "ps", "--services").stdout.split() == ["algo-1", "algo-2"]
        assert docker.compose(there, "stop").returncode == 0
        second.communicate()
    for folder in (here, there):
        assert docker.compose(folder, "logs").stdout.count("was told to end") == 2


def test_an_isolated_host_reads_a_channel_from_s3_without_sagelet(
    projects: Projects, home: Path, tmp_path: Path
) -> None:
    objects = open_store(home).objects
    objects.create_bucket("digits", "us-east-1")
    (tmp_path / "object").write_text("of s3")
    objects.put("digits", "data/x/a.txt", tmp_path / "object")
    script = """
import pathlib
data = pathlib.Path("/opt/ml/input/data")
listed = (data / "training-manifest").read_text().split()
print("has", (data / "training/x/a.txt").read_text(), listed)
(data / "training/x/a.txt").write_text("changed")
"""
    options = ["--channel", "training=s3://digits/data/", "--isolated"]
    folder = projects.make(script, *options)
    up = docker.compose(folder, "up")
    assert up.returncode == 0, up.stdout
    assert "has of s3 ['data/', 's3://digits/data/x/a.txt']" in up.stdout
    assert (folder / "job/inputs/training/x/a.txt").read_text() == "of s3"

    refused = sagelet("compose", str(tmp_path / "train.py"), "--image", projects.image, *options)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "channel 'training' comes from s3://digits/data/" in refused.stderr
    assert "-o DIR" in refused.stderr


def test_files_of_others_are_not_removed(projects: Projects) -> None:
    folder = projects.make("print('ran')")
    (folder / "model").mkdir()
    (folder / "model/precious").write_text("mine")
    up = docker.compose(folder, "up")
    assert up.returncode == 1
    assert "holds files of others" in up.stdout
    assert "ran" not in up.stdout
    assert (folder / "model/precious").read_text() == "mine"


def test_without_an_overlay_the_channel_is_read_only(projects: Projects, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").write_text("mine")
    script = """
import pathlib
try:
    pathlib.Path("/opt/ml/input/data/training/a").write_text("changed")
except OSError as error:
    print("refused:", error.strerror)
"""
    folder = projects.make(script, "--channel", f"training={tmp_path}/data", "--read-only")
    up = docker.compose(folder, "up")
    assert up.returncode == 0, up.stdout
    assert "refused: Read-only file system" in up.stdout
