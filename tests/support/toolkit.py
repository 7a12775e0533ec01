"""The toolkit's `train` in a tree of its own, as a real process.

The fixture `job` of the integration tests is such a tree.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TRAIN = Path(__file__).parents[2] / "containers" / "toolkit" / "bin" / "train"

LIMIT = 1024  # SageMaker shows this much of the failure file


class Job:
    """One /opt/ml tree and the command that trains in it."""

    def __init__(self, base):
        self.base = base
        self.code = base / "code"
        self.command = [sys.executable, "-IS", str(TRAIN)]
        for name in ("code", "input/config", "output"):
            (base / name).mkdir(parents=True)
        self.configure()

    def configure(self, **hyperparameters):
        given = {"sagemaker_program": "train.py", **hyperparameters}
        self.write_config("hyperparameters", json.dumps(given))
        self.write_config(
            "resourceconfig", '{"current_host":"algo-1","hosts":["algo-1"],"topology":null}'
        )
        self.write_config("inputdataconfig", "{}")

    def write_config(self, name, text):
        (self.base / "input" / "config" / f"{name}.json").write_text(text, encoding="utf-8")

    def script(self, text, name="train.py"):
        path = self.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def environ(self, environ):
        return {**os.environ, "SAGEMAKER_BASE_DIR": str(self.base), **environ}

    def run(self, *, text=True, **environ):
        return subprocess.run(
            self.command,
            capture_output=True,
            text=text,
            check=False,
            env=self.environ(environ),
            timeout=120,
            cwd="/",
        )

    def start(self, prefix=(), **environ):
        return subprocess.Popen(
            [*prefix, *self.command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ(environ),
            cwd="/",
        )

    def failure(self):
        return (self.base / "output" / "failure").read_text()

    def succeeded(self):
        return (self.base / "output" / "success").exists()


def failed(job, exit_code, *phrases, **environ):
    """Run a job that must fail; every phrase must be in what SageMaker shows of the reason."""
    result = job.run(**environ)
    assert result.returncode == exit_code, result.stderr
    assert "Reporting training FAILURE" in result.stderr
    assert not job.succeeded()
    shown = job.failure()[:LIMIT]
    for phrase in phrases:
        assert phrase in shown
    return result


def wait_for(process, text):
    """Read what the job prints, up to a line with ``text``."""
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(text)


def end(process):
    """Its exit code and the rest of what it prints."""
    output = process.stdout.read()
    process.stdout.close()
    return process.wait(60), output


#: The metadata of a package without dependencies, and a build backend that needs none either.
WHEEL = {
    "METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "",
}

BACKEND = """
import os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    {hook}
    name = "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.write("entry.py")
        for file, text in {files!r}.items():
            wheel.writestr("thing-1.0.dist-info/" + file, text)
    return name
"""


def package(job, hook="pass"):
    """Make the code a package with ``entry.py`` as its entry point; ``hook`` runs in its build."""
    job.script("", "setup.py")
    job.script("import sys; print(__name__, __spec__.name, sys.argv[1:])", "entry.py")
    job.script(BACKEND.format(hook=hook, files=WHEEL), "backend.py")
    job.script('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
               "pyproject.toml")  # fmt: skip
    job.configure(sagemaker_program="entry.py", lr="1")


def pip(tmp_path):
    """Have pip use no index and install outside the tests' own environment."""
    target = str(tmp_path / "site")
    return {
        "PIP_NO_INDEX": "1", "PIP_TARGET": target, "PYTHONPATH": target,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore",
    }  # fmt: skip
