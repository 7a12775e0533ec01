"""What only the process backend has: namespaces, layered environments, an ordinary user."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sagelet.execution.docker.ping import find_engine
from sagelet.execution.probe import namespaces_refused
from support.cli import Trainer, describe, folder_of, running_with, sagelet
from support.image import NAME
from support.package import write_package

ROOT = Path(__file__).parents[2]


@pytest.fixture
def trainer(home: Path, tmp_path: Path) -> Trainer:
    return Trainer("process", str, tmp_path / "code")


@pytest.fixture
def namespaces(tmp_path: Path) -> None:
    refused = namespaces_refused(tmp_path / "probe")
    if refused:
        pytest.skip(f"needs namespaces: {refused}")


@pytest.mark.usefixtures("namespaces")
def test_a_host_has_its_own_opt_ml_hostname_and_process_tree(trainer: Trainer) -> None:
    before = Path("/opt/ml").exists()
    done = trainer.run(
        """
import os, socket
print(socket.gethostname(), socket.gethostbyname("algo-1"))
print(sorted(os.listdir("/opt/ml")), len([p for p in os.listdir("/proc") if p.isdigit()]) <= 3)
print(os.getcwd(), sorted(set(os.listdir("/opt")) - {"ml"}) )
"""
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | algo-1 127.77." in done.stdout
    assert "algo-1 | ['checkpoints', 'code', 'input', 'model', 'output'] True" in done.stdout
    other = sorted({p.name for p in Path("/opt").iterdir()} - {"ml"})
    assert f"algo-1 | /opt/ml/code {other}" in done.stdout
    assert Path("/opt/ml").exists() == before


@pytest.mark.usefixtures("namespaces")
def test_network_isolation_leaves_only_loopback(trainer: Trainer) -> None:
    done = trainer.run(
        """
import socket
print([name for _, name in socket.if_nameindex()])
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
print("loopback works")
""",
        "--isolated",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "loopback works" in done.stdout
    assert "eth" not in done.stdout.split("\n")[-3]


def test_without_namespaces_isolation_is_refused_not_ignored(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGELET_NAMESPACES", "off")
    done = trainer.run("print('ran')", "--isolated", "--name", "open")
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert "EnableNetworkIsolation needs namespaces" in describe("open")["FailureReason"]


def test_without_namespaces_it_says_so(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGELET_NAMESPACES", "off")
    done = trainer.run("import os; print(os.environ['SM_MODEL_DIR'])", "--name", "plain")
    assert done.returncode == 0, done.stderr
    assert "no private /opt/ml (switched off)" in done.stderr
    assert "/jobs/us-east-1/plain/algo-1/ml/model" in done.stdout


@pytest.mark.parametrize("namespace", ["on", "off"])
def test_what_a_script_leaves_running_is_ended(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    monkeypatch.setenv("SAGELET_NAMESPACES", namespace)
    done = trainer.run(
        """
import subprocess, sys
for session in (False, True):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"],
                     start_new_session=session, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL)
""",
        "--env",
        "MARK=left-running-mark",
    )
    assert done.returncode == 0, done.stderr
    assert not running_with("left-running-mark")


def test_requirements_are_installed_for_the_job_only(trainer: Trainer, tmp_path: Path) -> None:
    write_package(tmp_path / "code" / "sixfold")
    (tmp_path / "code" / "requirements.txt").write_text("./sixfold\n")
    trainer.script("import sixfold, numpy; print('answer', sixfold.ANSWER)")
    done = sagelet(
        "train",
        "train.py",
        "--source-dir",
        str(tmp_path / "code"),
        *trainer.where(),
        "--env",
        "PIP_NO_INDEX=1",
        "--env",
        "PIP_DISABLE_PIP_VERSION_CHECK=1",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | answer 42" in done.stdout
    there = subprocess.run(
        [sys.executable, "-c", "import sixfold"], check=False, capture_output=True, cwd="/"
    )
    assert there.returncode != 0, "the environment the job started from is unchanged"


def test_a_full_disk_while_archiving_fails_clearly_and_keeps_the_model(
    trainer: Trainer, home: Path, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=True)
    try:
        done = trainer.run(
            "import os\nopen(os.environ['SM_MODEL_DIR'] + '/w', 'wb').write(os.urandom(5_000_000))",
            "--name",
            "full",
            "--output",
            str(small),
        )
        assert done.returncode == 1
        reason = describe("full")["FailureReason"]
        assert "Artifact upload failed: No space left on device" in reason
        assert [p for p in small.rglob("*") if p.is_file()] == []
        assert (folder_of(home, "full") / "algo-1/ml/model/w").stat().st_size == 5_000_000
        assert sagelet("models", "--json").stdout.strip() == "[]"
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("backend", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_an_ordinary_user_owns_everything_in_the_end(
    request: pytest.FixtureRequest, everyone: Path, backend: str
) -> None:
    python = "/usr/bin/python3"
    if os.geteuid() != 0 or shutil.which("setpriv") is None or not Path(python).exists():
        pytest.skip("needs root, setpriv and the system's python3 to become another user")
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if version != str(sys.version_info[:2]):
        pytest.skip(f"the system's python3 is {version}, this one {sys.version_info[:2]}")
    where = ["--python", python]
    groups = "--clear-groups"
    if backend == "docker":
        request.getfixturevalue("image")
        where = ["--image", NAME]
        socket = find_engine(os.environ.get("DOCKER_HOST"), None).removeprefix("unix://")
        groups = f"--groups={Path(socket).stat().st_gid}"
    site = next(p for p in sys.path if p.endswith("site-packages"))
    # The checkout may lie where that user cannot go: show it to them under /mnt.
    inside = f"""
set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/repo /mnt/site
mount --bind {ROOT} /mnt/repo
mount --bind {site} /mnt/site
exec setpriv --reuid=1001 --regid=1001 {groups} env -i HOME={everyone} PATH=/usr/bin:/bin \
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/mnt/repo/runtime:/mnt/site \
  {python} -m sagelet train {everyone}/train.py --name mine --backend {backend} \
  --channel training={everyone}/data --checkpoints {everyone}/checkpoints {" ".join(where)}
"""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", inside], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    foreign = [p for p in everyone.rglob("*") if p.lstat().st_uid != 1001]
    assert foreign == []
    assert sorted(p.name for p in (everyone / "data").iterdir()) == ["a"]
    assert (everyone / ".sagelet/models/mine/1/model.tar.gz").exists()
    assert not (everyone / ".sagelet/jobs/us-east-1/mine/algo-1/scratch").exists()


def test_a_job_gets_the_gpus_it_asks_for(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver's listing program is all that is looked at: this one lists two devices."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: A'\necho 'GPU 1: B'\n")
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    script = "import os\nprint(os.environ['SM_NUM_GPUS'], repr(os.environ['CUDA_VISIBLE_DEVICES']))"
    for asked, seen in (("0", "0 ''"), ("1", "1 '0'"), ("2", "2 '0,1'"), ("all", "2 '0,1'")):
        done = trainer.run(script, "--gpus", asked)
        assert done.returncode == 0, done.stderr
        assert f"algo-1 | {seen}" in done.stdout
    done = trainer.run(script, "--gpus", "3")
    assert done.returncode == 2
    assert "asks for 3 GPU(s) over 1 host(s) and this machine has 2" in done.stderr
    done = trainer.run(script, "--gpus", "1", "--hosts", "2")
    assert "algo-1 | 1 '0'" in done.stdout
    assert "algo-2 | 1 '1'" in done.stdout, "no device twice"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert "algo-1 | 1 '1'" in trainer.run(script, "--gpus", "1").stdout
    assert trainer.run(script, "--gpus", "2").returncode == 2
