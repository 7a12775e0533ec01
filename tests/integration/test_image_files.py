"""The image files and the scripts around them; with an engine and built images, the images too."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "containers"
PINS = {
    "pytorch": r"^torch==(\S+)$",
    "sklearn": r"^scikit-learn==(\S+);",
    "tensorflow": r"^tensorflow-cpu==(\S+)$",
}
PROGRAM = """
import json, os, sys
import {module}
print("version", {module}.__version__)
os.makedirs(os.environ["SM_MODEL_DIR"], exist_ok=True)
json.dump(sys.argv[1:], open(os.environ["SM_MODEL_DIR"] + "/argv.json", "w"))
"""


def pinned(framework):
    text = (CONTAINERS / framework / "requirements.txt").read_text()
    return re.search(PINS[framework], text, re.MULTILINE)[1]


def run(*command, **options):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=200, **options
    )


# Files that must agree.


@pytest.mark.parametrize("framework", PINS)
def test_labels_name_the_pinned_version(framework):
    dockerfile = (CONTAINERS / framework / "Dockerfile").read_text()
    version = pinned(framework)
    assert f'sagelet.framework-version="{version}"' in dockerfile
    assert f'image.version="{version}-${{DEVICE}}"' in dockerfile


def test_both_devices_get_the_same_tensorflow():
    version = pinned("tensorflow")
    gpu = (CONTAINERS / "tensorflow" / "requirements-gpu.txt").read_text()
    keras = (CONTAINERS / "tensorflow" / "requirements-nodeps.txt").read_text()
    assert f"tensorflow[and-cuda]=={version}\n" in gpu
    assert f"tf_keras=={version}\n" in keras


@pytest.mark.parametrize("script", ["containers/base/offline.sh", ".ci/docker-up", ".ci/run"])
def test_scripts_are_executable_and_parse(script):
    assert os.access(ROOT / script, os.X_OK)
    assert run("bash", "-n", ROOT / script).stderr == ""


# containers/base/offline.sh.


def tools(directory, programs):
    """A PATH with these programs and the ordinary ones, and no docker of the machine's."""
    directory.mkdir()
    for name in ("bash", "cat", "dirname", "id", "mktemp", "rm", "tail", "umount"):
        if name not in programs:
            (directory / name).symlink_to(shutil.which(name))
    for name, body in programs.items():
        (directory / name).write_text(f"#!{shutil.which('bash')}\n{body}\n")
        (directory / name).chmod(0o755)
    return str(directory)


ENGINE = {"docker": "[ $1 = version ]"}  # answers, and has no image
ROOT_USER = {"id": "echo 0"}


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        ({}, "no docker command"),
        ({"docker": "exit 1"}, "no Docker engine answers"),
        (ENGINE | {"id": "echo 1000"}, "must run as root"),
        (ENGINE | ROOT_USER, "debootstrap is missing: apt-get install"),
        (ENGINE | ROOT_USER | {"debootstrap": "echo E: no mirror; exit 1"}, "E: no mirror"),
    ],
)
def test_offline_says_what_is_missing(tmp_path, programs, message):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    bundle = tmp_path / "ca.crt"
    bundle.touch()
    env = {
        "PATH": tools(tmp_path / "bin", programs),
        "TMPDIR": str(temporary),
        "CA_BUNDLE": str(bundle),
    }
    result = run(shutil.which("bash"), CONTAINERS / "base" / "offline.sh", env=env)
    assert result.returncode == 1
    assert message in result.stderr
    assert list(temporary.iterdir()) == []


# The images.


@pytest.fixture
def built(request):
    """The image of the framework in the parameter."""
    name = f"sagelet/{request.param}:{pinned(request.param)}-cpu"
    if run("docker", "image", "inspect", name).returncode != 0:
        pytest.skip(f"{name} is not built")
    return name


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize(
    ("built", "module"),
    [
        ("pytorch", "torch"),
        ("tensorflow", "tensorflow"),
        ("tensorflow", "tf_keras"),
        ("sklearn", "sklearn"),
    ],
    indirect=["built"],
)
def test_an_image_trains(built, module, tmp_path):
    config = tmp_path / "input" / "config"
    code = tmp_path / "code"
    config.mkdir(parents=True)
    code.mkdir()
    (config / "hyperparameters.json").write_text('{"epochs": "3"}')
    (config / "inputdataconfig.json").write_text("{}")
    (config / "resourceconfig.json").write_text(
        json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]})
    )
    (code / "train.py").write_text(PROGRAM.format(module=module))
    result = run(
        "docker", "run", "--rm", "--hostname", "algo-1", "--volume", f"{tmp_path}:/opt/ml",
        "--env", "SAGEMAKER_PROGRAM=train.py", built, "train",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    version = built.partition(":")[2].removesuffix("-cpu")
    assert re.search(rf"^version {re.escape(version)}(\+cpu)?$", result.stdout, re.MULTILINE)
    assert json.loads((tmp_path / "model" / "argv.json").read_text()) == ["--epochs", "3"]


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("built", list(PINS), indirect=True)
def test_an_image_holds_no_build_files_and_compiled_code(built):
    result = run(
        "docker", "run", "--rm", built, "sh", "-c",
        "find / -xdev -name '*.whl' -path '*wheels/torch*'; ls -d /build 2>/dev/null;"
        "cd /opt/sagelet-toolkit/sagelet_toolkit; for f in *.py; do"
        ' [ -f "__pycache__/${f%.py}.cpython-311.pyc" ] || echo "$f is not compiled"; done',
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, "")
