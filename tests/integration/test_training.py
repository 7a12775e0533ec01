"""One training job, on every way to run a host: what goes in, what comes out, how it ends."""

import json
import re
import signal
import tarfile
import time
from pathlib import Path

import pytest

from support.archives import members
from support.cli import (
    Trainer,
    describe,
    folder_of,
    log_of,
    running_with,
    sagelet,
    wait_until,
)

GOOD = """
import json, os, sys
data = os.environ["SM_CHANNEL_TRAINING"]
print("argv", json.dumps(sys.argv[1:]))
print("env", json.dumps({k: v for k, v in os.environ.items() if k.startswith("SM_")}))
print("files", sorted(os.listdir(data)))
open(os.path.join(data, "scratch.txt"), "w").write("written inside")
open(os.path.join(data, "a.txt"), "a").write("changed inside")
for step in range(3):
    print(f"step={step} loss={1 / (step + 1):.4f}")
os.makedirs(os.path.join(os.environ["SM_MODEL_DIR"], "000000001"))
open(os.path.join(os.environ["SM_MODEL_DIR"], "000000001", "weights.bin"), "wb").write(b"w" * 1000)
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "report.csv"), "w").write("a,b")
sys.stdout.write("no newline at the end")
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "my data, v1:2"  # characters that mount options give a meaning to
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    return folder


def test_a_job_completes_and_leaves_a_versioned_model(
    trainer: Trainer, data: Path, home: Path
) -> None:
    done = trainer.run(
        GOOD,
        "--name",
        "good",
        "--channel",
        f"training={data}",
        "--hp",
        "lr=0.1",
        "--hp",
        "name=x y",
        "--metric",
        "loss=loss=([0-9.]+)",
        "--env",
        "MINE=1",
    )
    assert done.returncode == 0, done.stderr
    assert 'algo-1 | argv ["--lr", "0.1", "--name", "x y"]' in done.stdout
    assert "algo-1 | no newline at the end" in done.stdout
    assert re.search(r"status\s+Completed", done.stderr)
    assert (data / "a.txt").read_text().startswith("one")
    if "not protected" not in done.stderr:
        assert [p.name for p in data.iterdir()] == ["a.txt"]
        assert (data / "a.txt").read_text() == "one"

    document = describe("good")
    assert document["TrainingJobStatus"] == document["SecondaryStatus"] == "Completed"
    assert [(s["Status"], s["StatusMessage"]) for s in document["SecondaryStatusTransitions"]] == [
        ("Starting", "Starting the training job"),
        ("Downloading", "Downloading input data"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    (metric,) = document["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("loss", 0.3333)

    output = home / "output" / "good" / "output"
    assert document["ModelArtifacts"]["S3ModelArtifacts"] == f"file://{output}/model.tar.gz"
    assert members(output / "model.tar.gz") == ["000000001/weights.bin"]
    assert members(output / "output.tar.gz") == ["report.csv"]
    assert members(home / "models" / "good" / "latest" / "model.tar.gz") == [
        "000000001/weights.bin"
    ]
    assert str((home / "models" / "good" / "latest").readlink()) == "1"

    left = {p.name for p in (folder_of(home, "good") / "algo-1" / "ml").iterdir()}
    assert left <= {"input", "code"}, "outputs and scratch are gone once they are stored"


def test_config_files_are_sagemakers(trainer: Trainer, data: Path) -> None:
    done = trainer.run(
        """
import os, json
base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
for name in ("hyperparameters", "inputdataconfig", "resourceconfig"):
    print(name, open(f"{base}/input/config/{name}.json").read())
for name in ("TRAINING_JOB_NAME", "TRAINING_JOB_ARN", "AWS_REGION", "SAGEMAKER_METRICS_DIRECTORY"):
    print(name, os.environ[name])
""",
        "--name",
        "Config-1",
        "--channel",
        f"training={data}",
        "--hp",
        "lr=0.1",
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.removeprefix("algo-1 | ").split(" ", 1) for line in done.stdout.splitlines())
    assert json.loads(told["inputdataconfig"]) == {
        "training": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }
    resources = json.loads(told["resourceconfig"])
    assert resources["current_host"] == "algo-1"
    assert resources["hosts"] == ["algo-1"]
    assert resources["current_group_name"] == "homogeneousCluster"
    assert json.loads(told["hyperparameters"])["lr"] == "0.1"
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/config-1"
    assert told["TRAINING_JOB_ARN"] == arn
    assert told["TRAINING_JOB_NAME"] == "Config-1"
    assert told["SAGEMAKER_METRICS_DIRECTORY"].endswith("/output/metrics/sagemaker")


def test_a_failing_script_fails_the_job_and_keeps_what_it_wrote(
    trainer: Trainer, home: Path
) -> None:
    done = trainer.run(
        """
import os
open(os.path.join(os.environ["SM_MODEL_DIR"], "partial"), "w").write("x")
raise ValueError("the learning rate is a banana")
""",
        "--name",
        "bad",
    )
    assert done.returncode == 1
    document = describe("bad")
    assert document["TrainingJobStatus"] == "Failed"
    assert document["FailureReason"].startswith("AlgorithmError: ")
    assert "ValueError: the learning rate is a banana" in document["FailureReason"]
    assert members(home / "output" / "bad" / "output" / "model.tar.gz") == ["partial"]
    assert json.loads(sagelet("models", "--json").stdout) == []


def test_a_failure_file_fails_the_job_even_with_exit_code_0(trainer: Trainer) -> None:
    done = trainer.run(
        """
import os
base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
open(base + "/output/failure", "w").write("I know better " + "x" * 3000)
""",
        "--name",
        "quiet",
    )
    assert done.returncode == 1
    reason = describe("quiet")["FailureReason"]
    assert reason.startswith("AlgorithmError: I know better")
    assert len(reason) <= 1024


PATIENT = """
import os, signal, sys, time
def end(*_):
    print("told to end", flush=True)
    open(os.path.join(os.environ["SM_MODEL_DIR"], "best"), "w").write("x")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(100)
"""


def test_ctrl_c_stops_the_job_gracefully(trainer: Trainer, home: Path) -> None:
    running = trainer.start(PATIENT, "--name", "interrupted", "--env", "MARK=ctrl-c-mark")
    wait_until(lambda: b"ready" in log_of(home, "interrupted"), "the script to run")
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 130, output
    assert "told to end" in output
    document = describe("interrupted")
    assert document["TrainingJobStatus"] == "Stopped"
    assert [s["Status"] for s in document["SecondaryStatusTransitions"]][-3:] == [
        "Stopping",
        "Uploading",
        "Stopped",
    ]
    assert members(home / "models" / "interrupted" / "1" / "model.tar.gz") == ["best"]
    assert not running_with("ctrl-c-mark")


def test_a_script_that_ignores_sigterm_is_killed_after_the_grace(
    trainer: Trainer, home: Path
) -> None:
    running = trainer.start(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\ntime.sleep(100)\n",
        "--name",
        "deaf",
        "--grace",
        "1",
        "--env",
        "MARK=deaf-mark",
    )
    wait_until(lambda: b"ready" in log_of(home, "deaf"), "the script to run")
    began = time.monotonic()
    done = sagelet("stop", "deaf")
    assert done.returncode == 0, done.stderr
    assert 0.9 < time.monotonic() - began < 15  # the grace it was given, not the usual 120 s
    running.communicate(timeout=30)
    assert running.returncode == 130
    assert describe("deaf")["SecondaryStatus"] == "Stopped"
    assert not running_with("deaf-mark")


def test_max_runtime_stops_the_job(trainer: Trainer, home: Path) -> None:
    done = trainer.run(PATIENT, "--name", "slow", "--max-run", "2")
    assert done.returncode == 1
    document = describe("slow")
    assert document["TrainingJobStatus"] == "Stopped"
    assert document["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert members(home / "models" / "slow" / "latest" / "model.tar.gz") == ["best"]


def test_detached_job_is_followed_and_described(trainer: Trainer) -> None:
    done = trainer.run(
        "import time\nfor i in range(5): print('line', i, flush=True); time.sleep(0.2)",
        "--name",
        "away",
        "--detach",
    )
    assert (done.returncode, done.stdout.strip()) == (0, "away")
    followed = sagelet("logs", "away", "-f")
    assert [line for line in followed.stdout.splitlines() if "| line" in line] == [
        f"algo-1 | line {i}" for i in range(5)
    ]
    assert describe("away")["TrainingJobStatus"] == "Completed"


def test_two_jobs_at_once_have_their_own_opt_ml_and_consecutive_versions(
    trainer: Trainer, home: Path
) -> None:
    script = """
import os, time
open(os.path.join(os.environ["SM_MODEL_DIR"], os.environ["TRAINING_JOB_NAME"]), "w").write("x")
time.sleep(1)
print(os.listdir(os.environ["SM_MODEL_DIR"]))
"""
    names = ["one", "two", "three"]
    running = [trainer.start(script, "--name", n, "--model", "shared") for n in names]
    for name, process in zip(names, running, strict=True):
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        assert f"algo-1 | ['{name}']" in output
    versions = json.loads(sagelet("models", "shared", "--json").stdout)
    assert [v["Version"] for v in versions] == [1, 2, 3]
    assert {v["TrainingJobName"] for v in versions} == set(names)
    assert str((home / "models" / "shared" / "latest").readlink()) == "3"


def test_checkpoints_live_on_in_the_users_folder(trainer: Trainer, tmp_path: Path) -> None:
    script = """
import os
base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
print("found", sorted(os.listdir(base + "/checkpoints")))
open(f"{base}/checkpoints/{os.environ['TRAINING_JOB_NAME']}", "w").write("x")
"""
    kept = tmp_path / "checkpoints"
    for name, found in (("first", "[]"), ("second", "['first']")):
        done = trainer.run(script, "--name", name, "--checkpoints", str(kept))
        assert done.returncode == 0, done.stderr
        assert f"algo-1 | found {found}" in done.stdout
    assert sorted(p.name for p in kept.iterdir()) == ["first", "second"]


def test_uncompressed_output_is_loose_files(trainer: Trainer, home: Path, tmp_path: Path) -> None:
    request = {
        "TrainingJobName": "loose",
        "RoleArn": "arn:aws:iam::123456789012:role/any",
        "AlgorithmSpecification": {
            "TrainingImage": "pytorch-training",
            "TrainingInputMode": "File",
        },
        "OutputDataConfig": {"S3OutputPath": str(tmp_path / "out"), "CompressionType": "NONE"},
        "HyperParameters": {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": "file://" + str(tmp_path / "code"),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    trainer.script(
        "import os\nos.makedirs(os.environ['SM_MODEL_DIR'] + '/1')\n"
        "open(os.environ['SM_MODEL_DIR'] + '/1/w', 'w').write('x')"
    )
    where = trainer.where()
    if trainer.backend == "docker":
        request["AlgorithmSpecification"]["TrainingImage"] = where[-1]
        where = where[:2]
    (tmp_path / "job.json").write_text(json.dumps(request))
    done = sagelet("train", "--request", str(tmp_path / "job.json"), *where)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/loose/output/model/1/w").read_text() == "x"
    assert (home / "models/loose/latest/model/1/w").read_text() == "x"


def test_code_comes_from_a_local_archive(trainer: Trainer, tmp_path: Path) -> None:
    trainer.script("import helper; print(helper.WORD)")
    (tmp_path / "code" / "helper.py").write_text("WORD = 'from the archive'")
    with tarfile.open(tmp_path / "sourcedir.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "code" / "train.py", "train.py")
        tar.add(tmp_path / "code" / "helper.py", "helper.py")
    own = ["--image", "python"] if trainer.backend == "process" else []
    done = sagelet("train", *trainer.where(), *own, *code_of(tmp_path / "sourcedir.tar.gz"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "algo-1 | from the archive" in done.stdout


def test_a_broken_archive_fails_the_job_with_its_name(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "sourcedir.tar.gz").write_bytes(b"no archive")
    own = ["--image", "python"] if trainer.backend == "process" else []
    done = sagelet("train", *trainer.where(), *own, *code_of(tmp_path / "sourcedir.tar.gz"))
    assert done.returncode == 1
    assert "sourcedir.tar.gz cannot be unpacked" in done.stderr


def code_of(archive: Path) -> list[str]:
    return ["--hp", "sagemaker_program=train.py",
            "--hp", f"sagemaker_submit_directory=file://{archive}"]  # fmt: skip
