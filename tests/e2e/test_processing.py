"""Processing jobs of the stock SDKs and the AWS CLI; scikit-learn with Docker and without."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from support.cli import wait_until
from support.serve import EXAMPLES, SCRIPTS, Plane

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

JOBS = SCRIPTS / "jobs"
Result = Callable[[], str]

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


@pytest.fixture(
    scope="module", params=["process", pytest.param("docker", marks=pytest.mark.docker)]
)
def backed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plane]:
    """A control plane whose jobs all run on one backend."""
    running = Plane(tmp_path_factory.mktemp("plane"), environ={"SAGELET_BACKEND": request.param})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def runs(backed: Plane, request: pytest.FixtureRequest) -> Iterator[dict[str, Result]]:
    """All programs of the SDKs, started at once, for each of them mostly waits."""
    programs: dict[str, tuple[object, ...]] = {
        "second": ("sagemaker2", "v2_sklearn.py", JOBS, "ml.m5.large"),
        "third": ("sagemaker3", "v3_processing.py", SKLEARN, JOBS),
    }
    if backed.environ["SAGELET_BACKEND"] == "docker":
        image = request.getfixturevalue("image")
        programs["own"] = ("sagemaker2", "v2_processing.py", image)
        examples = backed.folder / "examples"
        shutil.copytree(EXAMPLES, examples)
        digits = request.getfixturevalue("digits")
        shutil.copytree(digits, examples / "mnist/data", dirs_exist_ok=True)
        programs["example"] = ("sagemaker2", examples / "sagemaker/processing.py")
    with ThreadPoolExecutor(len(programs)) as pool:
        started: dict[str, Future[str]] = {}
        for name, (client, script, *arguments) in programs.items():
            place = backed.folder / name
            place.mkdir()
            started[name] = pool.submit(
                backed.run, str(client), str(script), *arguments, timeout=1200, cwd=place
            )
        yield {name: future.result for name, future in started.items()}


def test_prepare_train_and_judge_with_scikit_learn(runs: dict[str, Result]) -> None:
    output = runs["second"]()
    said = json.loads(output.splitlines()[-1])
    assert said["image"].endswith("/sagemaker-scikit-learn:1.2-1-cpu-py3")
    assert said["framework"] == said["image"]
    assert said["status"] == "Completed"
    assert said["judged"]["accuracy"] > 0.8
    assert said["components"] == ["Preparing", "Training", "Judging"]
    assert said["tracked"] == [pytest.approx(said["judged"]["accuracy"])]
    assert said["sources"] == ["processing-job", "training-job", "processing-job"]
    assert said["trained on"] == said["prepared"]
    assert "read (3" in output  # some rows are there twice
    assert "framework sagemaker_sklearn_container.training:main 1.2.2" in output
    assert "judged people " in output
    assert "['--strict']" in output


def test_processors_of_the_third_generation(runs: dict[str, Result]) -> None:
    output = runs["third"]()
    assert json.loads(output.splitlines()[-1]) == {"columns": 9, "status": ["Completed"] * 2}
    assert "counted columns" in output


def test_processors_of_ones_own_image(runs: dict[str, Result]) -> None:
    if "own" not in runs:
        pytest.skip("an image needs Docker")
    output = runs["own"]()
    said = json.loads(output.splitlines()[-1])
    assert said["exit"] == "algo-1 is done. algo-2 is done. "
    assert said["hosts"] == ["algo-1", "algo-2"]
    assert said["text"] == "0123"
    reason = "AlgorithmError: the third column is missing, exit code: 3"
    assert said["failed"] == [reason, "the third column is missing"]
    assert reason in said["said"]
    assert said["stopped"] == "Stopped"
    assert said["listed"] == ["Completed", "Failed", "Stopped"]
    assert "(ValidationException)" in said["refused"]
    assert "cannot be one folder" in said["refused"]
    lines = [line for line in output.splitlines() if "['--strict', 'yes'] sour" in line]
    assert len(lines) == 2


def test_the_example_prepares_digits_and_trains(runs: dict[str, Result]) -> None:
    if "example" not in runs:
        pytest.skip("once is enough")
    output = runs["example"]()
    assert "prepared 4000 + 1000 images in s3://" in output
    rows = [line.split() for line in output.splitlines()[-2:]]
    assert [row[1] for row in rows] == ["Preparing", "Training"]
    assert float(rows[1][3]) > 0.8


def test_a_job_from_a_document(backed: Plane, tmp_path: Path) -> None:
    """As it is typed, and as CloudWatch has its output."""
    (tmp_path / "upper.py").write_text(
        "text = open('/opt/ml/processing/in/a.txt').read()\n"
        "open('/opt/ml/processing/out/b.txt', 'w').write(text.upper())\n"
        "print('wrote', len(text))\n"
    )
    (tmp_path / "a.txt").write_text("words")
    backed.aws("s3", "mb", "s3://typed")
    for name in ("upper.py", "a.txt"):
        backed.aws("s3", "cp", tmp_path / name, f"s3://typed/{name}")

    def source(name: str, key: str) -> dict[str, object]:
        return {
            "InputName": name,
            "S3Input": {
                "S3Uri": f"s3://typed/{key}",
                "LocalPath": f"/opt/ml/processing/{name}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }

    request = {
        "ProcessingJobName": "typed",
        "RoleArn": "arn:aws:iam::123456789012:role/processing",
        "AppSpecification": {
            "ImageUri": SKLEARN,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/upper.py"],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 5,
            }
        },
        "ProcessingInputs": [source("in", "a.txt"), source("code", "upper.py")],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {
                        "S3Uri": "s3://typed/made",
                        "LocalPath": "/opt/ml/processing/out",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    }
    (tmp_path / "job.json").write_text(json.dumps(request))
    sagemaker = ("sagemaker", "create-processing-job", "--cli-input-json")
    made = json.loads(backed.aws(*sagemaker, f"file://{tmp_path}/job.json"))
    assert made["ProcessingJobArn"].endswith(":processing-job/typed")
    describe = ("describe-processing-job", "--processing-job-name", "typed")

    def over() -> bool:
        status = ("--query", "ProcessingJobStatus", "--output", "text")
        return backed.aws("sagemaker", *describe, *status).strip() != "InProgress"

    wait_until(over, "the job to end", 300)  # the CLI's own `wait` looks once a minute
    assert backed.aws("s3", "cp", "s3://typed/made/b.txt", "-") == "WORDS"
    listed = json.loads(backed.aws("sagemaker", "list-processing-jobs", "--name-contains", "typ"))
    (summary,) = listed["ProcessingJobSummaries"]
    assert summary["ProcessingJobStatus"] == "Completed"
    group = ("--log-group-name", "/aws/sagemaker/ProcessingJobs")
    streams = json.loads(
        backed.aws("logs", "describe-log-streams", *group, "--log-stream-name-prefix", "typed/")
    )
    (stream,) = streams["logStreams"]
    events = json.loads(
        backed.aws(
            *("logs", "get-log-events", *group, "--log-stream-name", stream["logStreamName"])
        )
    )
    assert [event["message"] for event in events["events"]] == ["wrote 5"]
