"""Shared fixtures: a home of its own for each test, the command line, the backends."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sagelet.execution.docker.ping import find_engine, why_silent

ROOT = Path(__file__).parents[1]
IN_CI = os.environ.get("CI") == "true"

sys.path.insert(0, str(ROOT / "tests"))

from support.cli import Trainer  # noqa: E402

# How long an example takes is the machine's affair.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not IN_CI and not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: make test-all runs it"))
    silent = why_silent(find_engine(os.environ.get("DOCKER_HOST"), None))
    if silent is None:
        return
    if IN_CI:
        pytest.exit(f"in CI the Docker tests may not skip, and {silent}", returncode=3)
    for item in items:
        if item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.skip(reason=f"needs Docker: {silent}"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh SAGELET_HOME for this process and all it starts."""
    place = tmp_path / "home"
    monkeypatch.setenv("SAGELET_HOME", str(place))
    monkeypatch.setenv("SAGELET_CACHE", str(cache))
    for name in (
        "SAGELET_BACKEND",
        "SAGELET_NAMESPACES",
        "SAGELET_NETWORKS",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    return place


@pytest.fixture(
    params=["process", "paths", pytest.param("docker", marks=pytest.mark.docker)],
)
def backend(
    request: pytest.FixtureRequest,
    home: Path,  # first: it removes the variable that is set here
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Each way to run a host: namespaces, private paths, containers."""
    if request.param == "paths":
        monkeypatch.setenv("SAGELET_NAMESPACES", "off")
    return "docker" if request.param == "docker" else "process"


@pytest.fixture(scope="session")
def image() -> str:
    """A small image that keeps the training contract: Python and the toolkit, no framework."""
    from support.image import build_test_image

    return build_test_image()


@pytest.fixture
def trainer(backend: str, request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> "Trainer":
    return Trainer(backend, lambda: request.getfixturevalue("image"), tmp_path / "code")


@pytest.fixture
def everyone() -> Iterator[Path]:
    """A folder of another user's, reachable by them."""
    folder = Path(tempfile.mkdtemp(prefix="sagelet-user-"))
    folder.chmod(0o755)
    (folder / "data").mkdir()
    (folder / "data" / "a").write_text("1")
    (folder / "train.py").write_text(
        "import os\nd = os.environ['SM_MODEL_DIR'] + '/private'\nos.makedirs(d, mode=0o700)\n"
        "open(d + '/w', 'w').write('x')\nos.chmod(d + '/w', 0o600)\n"
        "open(os.environ['SM_CHANNEL_TRAINING'] + '/new', 'w').write('x')\n"
    )
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 1001, 1001)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_in_docker(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The whole suite leaves no container, volume or network of its homes."""
    yield
    if why_silent(find_engine(os.environ.get("DOCKER_HOST"), None)):
        return
    homes = str(tmp_path_factory.getbasetemp())
    for what in (["container", "ls", "-a"], ["volume", "ls"], ["network", "ls"]):
        left = subprocess.run(
            ["docker", *what, "--filter", "label=sagelet.job", "--format", "{{.Labels}}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        assert [line for line in left if f"sagelet.home={homes}" in line] == [], what[0]
