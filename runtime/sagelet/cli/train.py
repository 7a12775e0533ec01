"""``sagelet train``: build the request, submit it, supervise it here or in the background."""

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from sagelet.app import App, create_app
from sagelet.aws.model import load_operation
from sagelet.aws.validation import validate
from sagelet.cli import options
from sagelet.cli.render import JobView, Screen, Unstoppable, plain, summarise
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.opt_ml import host_names
from sagelet.domain.training import TrainingJob
from sagelet.engine.engine import Submission
from sagelet.execution.backend import Cancelled
from sagelet.settings import Settings


@click.command()
@click.argument("script", required=False)
@click.option(
    "--framework",
    type=click.Choice(sorted(options.FRAMEWORK_IMAGES)),
    help="Train with this framework's image or environment.",
)
@click.option(
    "--framework-version",
    metavar="X.Y",
    help="The version the script was written for (TensorFlow below 2.16 gets Keras 2).",
)
@click.option(
    "--image", metavar="URI", help="Train in this image: your own, or a SageMaker framework URI."
)
@click.option(
    "--request",
    "request_file",
    metavar="FILE",
    help="A CreateTrainingJob request document (JSON), instead of the options that make one.",
)
@click.option(
    "--channel",
    "channel_args",
    multiple=True,
    metavar="NAME=PATH",
    help="An input channel: a local folder, file, or file:// URI.",
)
@click.option("--source-dir", metavar="DIR", help="The folder with the script and what it imports.")
@click.option("--hp", "hyperparameters", multiple=True, metavar="K=V", help="A hyperparameter.")
@click.option(
    "--env",
    "environment",
    multiple=True,
    metavar="K=V",
    help="An environment variable for the job.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME=REGEX",
    help="A metric: the regex's first group is its value.",
)
@click.option("--name", help="The job's name; by default the script's, with the time.")
@click.option(
    "--model", help="The name its model is versioned under; by default the job's base name."
)
@click.option("--output", metavar="DIR", help="Where <job>/output/model.tar.gz goes.")
@click.option("--checkpoints", metavar="DIR", help="A folder that lives on as /opt/ml/checkpoints.")
@click.option(
    "--max-run", type=click.IntRange(min=1), metavar="SECONDS", help="Stop the job after this long."
)
@click.option(
    "--grace", metavar="SECONDS", help="Time between SIGTERM and SIGKILL on stop (default 120)."
)
@click.option(
    "--hosts", type=click.IntRange(min=1), default=1, show_default=True, help="Number of hosts."
)
@click.option(
    "--instance-type", metavar="TYPE", help="ml.* type: limits CPUs and memory, asks for its GPUs."
)
@click.option("--gpus", metavar="N", help="GPUs a host: a number or all.")
@click.option("--cpus", metavar="N", help="CPU limit a host (Docker).")
@click.option("--memory", metavar="SIZE", help="Memory limit a host, e.g. 4g (Docker).")
@click.option(
    "--shm-size", "shm", metavar="SIZE", help="Size of /dev/shm (Docker; default half the memory)."
)
@click.option(
    "--isolated", is_flag=True, help="EnableNetworkIsolation: no network but the job's own."
)
@click.option(
    "--backend",
    type=click.Choice(["auto", "docker", "process"]),
    help="Where hosts run; auto takes Docker when it can.",
)
@click.option(
    "--python", metavar="PATH", help="Run in this interpreter's environment (process backend)."
)
@click.option("--detach", is_flag=True, help="Return at once; the job goes on by itself.")
@click.option("--dry-run", is_flag=True, help="Print the CreateTrainingJob request and stop.")
@click.option(
    "--json", "as_json", is_flag=True, help="End with the DescribeTrainingJob document on stdout."
)
def train(**given: Any) -> int:
    """Run a training job: a SCRIPT, an --image, or a --request document.

    \b
    sagelet train train.py --framework pytorch --channel training=./data --hp epochs=2
    sagelet train --image my-algorithm:1 --channel training=./data
    sagelet train --request job.json
    """  # noqa: D301
    settings = Settings.from_environ()
    request = _document(given, settings)
    operation = load_operation("sagemaker", "CreateTrainingJob", settings.cache)
    if given["dry_run"]:
        request.setdefault("TrainingJobName", options.stamped(_base(given, request)))
        validate(operation, request)
        click.echo(json.dumps(request, indent=2))
        return 0
    screen = Screen(sys.stderr if given["as_json"] else None)
    app = create_app(settings)
    app.engine.recover(patience=0)
    interrupts = _Interrupts()
    named = "TrainingJobName" in request
    while True:
        if not named:
            request["TrainingJobName"] = options.stamped(_base(given, request))
        validate(operation, request)
        try:
            submission = app.engine.submit(request, _Checking(screen, interrupts))
            break
        except Cancelled:
            return 130
        except ResourceInUse:
            if named:
                raise
    if given["detach"]:
        app.engine.detach(submission)
        screen.clear()
        document = {
            "TrainingJobName": submission.job.name,
            "TrainingJobArn": submission.job.arn,
        }
        click.echo(json.dumps(document) if given["as_json"] else submission.job.name)
        return 0
    return _foreground(app, screen, submission, interrupts, as_json=given["as_json"])


class _Interrupts:
    """Counts Ctrl-C, SIGTERM and the terminal's end from now on; nothing is done in a handler."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self.count += 1


class _Checking(Unstoppable):
    """Progress before the job exists: an interrupt ends the command."""

    def __init__(self, screen: Screen, interrupts: _Interrupts) -> None:
        super().__init__(screen)
        self._interrupts = interrupts

    def cancelled(self) -> bool:
        """Whether there was an interrupt."""
        return self._interrupts.count > 0


def _foreground(
    app: App, screen: Screen, submission: Submission, interrupts: _Interrupts, *, as_json: bool
) -> int:
    """Supervise in a thread, print in this one, pass interrupts on as stop requests."""
    name = submission.job.name
    screen.say(f"job {name}", bold=True)
    supervisor = app.engine.supervisor(name, screen)
    crashes: list[BaseException] = []

    def supervise() -> None:
        try:
            supervisor.run()
        except BaseException as error:  # noqa: BLE001 - told to the user below
            crashes.append(error)
        finally:
            app.store.database.close()

    heard = 0

    def obey() -> None:
        nonlocal heard
        if interrupts.count <= heard:
            return
        heard += 1
        job = app.store.training_jobs.get(name)
        if heard == 1:
            supervisor.stop()
            screen.say(_what_a_stop_does(job), fg="yellow")
        elif heard == 2:
            supervisor.hurry()
        else:
            screen.say(f"left {name} as it is; the next sagelet command goes on with it")
            os._exit(130)

    thread = threading.Thread(target=supervise, name="supervisor", daemon=True)
    thread.start()
    view = JobView(screen, app.store, name, host_names(submission.job.host_count))
    job = view.follow(alive=thread.is_alive, tick=obey)
    thread.join()
    submission.lock.release()
    if crashes:
        raise crashes[0]
    summarise(screen, app.store, job)
    if as_json:
        _print_description(app, name)
    return exit_code(job)


def _what_a_stop_does(job: TrainingJob) -> str:
    match job.life.secondary:
        case Secondary.TRAINING:
            grace = f"{job.options.grace:g} s"
            return f"stopping {job.name}; its script gets {grace} to end. Ctrl-C again kills it."
        case Secondary.STARTING | Secondary.DOWNLOADING:
            return f"giving up {job.name}"
        case _:
            return f"{job.name} has ended; storing what it wrote. Ctrl-C twice more leaves it."


def exit_code(job: TrainingJob) -> int:
    """0 Completed, 1 Failed or out of time, 130 stopped."""
    return {"Completed": 0, "Stopped": 130}.get(str(job.life.secondary), 1)


def _print_description(app: App, name: str) -> None:
    from sagelet.aws.services.sagemaker.training import describe_training_job

    document = describe_training_job(app.store, name, app.settings.cache)
    click.echo(json.dumps(plain(document), indent=2))


def _document(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The CreateTrainingJob request that the options ask for."""
    if given["name"] == "":
        raise ValidationException("--name: the name is empty.")
    if given["request_file"]:
        return _from_file(given, settings)
    if not given["script"] and not given["image"]:
        raise ValidationException(
            "Nothing to train: give a SCRIPT, an --image, or a --request document. "
            "(sagelet train --help)"
        )
    if given["script"] and not given["framework"] and not given["image"] and not given["python"]:
        raise ValidationException(
            "Which environment does the script need? Give --framework pytorch, "
            "--framework tensorflow, an --image, or a --python."
        )
    algorithm: dict[str, Any] = {"TrainingImage": _image(given), "TrainingInputMode": "File"}
    if given["metrics"]:
        algorithm["MetricDefinitions"] = [
            {"Name": n, "Regex": r} for n, r in options.pairs("--metric", given["metrics"]).items()
        ]
    resources: dict[str, Any] = {"InstanceCount": given["hosts"], "VolumeSizeInGB": 30}
    if given["instance_type"]:
        resources["InstanceType"] = given["instance_type"]
    output = given["output"] or settings.home / "output"
    request: dict[str, Any] = {
        "AlgorithmSpecification": algorithm,
        "RoleArn": f"arn:aws:iam::{settings.account}:role/sagelet",
        "OutputDataConfig": {"S3OutputPath": options.file_uri(output)},
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": given["max_run"] or 86400},
        "HyperParameters": options.pairs("--hp", given["hyperparameters"]),
        "Tags": _tags(given, settings),
    }
    if given["script"]:
        clash = {"sagemaker_program", "sagemaker_submit_directory"} & set(
            request["HyperParameters"]
        )
        if clash:
            raise ValidationException(f"--hp {min(clash)} is set by naming a SCRIPT; give one.")
        request["HyperParameters"] |= options.script_hyperparameters(
            given["script"], given["source_dir"]
        )
    if given["name"]:
        request["TrainingJobName"] = given["name"]
    if given["channel_args"]:
        request["InputDataConfig"] = options.channels(given["channel_args"])
    if given["environment"]:
        request["Environment"] = options.pairs("--env", given["environment"])
    if given["checkpoints"]:
        request["CheckpointConfig"] = {"S3Uri": options.file_uri(given["checkpoints"])}
    if given["isolated"]:
        request["EnableNetworkIsolation"] = True
    return request


def _from_file(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A document, with the options of this machine added as tags."""
    belong_inside = (
        "script",
        "framework",
        "framework_version",
        "image",
        "channel_args",
        "source_dir",
        "hyperparameters",
        "environment",
        "metrics",
        "output",
        "checkpoints",
        "max_run",
        "instance_type",
        "isolated",
    )
    clash = [key for key in belong_inside if given[key]] + (["hosts"] if given["hosts"] > 1 else [])
    if clash:
        raise ValidationException(
            f"--request is the whole job; say {', '.join(sorted(clash))} in the document instead."
        )
    request = options.read_request(given["request_file"])
    if given["name"]:
        request["TrainingJobName"] = given["name"]
    extra = _tags(given, settings)
    if extra and isinstance(request.get("Tags") or [], list):
        keys = {tag["Key"] for tag in extra}
        own = [
            t
            for t in request.get("Tags") or []
            if not (isinstance(t, dict) and t.get("Key") in keys)
        ]
        request["Tags"] = own + extra
    if request.get("TrainingJobName") is None:
        raise ValidationException(
            "TrainingJobName: Member must not be null. Name the job, or use --name."
        )
    return request


def _image(given: dict[str, Any]) -> str:
    if given["image"]:
        if given["framework"]:
            raise ValidationException("--image and --framework both name an image; give one.")
        return str(given["image"])
    if given["framework"]:
        tag = f":{given['framework_version']}-cpu" if given["framework_version"] else ""
        return options.FRAMEWORK_IMAGES[given["framework"]] + tag
    return "python"


def _tags(given: dict[str, Any], settings: Settings) -> list[dict[str, str]]:
    backend = given["backend"] or (settings.backend if settings.backend != "auto" else None)
    keys = ("gpus", "cpus", "memory", "shm", "grace", "model")
    python = given["python"]
    if python:
        found = shutil.which(python)
        if found is None:
            raise ValidationException(f"--python {python}: there is no such program.")
        python = str(Path(found).absolute())  # not resolved: a venv's link is what makes it one
    return options.tags({"backend": backend, "python": python, **{key: given[key] for key in keys}})


def _base(given: dict[str, Any], request: dict[str, Any]) -> str:
    if given["script"]:
        return Path(given["script"]).stem
    image = str(request["AlgorithmSpecification"]["TrainingImage"])
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0]
