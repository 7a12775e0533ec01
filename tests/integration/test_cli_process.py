"""``sagelet process``, and the commands that know both kinds of jobs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import Trainer, sagelet
from support.package import write_package
from support.processing import files

SCRIPT = """
import sys
place = "/opt/ml/processing"
open(place + "/output/made/b.txt", "w").write(open(place + "/input/raw/a.txt").read() * 2)
print("argv", sys.argv[1:], flush=True)
open("/opt/ml/output/message", "w").write("all is well")
"""


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def where(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Trainer:
    return Trainer(request.param, lambda: request.getfixturevalue("image"), tmp_path / "code")


def test_a_script_from_the_command_line(where: Trainer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("one")
    out = tmp_path / "out"
    done = sagelet(
        *("process", where.script(SCRIPT), *where.where(), "--name", "job"),
        *("--input", f"raw={data}", "--output", f"made={out}", "--", "--ratio", "0.2"),
    )
    assert done.returncode == 0, done.stderr
    assert "algo-1 | argv ['--ratio', '0.2']" in done.stdout
    assert "Processing - Processing image download completed" in done.stderr
    assert "all is well" in done.stderr
    assert str(out) in done.stderr
    assert files(out) == {"b.txt": "oneone"}
    shown = json.loads(sagelet("describe", "job", "--json").stdout)
    assert (shown["ProcessingJobStatus"], shown["ExitMessage"]) == ("Completed", "all is well")
    assert "argv" in sagelet("logs", "job").stdout
    listed = sagelet("jobs", "--kind", "processing").stdout
    assert "all is well" in next(row for row in listed.splitlines() if row.startswith("job "))
    assert "No jobs yet" in sagelet("jobs").stdout
    assert "argv" in sagelet("logs", "job", "--raw", "--kind", "processing").stdout
    none = sagelet("logs", "job", "--kind", "training")
    assert (none.returncode, "no training job named 'job'" in none.stderr) == (2, True)


def test_what_a_script_installs_is_for_the_job_only(home: Path, tmp_path: Path) -> None:
    write_package(tmp_path / "code" / "sixfold")
    (tmp_path / "code" / "job.py").write_text(
        """
import os, subprocess
for pip in ("pip", "pip3"):
    place = os.path.join(os.path.dirname(__file__), "sixfold")
    subprocess.run([pip, "install", "--quiet", "--force-reinstall", place], check=True)
subprocess.run(["python", "-c", "import sixfold; print('answer', sixfold.ANSWER)"], check=True)
"""
    )
    done = sagelet(
        *("process", "job.py", "--source-dir", str(tmp_path / "code")),
        *("--backend", "process", "--python", sys.executable),
        *("--env", "PIP_NO_INDEX=1", "--env", "PIP_DISABLE_PIP_VERSION_CHECK=1"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | answer 42" in done.stdout
    there = subprocess.run(
        [sys.executable, "-c", "import sixfold"], check=False, capture_output=True, cwd="/"
    )
    assert there.returncode != 0, "the environment the job started from is unchanged"


def test_a_script_that_fails(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("raise SystemExit(3)")
    python = ("--backend", "process", "--python", sys.executable)
    done = sagelet("process", str(script), *python, "--json")
    assert done.returncode == 1, done.stderr
    shown = json.loads(done.stdout)
    assert shown["FailureReason"] == (
        "AlgorithmError: See job logs for more information, exit code: 3"
    )
    assert shown["ProcessingJobName"].startswith("job-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Nothing to run"),
        (("job.py",), "Which environment does the script need?"),
        (("none.py", "--framework", "pytorch"), "none.py does not exist"),
        (("job.py", "--framework", "pytorch", "--input", "code=."), "--input code"),
        (("job.py", "--framework", "pytorch", "--output", "a="), "the path is empty"),
        (("job.py", "--request", "job.json"), "--request is the whole job"),
        (("--image", "mine:1", "--backend", "process"), "needs Docker"),
        (("job.py", "--framework", "sklearn", "--input-mode", "FastFile"), "use File, Pipe"),
        (("job.py", "--framework", "sklearn", "--input-mode", "a=Pipe"), "there is no --input a"),
        (("job.py", "--framework", "sklearn", "--sharded", "code"), "there is no --input code"),
        (("job.py", "--framework", "sklearn", "--continuous", "a"), "there is no --output a"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    home: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "job.py").write_text("print()")
    done = sagelet("process", *arguments, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert words in done.stderr


def test_without_namespaces_and_docker_there_is_no_place_for_its_data(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGELET_NAMESPACES", "off")
    (tmp_path / "job.py").write_text("print()")
    python = ("--backend", "process", "--python", sys.executable)
    done = sagelet("process", str(tmp_path / "job.py"), *python)
    assert done.returncode == 2
    assert "needs namespaces or Docker" in done.stderr


def test_modes_and_experiments_in_sagemaker_s_words(home: Path, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("print()")
    made = sagelet(
        *("process", "job.py", "--framework", "sklearn", "--name", "job", "--dry-run"),
        *("--input", "a=s3://bucket/a", "--input", "b=.", "--input-mode", "a=Pipe"),
        *("--sharded", "b", "--output", "x=s3://bucket/x", "--output", "y=./y"),
        *("--continuous", "x", "--experiment", "E", "--display-name", "Preparing"),
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    request = json.loads(made.stdout)
    assert request["AppSpecification"]["ImageUri"] == "sagemaker-scikit-learn"
    ways = {
        each["InputName"]: (
            each["S3Input"]["S3InputMode"],
            each["S3Input"]["S3DataDistributionType"],
            each["S3Input"]["LocalPath"],
        )
        for each in request["ProcessingInputs"]
    }
    assert ways == {
        "a": ("Pipe", "FullyReplicated", "/opt/ml/processing/input/a"),
        "b": ("File", "ShardedByS3Key", "/opt/ml/processing/input/b"),
        "code": ("File", "FullyReplicated", "/opt/ml/processing/input/code"),
    }
    outputs = request["ProcessingOutputConfig"]["Outputs"]
    assert [each["S3Output"]["S3UploadMode"] for each in outputs] == ["Continuous", "EndOfJob"]
    assert request["ExperimentConfig"] == {
        "ExperimentName": "E",
        "TrialComponentDisplayName": "Preparing",
    }


def test_a_request_document_is_taken_as_it_is(home: Path, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("print('here')")
    python = ("--backend", "process", "--python", sys.executable)
    made = sagelet("process", "job.py", *python, "--name", "job", "--dry-run", cwd=tmp_path)
    (tmp_path / "job.json").write_text(made.stdout)
    done = sagelet("process", "--request", "job.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "algo-1 | here" in done.stdout
