"""The README's commands, from a fresh clone, as a new user types them."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.compose import missing

ROOT = Path(__file__).parents[2]
COURSE_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-training:2.1.0-gpu-py3"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is committed, and nothing else."""
    place = tmp_path_factory.mktemp("clone") / "sagelet"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(place)], check=True)
    return place


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home of its own; environments are kept between runs, as a user's are."""
    keep = ("PATH", "HOME", "LANG", "DOCKER_HOST", "SAGELET_CACHE", "TMPDIR")
    environ = {
        key: value
        for key, value in os.environ.items()
        if key in keep or key.startswith("PIP_") or key.lower().endswith("_proxy")
    }
    return {**environ, "SAGELET_HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture(scope="module")
def make(clone: Path, environ: dict[str, str]) -> Make:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", f"PYTHON={sys.executable}", *arguments],
            cwd=clone,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=1400,
        )

    return run


BACKENDS = ["process", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("target", ["train-torch", "train-tf"])
def test_training_on_real_digits_leaves_a_versioned_model(
    make: Make, clone: Path, environ: dict[str, str], target: str, backend: str
) -> None:
    done = make(target, f"BACKEND={backend}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "algo-1 | epoch=1 " in done.stdout
    name = {"train-torch": "pytorch-mnist", "train-tf": "tensorflow-mnist"}[target]
    models = json.loads(
        subprocess.run(
            [str(clone / ".venv/bin/sagelet"), "models", name, "--json"],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert models[-1]["Metrics"]["test:accuracy"] >= 0.95
    with tarfile.open(Path(models[-1]["Path"]) / "model.tar.gz") as tar:
        names = tar.getnames()
    wanted = {"train-torch": "000000001/model.pt", "train-tf": "000000001/saved_model.pb"}[target]
    assert wanted in names
    assert str(Path(models[-1]["Path"]) / "model.tar.gz") in done.stderr

    again = make(target, f"BACKEND={backend}", "EPOCHS=1", "HOSTS=2")
    assert again.returncode == 0, again.stderr[-3000:]
    digests = {line.partition("weights=")[2] for line in again.stdout.splitlines()} - {""}
    assert len(digests) == 1
    assert "algo-2 | weights=" in again.stdout
    for setting_up in ("setting up", "creating the", "building", "Collecting", "Step "):
        assert setting_up not in again.stdout + again.stderr
    assert f"version {models[-1]['Version'] + 1}" in again.stderr


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_script_of_2020_runs_unmodified_under_its_own_image_name(
    make: Make, clone: Path, environ: dict[str, str], backend: str
) -> None:
    assert make("data").returncode == 0
    done = subprocess.run(
        [
            str(clone / ".venv/bin/sagelet"),
            "train",
            str(ROOT / "tests/integration/scripts/keras2_style.py"),
            "--image",
            COURSE_IMAGE,
            "--backend",
            backend,
            "--channel",
            "training=examples/mnist/data",
            "--model",
            f"keras2-{backend}",
            "--hp",
            "epochs=1",
        ],
        cwd=clone,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    archive = Path(environ["SAGELET_HOME"]) / "models" / f"keras2-{backend}" / "1" / "model.tar.gz"
    with tarfile.open(archive) as tar:
        assert any(name.endswith("saved_model.pb") for name in tar.getnames())


def test_make_without_a_target_lists_them(make: Make) -> None:
    done = make()
    assert done.returncode == 0
    for target in ("train-torch", "train-tf", "test", "data-full", "doctor"):
        assert f"  {target} " in done.stdout


def test_auto_without_docker_runs_and_says_why(
    make: Make, clone: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    assert make("data").returncode == 0
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "train-torch", "EPOCHS=1"],
        cwd=clone,
        env={**environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "backend: process (no Docker engine runs here" in done.stderr


@pytest.mark.docker
def test_auto_takes_docker_where_an_engine_answers(make: Make) -> None:
    done = make("train-torch", "EPOCHS=1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "backend: docker (an engine answers)" in done.stderr


@pytest.mark.docker
@pytest.mark.skipif(
    bool(missing()) and os.environ.get("CI") != "true", reason="needs docker compose"
)
def test_the_compose_demo_leaves_a_model_for_two_and_for_four_hosts(
    make: Make, clone: Path
) -> None:
    done = make("compose-demo")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for hosts in (2, 4):
        folder = clone / "build" / "compose-demo" / f"{hosts}-hosts"
        assert (folder / "model/000000001/model.pt").stat().st_size > 100_000


def test_a_missing_npm_is_said_clearly(
    clone: Path, make: Make, environ: dict[str, str], tmp_path: Path
) -> None:
    assert make("setup").returncode == 0
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "sh", "grep", "sed", "python3", "touch"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    done = subprocess.run(
        ["make", "data-full"],
        cwd=clone,
        env={**environ, "PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert "npm" in done.stderr
    assert "Traceback" not in done.stderr
