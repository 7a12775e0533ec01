"""The control plane in a container: jobs are its siblings, files are the home owner's."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import wait_until
from support.clients import client_python
from support.plane_image import ROOT, build_plane_image
from support.serve import SCRIPTS

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1200)]


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=[0, 12345])
def place(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that root or somebody else owns; anybody can reach it."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make folders of others")
    root = Path(tempfile.mkdtemp(prefix="sagelet-image-"))
    root.chmod(0o755)
    (root / "home").mkdir()
    os.chown(root / "home", request.param, request.param)
    yield root
    shutil.rmtree(root)


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


def train(environ: dict[str, str], place: Path, image: str) -> None:
    """Stock boto3 on the host: logs of a job, three jobs and what they leave."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    for script, count in (("boto3_logs.py", 3000), ("boto3_many.py", 3)):
        done = subprocess.run(
            [str(client_python("boto3")), str(SCRIPTS / script), image, str(count)],
            env={**kept, "HOME": str(place), **environ},
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_job_trains_in_a_sibling(place: Path, image: str) -> None:
    home, name = place / "home", f"sagelet-test-{os.getpid()}"
    docker(
        *("run", "-d", "--name", name, "--network", "host", "-e", f"SAGELET_HOME={home}"),
        *("-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", f"{home}:{home}"),
        *("-e", f"SAGELET_PORT={free_port()}", build_plane_image()),
    )
    try:
        wait_until(
            lambda: docker("inspect", "-f", "{{.State.Health.Status}}", name) == "healthy",
            f"health: {docker('logs', name)}",
            60,
        )
        environ = json.loads(docker("exec", name, "sagelet", "env", "--format", "json"))
        train(environ, place, image)
        docker("stop", "-t", "30", name)
        assert docker("inspect", "-f", "{{.State.ExitCode}}", name) == "0", docker("logs", name)
        assert owners(home) == {home.stat().st_uid}
        left = docker("ps", "-aq", "--filter", f"label=sagelet.home={home}")
        assert left == ""
    finally:
        print(docker("logs", name))
        docker("rm", "-f", name)


def test_compose_brings_it_up(place: Path, image: str) -> None:
    if subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    ).returncode:
        pytest.skip("needs Docker Compose 2")
    home = place / "home"
    # The image under test takes the place of the public name, which this machine may have too.
    (place / "image.yaml").write_text(
        json.dumps({"services": {"sagelet": {"image": build_plane_image()}}})
    )
    compose = ["compose", "-p", f"sagelet-test-{os.getpid()}"]
    compose += ["-f", str(ROOT / "compose.yaml"), "-f", str(place / "image.yaml")]
    environ = {**os.environ, "SAGELET_HOME": str(home), "SAGELET_PORT": str(free_port())}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["docker", *compose, *arguments],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        run("up", "-d", "--wait", "--no-build", "--pull", "never")
        said = run("exec", "-T", "sagelet", "sagelet", "env", "--format", "json")
        train(json.loads(said), place, image)
    finally:
        run("down", "--timeout", "30")
    assert owners(home) == {home.stat().st_uid}
