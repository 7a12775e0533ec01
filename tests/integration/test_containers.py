"""What only containers have: bring your own image, limits, isolation, leftovers."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from sagelet.execution.docker.network import gateway
from support.cli import COMMAND, Trainer, describe, log_of, planes_of, sagelet, wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def trainer(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Trainer:
    return Trainer("docker", lambda: request.getfixturevalue("image"), tmp_path / "code")


@pytest.fixture(scope="session")
def own_image(image: str) -> Iterator[str]:
    """Somebody's own algorithm: a `train` program and nothing of ours."""
    program = """#!/usr/bin/python3
import json, os, sys
print("argv", sys.argv[1:], "cwd", os.getcwd(), "uid", os.getuid())
print("sm", sorted(k for k in os.environ if k.startswith("SM_")))
print("hp", json.load(open("/opt/ml/input/config/hyperparameters.json")))
print("data", os.listdir("/opt/ml/input/data/training"))
open("/opt/ml/model/model.txt", "w").write("mine")
if os.environ.get("FAIL"):
    open("/opt/ml/output/failure", "w").write("ran out of coffee")
    sys.exit(int(os.environ["FAIL"]))
"""
    dockerfile = (
        f"FROM {image}\nENV PATH=/usr/local/bin:/usr/bin:/bin\nCOPY train /usr/local/bin/\n"
    )
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, text, mode in (("Dockerfile", dockerfile, 0o644), ("train", program, 0o755)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), mode
            tar.addfile(info, io.BytesIO(text.encode()))
    context.seek(0)
    api = docker.APIClient(version="auto")
    name = "sagelet-test/own:1"
    assert not any(
        "error" in m
        for m in api.build(fileobj=context, custom_context=True, tag=name, decode=True, rm=True)
    )
    yield name
    api.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.npy").write_bytes(b"1")
    return tmp_path / "data"


def test_an_own_image_trains_unmodified(home: Path, own_image: str, data: Path) -> None:
    done = sagelet(
        "train",
        "--image",
        own_image,
        "--channel",
        f"training={data}",
        "--hp",
        "depth=3",
        "--name",
        "own",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | argv [] cwd / uid 0" in done.stdout
    assert "algo-1 | sm []" in done.stdout
    assert "algo-1 | hp {'depth': '3'}" in done.stdout
    assert "algo-1 | data ['x.npy']" in done.stdout
    with tarfile.open(home / "models/own/1/model.tar.gz") as tar:
        assert tar.getnames() == ["model.txt"]


def test_an_own_images_failure_file_is_the_reason(home: Path, own_image: str, data: Path) -> None:
    done = sagelet(
        "train",
        "--image",
        own_image,
        "--channel",
        f"training={data}",
        "--name",
        "own",
        "--env",
        "FAIL=7",
    )
    assert done.returncode == 1
    assert describe("own")["FailureReason"] == "AlgorithmError: ran out of coffee, exit code: 7"


@pytest.mark.parametrize(
    ("algorithm", "printed"),
    [
        ({"ContainerEntrypoint": ["/bin/echo", "entry"]}, "algo-1 | entry"),
        ({"ContainerArguments": ["/bin/echo", "args"]}, "algo-1 | args"),
        (
            {"ContainerEntrypoint": ["/bin/echo"], "ContainerArguments": ["both", "of them"]},
            "algo-1 | both of them",
        ),
    ],
)
def test_entrypoint_and_arguments_of_the_request(
    home: Path, image: str, tmp_path: Path, algorithm: dict[str, list[str]], printed: str
) -> None:
    (tmp_path / "job.json").write_text(
        json.dumps(
            {
                "TrainingJobName": "entry",
                "RoleArn": "arn:aws:iam::123456789012:role/any",
                "AlgorithmSpecification": {
                    "TrainingImage": image,
                    "TrainingInputMode": "File",
                    **algorithm,
                },
                "OutputDataConfig": {"S3OutputPath": str(tmp_path / "out")},
            }
        )
    )
    done = sagelet("train", "--request", str(tmp_path / "job.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [printed]
    assert (tmp_path / "out/entry/output/model.tar.gz").exists()


ALONE = """
import json, os, socket, time, urllib.request
me, peers = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"])
door = socket.create_server(("0.0.0.0", 9999))
for address in {addresses!r}:
    try:
        socket.create_connection((address, {port}), timeout=1)
        print("reached", address, flush=True)
    except OSError:
        print("no way to", address, flush=True)
for peer in peers:
    while True:  # until the job's own time is over
        try:
            socket.create_connection((peer, 9999), timeout=1)
            break
        except OSError:
            time.sleep(0.05)
    print("reached", peer, flush=True)
for _ in peers:  # stay until all have been here
    door.accept()
"""


def addresses_of_this_machine() -> list[str]:
    listed = subprocess.run(
        ["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True
    ).stdout
    found = [line.split()[3].partition("/")[0] for line in listed.splitlines()]
    return [address for address in found if not address.startswith("127.")]


@pytest.mark.parametrize("hosts", [1, 2])
def test_isolated_hosts_reach_their_peers_and_nothing_of_this_machine(
    trainer: Trainer, hosts: int
) -> None:
    ours = addresses_of_this_machine()
    assert ours
    with socket.create_server(("0.0.0.0", 0)) as service:
        script = ALONE.format(addresses=ours, port=service.getsockname()[1])
        done = trainer.run(script, "--isolated", "--hosts", str(hosts), "--max-run", "60")
    assert done.returncode == 0, done.stdout
    for address in ours:
        assert done.stdout.count(f"no way to {address}\n") == hosts
    for number in range(1, hosts + 1):
        assert done.stdout.count(f"reached algo-{number}\n") == hosts


def test_the_machine_s_address_is_known_of_a_new_engine_too(image: str) -> None:
    """Before its first restart an engine does not name its bridge's gateway."""
    api = docker.APIClient(version="auto")
    try:
        said = api.inspect_network("bridge")
        container = api.create_container(image, entrypoint=["sleep"], command=["60"])["Id"]
        try:
            api.start(container)
            networks = api.inspect_container(container)["NetworkSettings"]["Networks"]
        finally:
            api.remove_container(container, force=True)
    finally:
        api.close()
    seen = networks["bridge"]["Gateway"]
    assert gateway(said) == seen
    for config in said["IPAM"]["Config"]:
        config.pop("Gateway", None)
    assert gateway(said) == seen
    assert gateway({**said, "Options": {}}) is None


def test_an_image_without_train_says_so(home: Path, tmp_path: Path, image: str) -> None:
    done = sagelet("train", "--image", "sagelet/hands:none", "--name", "none")
    assert done.returncode == 2
    (tmp_path / "job.json").write_text(
        json.dumps(
            {
                "TrainingJobName": "entry",
                "RoleArn": "arn:aws:iam::123456789012:role/any",
                "AlgorithmSpecification": {
                    "TrainingImage": image,
                    "TrainingInputMode": "File",
                    "ContainerEntrypoint": ["/nope"],
                },
                "OutputDataConfig": {"S3OutputPath": str(tmp_path / "out")},
            }
        )
    )
    done = sagelet("train", "--request", str(tmp_path / "job.json"))
    assert done.returncode == 1
    assert "cannot run its training command" in describe("entry")["FailureReason"]


def test_limits_shared_memory_and_isolation_reach_the_container(trainer: Trainer) -> None:
    done = trainer.run(
        """
import os, socket
def first(*paths):
    return next(open(p).read().strip() for p in paths if os.path.exists(p))
print("memory", first("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"))
stat = os.statvfs("/dev/shm")
print("shm", stat.f_blocks * stat.f_frsize)
print("interfaces", sorted(name for _, name in socket.if_nameindex() if name in ("lo", "eth0")))
print("me", socket.gethostbyname(os.environ["SM_CURRENT_HOST"]))
""",
        "--memory",
        "300m",
        "--shm-size",
        "100m",
        "--cpus",
        "0.5",
        "--isolated",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"algo-1 | memory {300 * 1024**2}" in done.stdout
    assert f"algo-1 | shm {100 * 1024**2}" in done.stdout
    assert "algo-1 | interfaces ['lo']" in done.stdout
    assert "algo-1 | me 127.0.0.1" in done.stdout


def test_running_out_of_memory_says_so(trainer: Trainer) -> None:
    done = trainer.run(
        "b = bytearray(600_000_000)\nprint(len(b))", "--memory", "100m", "--name", "hungry"
    )
    assert done.returncode == 1
    reason = describe("hungry")["FailureReason"]
    assert reason.startswith("ClientError: Please use an instance type with more memory"), reason


def test_a_channel_on_a_file_system_without_overlay_is_read_only(
    trainer: Trainer, tmp_path: Path
) -> None:
    """An overlay's scratch cannot lie on an overlay: run with the home inside one."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount an overlay")
    folders = {n: tmp_path / n for n in ("low", "up", "work", "merged", "data")}
    for folder in folders.values():
        folder.mkdir()
    (folders["data"] / "x").write_text("1")
    options = ",".join(
        f"{k}dir={folders[n]}" for k, n in (("lower", "low"), ("upper", "up"), ("work", "work"))
    )
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(folders["merged"])], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine mounts no overlay")
    try:
        script = trainer.script(
            "import os\nd = os.environ['SM_CHANNEL_TRAINING']\nprint(os.listdir(d))\n"
            "try: open(d + '/new', 'w')\nexcept OSError as e: print(e.strerror)"
        )
        done = subprocess.run(
            [
                *COMMAND,
                "train",
                script,
                *trainer.where(),
                "--channel",
                f"training={folders['data']}",
            ],
            env={**os.environ, "SAGELET_HOME": str(folders["merged"] / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "algo-1 | ['x']" in done.stdout
        assert "algo-1 | Read-only file system" in done.stdout
        assert "is read-only here" in done.stderr
        assert [p.name for p in folders["data"].iterdir()] == ["x"]
    finally:
        wait_until(lambda: not planes_of(folders["merged"] / "home"), "the control plane's end")
        unmount = ["umount", str(folders["merged"])]
        wait_until(  # a process that has ended may hold it for a moment more
            lambda: subprocess.run(unmount, check=False).returncode == 0, "nobody to use the folder"
        )


def test_a_container_removed_from_outside_fails_the_job(trainer: Trainer, home: Path) -> None:
    running = trainer.start(
        "import time\nprint('ready', flush=True)\ntime.sleep(60)", "--name", "gone"
    )
    wait_until(lambda: b"ready" in log_of(home, "gone"), "the script")
    found = subprocess.run(
        ["docker", "ps", "-q", "--filter", "label=sagelet.job=gone"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    subprocess.run(["docker", "rm", "-f", *found], check=True, capture_output=True)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 1, output
    assert describe("gone")["TrainingJobStatus"] == "Failed"


def test_killed_between_create_and_start_is_cleaned_by_the_next_command(
    home: Path, image: str
) -> None:
    """Nobody can time that kill: a control plane that does it, and the command starts another."""
    program = """
import sys, time, os
from sagelet.app import create_app
from sagelet.settings import Settings
from sagelet.execution.docker.backend import DockerBackend
DockerBackend.original = DockerBackend._create
def create(self, *args, **kwargs):
    DockerBackend.original(self, *args, **kwargs)
    os.kill(os.getpid(), 9)
DockerBackend._create = create
from sagelet.__main__ import main
sys.argv = ["sagelet", "serve", "--port", "0"]
main()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as plane:
        assert plane.stdout is not None
        plane.stdout.readline()
        done = sagelet("train", "--image", image, "--name", "half")
        assert plane.wait() == -9
    assert done.returncode == 1, done.stderr
    assert describe("half")["TrainingJobStatus"] == "Failed"
    left = subprocess.run(
        ["docker", "ps", "-aq", "--filter", "label=sagelet.job=half"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert left == ""


def test_starting_does_not_wait_for_the_channels_size(trainer: Trainer, tmp_path: Path) -> None:
    """No copy: a channel far larger than the disk's free space starts all the same."""
    folder = tmp_path / "huge"
    folder.mkdir()
    with (folder / "data.npy").open("wb") as file:
        file.truncate(2 << 40)
    done = trainer.run(
        "import os\nprint(os.path.getsize(os.environ['SM_CHANNEL_TRAINING'] + '/data.npy'))",
        "--channel",
        f"training={folder}",
    )
    assert done.returncode == 0, done.stderr
    assert f"algo-1 | {2 << 40}" in done.stdout


def test_an_image_whose_program_is_not_root_can_write_its_outputs(
    home: Path, own_image: str, data: Path, tmp_path: Path
) -> None:
    api = docker.APIClient(version="auto")
    context = io.BytesIO()
    text = f"FROM {own_image}\nUSER 1234\n".encode()
    with tarfile.open(fileobj=context, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    context.seek(0)
    name = "sagelet-test/ordinary:1"
    list(api.build(fileobj=context, custom_context=True, tag=name, decode=True, rm=True))
    api.close()
    done = sagelet("train", "--image", name, "--channel", f"training={data}", "--name", "u")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "uid 1234" in done.stdout
    with tarfile.open(home / "models/u/1/model.tar.gz") as tar:
        assert tar.getnames() == ["model.txt"]
