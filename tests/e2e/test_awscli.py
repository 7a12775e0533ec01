"""The stock AWS CLI, as it is typed."""

import json
import tarfile
import urllib.request
from pathlib import Path

import pytest

from support.serve import Plane

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROLE = "arn:aws:iam::123456789012:role/training"


def test_who_am_i(plane: Plane) -> None:
    identity = json.loads(plane.aws("sts", "get-caller-identity"))
    assert identity["Account"] == "123456789012"
    assert ":assumed-role/" in identity["Arn"]
    role = identity["Arn"].split("/")[1]
    found = json.loads(plane.aws("iam", "get-role", "--role-name", role))
    assert found["Role"]["Arn"].startswith("arn:aws:iam::123456789012:role/")
    assert found["Role"]["RoleName"] == role


def test_buckets_and_objects(plane: Plane, tmp_path: Path) -> None:
    local = tmp_path / "local"
    (local / "deep/er").mkdir(parents=True)
    for number in range(12):
        (local / "deep/er" / f"{number}.txt").write_text(f"number {number}\n")
    (local / "big.bin").write_bytes(bytes(range(256)) * 80_000)  # 20 MB: several parts
    plane.aws("s3", "mb", "s3://cli-proof")
    plane.aws("s3", "sync", local, "s3://cli-proof/copy")
    assert plane.aws("s3", "sync", local, "s3://cli-proof/copy") == ""  # nothing is new
    listed = plane.aws("s3", "ls", "--recursive", "--summarize", "s3://cli-proof/")
    assert "Total Objects: 13" in listed
    assert " copy/deep/er/11.txt" in listed
    assert "PRE copy/" in plane.aws("s3", "ls", "s3://cli-proof")

    plane.aws("s3", "sync", "s3://cli-proof/copy", tmp_path / "back")
    assert (tmp_path / "back/big.bin").read_bytes() == (local / "big.bin").read_bytes()
    assert (tmp_path / "back/deep/er/7.txt").read_text() == "number 7\n"
    (local / "deep/er/0.txt").unlink()
    (local / "deep/er/1.txt").write_text("changed, and longer\n")
    plane.aws("s3", "sync", "--delete", local, "s3://cli-proof/copy")
    assert plane.aws("s3", "cp", "s3://cli-proof/copy/deep/er/1.txt", "-") == (
        "changed, and longer\n"
    )
    assert "0.txt" not in plane.aws("s3", "ls", "s3://cli-proof/copy/deep/er/").replace(
        "10.txt", ""
    )
    plane.aws("s3", "mv", "s3://cli-proof/copy/big.bin", "s3://cli-proof/moved.bin")

    url = plane.aws("s3", "presign", "s3://cli-proof/copy/deep/er/2.txt").strip()
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
        assert answer.read() == b"number 2\n"

    plane.aws("s3", "rm", "--recursive", "s3://cli-proof/copy")
    plane.aws("s3", "rb", "--force", "s3://cli-proof")
    assert "cli-proof" not in plane.aws("s3", "ls")


@pytest.mark.docker
def test_a_job_from_a_document(plane: Plane, image: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os\nfor n in range(50):\n    print('step', n)\n"
        "open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('model')\n"
    )
    with tarfile.open(tmp_path / "sourcedir.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "train.py", "train.py")
    plane.aws("s3", "mb", "s3://cli-jobs")
    plane.aws("s3", "cp", tmp_path / "sourcedir.tar.gz", "s3://cli-jobs/code/sourcedir.tar.gz")
    (tmp_path / "job.json").write_text(
        json.dumps(
            {
                "TrainingJobName": "from-the-shell",
                "RoleArn": ROLE,
                "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
                "HyperParameters": {
                    "sagemaker_program": "train.py",
                    "sagemaker_submit_directory": "s3://cli-jobs/code/sourcedir.tar.gz",
                },
                "OutputDataConfig": {"S3OutputPath": "s3://cli-jobs/models"},
                "ResourceConfig": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 5,
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            }
        )
    )
    made = plane.aws(
        "sagemaker", "create-training-job", "--cli-input-json", f"file://{tmp_path}/job.json"
    )
    assert json.loads(made)["TrainingJobArn"].endswith(":training-job/from-the-shell")
    plane.aws(
        "sagemaker",
        "wait",
        "training-job-completed-or-stopped",
        "--training-job-name",
        "from-the-shell",
        timeout=300,
    )
    status = plane.aws(
        "sagemaker",
        "describe-training-job",
        "--training-job-name",
        "from-the-shell",
        "--query",
        "[TrainingJobStatus,ModelArtifacts.S3ModelArtifacts]",
        "--output",
        "text",
    ).split()
    assert status == ["Completed", "s3://cli-jobs/models/from-the-shell/output/model.tar.gz"]
    plane.aws("s3", "cp", status[1], tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert tar.getnames() == ["m"]
    events = json.loads(
        plane.aws(
            "logs",
            "filter-log-events",
            "--log-group-name",
            "/aws/sagemaker/TrainingJobs",
            "--log-stream-name-prefix",
            "from-the-shell/",
            "--query",
            "events[].message",
        )
    )
    assert [line for line in events if line.startswith("step ")] == [
        f"step {number}" for number in range(50)
    ]
    listed = plane.aws(
        "sagemaker",
        "list-training-jobs",
        "--max-items",
        "1",
        "--status-equals",
        "Completed",
        "--output",
        "json",
    )
    assert json.loads(listed)["TrainingJobSummaries"][0]["TrainingJobName"] == "from-the-shell"


def test_mistakes_read_as_on_aws(plane: Plane) -> None:
    for arguments, said in (
        (
            ("sagemaker", "describe-training-job", "--training-job-name", "nobody"),
            "DescribeTrainingJob operation: Requested resource not found.",
        ),
        (
            ("s3api", "get-object", "--bucket", "cli-nowhere", "--key", "x", "/dev/null"),
            "GetObject operation: The specified bucket does not exist",
        ),
    ):
        done = plane.attempt(plane.aws_command(*arguments))
        assert done.returncode in (254, 255)
        assert said in done.stderr


def test_what_is_not_there_is_said_by_name(plane: Plane) -> None:
    done = plane.attempt(plane.aws_command("sagemaker", "list-hubs"))
    assert done.returncode in (254, 255)
    assert "ListHubs" in done.stderr
    assert "<html" not in done.stderr
