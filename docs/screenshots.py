"""Pictures of the page, of a real run: `python docs/screenshots.py [FOLDER] [--review]`.

Digits are classified by networks of several widths, in jobs of an experiment; nothing is drawn by
hand. With ``--review`` every page is taken, at three widths, in light and dark.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.cli import sagelet  # noqa: E402
from support.pages import WHERE, process  # noqa: E402
from support.serve import Plane  # noqa: E402

EXPERIMENT = "mnist-widths"
SEARCH = "digits-search"
EPOCHS = 6
ROLE = "arn:aws:iam::123456789012:role/sagelet"

#: (hidden, lr, momentum, activation) of each trial
TRIALS = [
    (16, 0.1, 0.0, "relu"),
    (16, 0.1, 0.9, "relu"),
    (32, 0.1, 0.9, "tanh"),
    (64, 0.1, 0.9, "relu"),
    (64, 0.3, 0.0, "tanh"),
    (128, 0.1, 0.9, "relu"),
    (128, 0.03, 0.9, "tanh"),
]

#: name -> (path, width, height, theme)
PICTURES = {
    "page-overview": ("", 1200, 750, "light"),
    "page-jobs": ("jobs", 1200, 750, "dark"),
    "page-job": ("jobs/{job}", 1440, 900, "light"),
    "page-logs": ("jobs/{job}/logs", 1440, 760, "dark"),
    "page-system": ("jobs/{live}/system", 1200, 750, "light"),
    "page-processing": ("processing/{processing}", 1200, 640, "light"),
    "page-tuning": (f"tuning/{SEARCH}", 1440, 900, "light"),
    "page-experiments": ("experiments", 1200, 480, "light"),
    "page-experiment": (f"experiments/{EXPERIMENT}", 1440, 900, "light"),
    "page-compare": (f"compare?e={EXPERIMENT}", 1440, 900, "dark"),
    "page-trial": ("trials/width-64-4", 1200, 750, "light"),
    "page-component": ("components/{job}-aws-training-job", 1200, 900, "light"),
    "page-models": ("models/digits-search", 1440, 640, "light"),
    "page-storage": (
        "storage/digits?key=mnist%2Ftrain_data.npy&prefix=mnist%2F",
        1440,
        900,
        "light",
    ),
    "page-calls": ("calls", 1200, 640, "light"),
    "page-settings": ("settings", 1200, 560, "light"),
    "page-phone": (f"experiments/{EXPERIMENT}", 390, 844, "dark"),
}

EVERY = {
    "overview": "",
    "jobs": "jobs",
    "job": "jobs/{job}",
    "failed": "jobs/{failed}",
    "logs": "jobs/{job}/logs",
    "files": "jobs/{job}/files",
    "system": "jobs/{live}/system",
    "request": "jobs/{job}/request",
    "experiments": "experiments",
    "experiment": f"experiments/{EXPERIMENT}",
    "loose": "experiments/-",
    "processing": "processing/{processing}",
    "tuning": "tuning",
    "tuning-job": f"tuning/{SEARCH}",
    "compare": "compare?c={job}&c={other}",
    "compare-many": f"compare?e={EXPERIMENT}",
    "trial": "trials/width-64-4",
    "component": "components/{job}-aws-training-job",
    "models": "models",
    "storage": "storage",
    "preview": "storage/digits?key=mnist%2Ftrain_data.npy&prefix=mnist%2F",
    "calls": "calls",
    "settings": "settings",
    "empty": "compare",
    "nowhere": "nowhere",
}


def client(plane: Plane, service: str) -> Any:
    """boto3's client of the control plane."""
    return boto3.client(
        service,
        endpoint_url=plane.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the control plane takes any
    )


def run(plane: Plane) -> dict[str, str]:
    """Upload digits, train, log what trackers log; names of jobs for the pictures."""
    s3, sagemaker = client(plane, "s3"), client(plane, "sagemaker")
    digits = plane.folder / "digits"
    subprocess.run([sys.executable, ROOT / "examples/mnist/data.py", digits], check=True)
    s3.create_bucket(Bucket="digits")
    for file in sorted(digits.glob("*.npy")):
        s3.upload_file(str(file), "digits", f"mnist/{file.name}")
    script = plane.folder / "code" / "train.py"
    script.parent.mkdir()
    shutil.copy(HERE / "digits_job.py", script)
    archive = shutil.make_archive(str(plane.folder / "code"), "gztar", script.parent)
    s3.upload_file(archive, "digits", "code/sourcedir.tar.gz")
    sagemaker.create_experiment(
        ExperimentName=EXPERIMENT, Description="How wide must one hidden layer be?"
    )
    prepare = sagemaker.create_trial_component(
        TrialComponentName="normalise-digits",
        DisplayName="Preprocessing",
        Status={"PrimaryStatus": "Completed"},
        Parameters={"mean": {"NumberValue": 0.1307}, "std": {"NumberValue": 0.3081}},
        InputArtifacts={"digits": {"Value": "s3://digits/mnist", "MediaType": "s3/uri"}},
    )["TrialComponentArn"]
    jobs = [
        start(sagemaker, prepare, number, *trial) for number, trial in enumerate(TRIALS, start=1)
    ]
    broken = start(sagemaker, prepare, 8, 256, 0.1, 0.9, "tahn")
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda name: wait(sagemaker, name), [*jobs, broken]))
    assert states == ["Completed"] * len(jobs) + ["Failed"], states
    for job in jobs:
        keep_quality(plane, s3, sagemaker, job)
    search(plane, script)
    process(plane, "prepare-digits")
    live = start(sagemaker, None, 9, 512, 0.1, 0.9, "relu", epochs=1000)
    return {
        "live": live,
        "job": jobs[5],
        "other": jobs[3],
        "failed": broken,
        "processing": "prepare-digits",
    }


def search(plane: Plane, script: Path) -> None:
    """A tuning job, to its end."""
    ranges = ("lr=0.003:0.5:log", "hidden=8:96", "activation=relu,tanh")
    metrics = ("test:accuracy=test_accuracy=([0-9.]+);", "train:loss=train_loss=([0-9.]+);")
    done = sagelet(
        *("tune", str(script), "--name", SEARCH, *WHERE, "--channel", "training=s3://digits/mnist"),
        *("--hp", "momentum=0.9", "--hp", "epochs=3", "--max-jobs", "16", "--seed", "4"),
        *(part for each in ranges for part in ("--range", each)),
        *(part for each in metrics for part in ("--metric", each)),
        *("--objective", "test:accuracy"),
        env=plane.environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def start(
    sagemaker: Any,
    prepare: str | None,
    number: int,
    hidden: int,
    lr: float,
    momentum: float,
    activation: str,
    epochs: int = EPOCHS,
) -> str:
    """A trial and its job; a job alone if nothing prepared its digits."""
    trial, name = f"width-{hidden}-{number}", f"mnist-width-{hidden}-{number}"
    within: dict[str, Any] = {}
    if prepare is not None:
        sagemaker.create_trial(TrialName=trial, ExperimentName=EXPERIMENT)
        sagemaker.associate_trial_component(TrialComponentName="normalise-digits", TrialName=trial)
        config = {"TrialName": trial, "TrialComponentDisplayName": "Training"}
        within = {"ExperimentConfig": config}
    made = {"hidden": hidden, "lr": lr, "momentum": momentum, "activation": activation}
    hyper = {key: str(value) for key, value in {**made, "epochs": epochs}.items()}
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={
            "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/"
            "pytorch-training:2.3-cpu-py311",
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": "train:loss", "Regex": "train_loss=([0-9.]+);"},
                {"Name": "test:loss", "Regex": "test_loss=([0-9.]+);"},
                {"Name": "test:accuracy", "Regex": "test_accuracy=([0-9.]+);"},
            ],
        },
        HyperParameters={
            **hyper,
            "sagemaker_program": json.dumps("train.py"),
            "sagemaker_submit_directory": json.dumps("s3://digits/code/sourcedir.tar.gz"),
        },
        RoleArn=ROLE,
        InputDataConfig=[
            {
                "ChannelName": "training",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://digits/mnist"}
                },
            }
        ],
        OutputDataConfig={"S3OutputPath": "s3://digits/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        **within,
        Tags=[
            {"Key": "sagelet:backend", "Value": "process"},
            {"Key": "sagelet:python", "Value": sys.executable},
        ],
    )
    if prepare is None:
        return name
    component = f"{name}-aws-training-job"
    arn = sagemaker.describe_trial_component(TrialComponentName=component)["TrialComponentArn"]
    sagemaker.add_association(
        SourceArn=prepare, DestinationArn=arn, AssociationType="ContributedTo"
    )
    return name


def stop_all(sagemaker: Any) -> None:
    """No job outlives the pictures."""
    running = sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]
    for each in running:
        sagemaker.stop_training_job(TrainingJobName=each["TrainingJobName"])
    for each in running:
        wait(sagemaker, each["TrainingJobName"])


def wait(sagemaker: Any, name: str) -> str:
    """Its state in the end."""
    while True:
        status = sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        if status not in ("InProgress", "Stopping"):
            return str(status)
        time.sleep(0.5)


def keep_quality(plane: Plane, s3: Any, sagemaker: Any, job: str) -> None:
    """What the job measured of its model, as a tracker stores it."""
    folder = plane.folder / job
    folder.mkdir()
    model = folder / "model.tar.gz"
    s3.download_file("digits", f"models/{job}/output/model.tar.gz", str(model))
    shutil.unpack_archive(model, folder, filter="data")
    arn = sagemaker.describe_trial_component(TrialComponentName=f"{job}-aws-training-job")[
        "TrialComponentArn"
    ]
    for kind, document in json.loads((folder / "quality.json").read_text()).items():
        key = f"trial-component-artifacts/{job}/{kind}.json"
        s3.put_object(Bucket="digits", Key=key, Body=json.dumps(document).encode())
        made = sagemaker.create_artifact(
            ArtifactName=kind, ArtifactType=kind, Source={"SourceUri": f"s3://digits/{key}"}
        )
        sagemaker.add_association(
            SourceArn=arn, DestinationArn=made["ArtifactArn"], AssociationType="Produced"
        )


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


def take(made: Any, url: str, path: str, width: int, height: int, theme: str, target: Path) -> None:
    """One picture, once everything is there."""
    context = made.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{url}/_ui/{path}")
    page.locator("h1, h2").first.wait_for()
    page.wait_for_load_state("load")
    page.wait_for_timeout(1500)
    page.screenshot(path=str(target))
    context.close()


def whole(made: Any, url: str, path: str, width: int, theme: str, target: Path) -> None:
    """The whole length of a page."""
    context = made.new_context(
        viewport={"width": width, "height": 900 if width > 500 else 844},
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{url}/_ui/{path}")
    page.locator("h1, h2").first.wait_for()
    page.wait_for_timeout(900)
    for _ in range(12):
        before = page.evaluate("document.documentElement.scrollHeight")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(350)
        if page.evaluate("document.documentElement.scrollHeight") == before:
            break
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=str(target), full_page=True)
    context.close()


def smaller(picture: Path) -> Path:
    """The same picture as WebP, where a tool for it is there."""
    if shutil.which("cwebp") is None:
        return picture
    target = picture.with_suffix(".webp")
    command = ["cwebp", "-quiet", "-q", "82", "-m", "6", str(picture), "-o", str(target)]
    subprocess.run(command, check=True)
    picture.unlink()
    return target


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "images")
    parser.add_argument("--review", action="store_true")
    parser.add_argument("--only", default="", help="with --review: pages that have this name")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        plane = Plane(Path(place), environ={"SAGELET_BACKEND": "process"})
        try:
            names = run(plane)
            with browser() as made:
                if options.review:
                    for name, path in EVERY.items():
                        if options.only and options.only not in name:
                            continue
                        for width in (1440, 1024, 390):
                            for theme in ("light", "dark"):
                                target = options.folder / f"{name}-{width}-{theme}.png"
                                whole(made, plane.url, path.format(**names), width, theme, target)
                    return
                for name, (path, width, height, theme) in PICTURES.items():
                    target = options.folder / f"{name}.png"
                    take(made, plane.url, path.format(**names), width, height, theme, target)
                    smaller(target)
        finally:
            stop_all(client(plane, "sagemaker"))
            plane.stop()


if __name__ == "__main__":
    main()
