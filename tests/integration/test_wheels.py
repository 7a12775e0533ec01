"""A CPU build of torch is fetched once where pip has one, with pip's own configuration."""

import zipfile
from pathlib import Path

import pytest

from sagelet.execution.wheels import Wheels

ROOT = Path(__file__).parents[2]
PIN = next(
    line.partition("==")[2]
    for line in (ROOT / "containers/pytorch/requirements.txt").read_text().splitlines()
    if line.startswith("torch==")
)
NAME = f"torch-{PIN}+cpu-cp311-cp311-manylinux_2_17_x86_64.whl"


class Quiet:
    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, text: str) -> None:
        self.said.append(text)

    def cancelled(self) -> bool:
        return False


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder is the only place pip may look."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def make_wheel(path: Path) -> None:
    info = f"torch-{PIN}+cpu.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {PIN}+cpu\n"
        )
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: false\n"
            "Tag: cp311-cp311-manylinux_2_17_x86_64\n",
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def containers(tmp_path: Path) -> Path:
    folder = tmp_path / "containers"
    (folder / "pytorch").mkdir(parents=True)
    (folder / "pytorch" / "requirements.txt").write_text(f"torch=={PIN}\n")
    return folder


def test_a_cpu_build_is_fetched_once(index: Path, containers: Path, tmp_path: Path) -> None:
    make_wheel(index / NAME)
    wheels = Wheels(containers, tmp_path / "cache", None)
    quiet = Quiet()
    wheels.fetch_cpu_build("pytorch", "3.11", quiet)
    wheels.fetch_cpu_build("pytorch", "3.11", quiet)
    assert [path.name for path in wheels.files("pytorch")] == [NAME]
    assert quiet.said == [f"looking for a CPU build of torch=={PIN}"]


@pytest.mark.usefixtures("index")
def test_without_a_cpu_build_the_index_decides(containers: Path, tmp_path: Path) -> None:
    wheels = Wheels(containers, tmp_path / "cache", None)
    wheels.fetch_cpu_build("pytorch", "3.11", Quiet())
    assert wheels.files("pytorch") == []
    assert list(wheels.folders()) == []


def test_a_framework_with_a_cpu_package_needs_none(tmp_path: Path) -> None:
    quiet = Quiet()
    Wheels(ROOT / "containers", tmp_path, None).fetch_cpu_build("tensorflow", "3.11", quiet)
    assert quiet.said == []
