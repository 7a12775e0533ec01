"""``sagelet train``: build the request, submit it, follow the job or leave it to itself."""

import json
import re
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import options
from sagelet.cli.follow import JobView, ask_to_stop, describe
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen, plain, summarise
from sagelet.domain.errors import DomainError, ResourceInUse, ValidationException
from sagelet.domain.training import BACKENDS
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
    help="An input channel: a local folder or file, a file:// or an s3:// URI.",
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
@click.option(
    "--output", metavar="DIR", help="Where <job>/output/model.tar.gz goes: a folder, or s3://."
)
@click.option(
    "--checkpoints",
    metavar="DIR",
    help="A folder (or s3:// prefix) that lives on as /opt/ml/checkpoints.",
)
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
    type=click.Choice(BACKENDS),
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
    plane = reach(click.get_current_context().obj)
    request = _document(given, plane.settings)
    named = "TrainingJobName" in request
    if given["dry_run"]:
        request.setdefault("TrainingJobName", options.stamped(_base(given, request)))
        _check(request, plane.settings)
        click.echo(json.dumps(request, indent=2))
        return 0
    if given["request_file"]:  # of members that it does not know, the wire says nothing
        _check(request, plane.settings)
    screen = Screen(sys.stderr if given["as_json"] else None)
    client = plane.client(own=True)
    if plane.foreign:
        screen.note(
            "the control plane of another running command takes this job, with its own settings: "
            f"{', '.join(plane.foreign)} of this one do not count"
        )
    while True:
        if not named:
            request["TrainingJobName"] = options.stamped(_base(given, request))
        try:
            arn = _create(client, request, plane.settings)
            interrupts = _Interrupts()
            break
        except KeyboardInterrupt:
            _take_back(client, screen, request["TrainingJobName"])
            raise
        except ResourceInUse:
            if named:
                raise
    if given["detach"]:
        document = {"TrainingJobName": request["TrainingJobName"], "TrainingJobArn": arn}
        click.echo(json.dumps(document) if given["as_json"] else document["TrainingJobName"])
        return 0
    return _foreground(client, screen, request, interrupts, as_json=given["as_json"])


def _create(client: Client, request: dict[str, Any], settings: Settings) -> str:
    try:
        answer = client.call("sagemaker", "CreateTrainingJob", request, repeatable=False)
    except ValidationException as error:
        if "validation error" in str(error):
            _check(request, settings)  # names each member as this request writes it
        raise
    return str(answer["TrainingJobArn"])


def _check(request: dict[str, Any], settings: Settings) -> None:
    """Check against the service model, here.

    Raises:
        InvalidRequest: with each violation's place in the document.
    """
    from sagelet.aws.model import load_operation
    from sagelet.aws.validation import validate

    operation = load_operation("sagemaker", "CreateTrainingJob", settings.cache)
    validate(operation, request, relaxed=settings.relaxed)


def _take_back(client: Client, screen: Screen, name: str) -> None:
    """Interrupted while the job was taken in: it may exist, or still come to exist."""
    try:
        ask_to_stop(client, name)
    except DomainError:
        screen.say(f"if {name} was taken in all the same, `sagelet stop {name}` stops it")


class _Interrupts:
    """Counts Ctrl-C, SIGTERM and the terminal's end from now on; nothing is done in a handler."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self.count += 1


def _foreground(
    client: Client,
    screen: Screen,
    request: dict[str, Any],
    interrupts: _Interrupts,
    *,
    as_json: bool,
) -> int:
    """Follow the job to its end, pass interrupts on."""
    name = request["TrainingJobName"]
    screen.say(f"job {name}", bold=True)
    heard = 0

    def obey() -> None:
        nonlocal heard
        if interrupts.count <= heard:
            return
        heard += 1
        if heard == 1:
            with suppress(ValidationException):  # it has ended by now
                ask_to_stop(client, name)
                screen.say(_what_a_stop_does(describe(client, name), request), fg="yellow")
        elif heard == 2:
            client.post(f"/_cli/jobs/{name}/kill")
        else:
            screen.say(f"left {name} as it is; `sagelet logs -f {name}` follows it again")
            raise KeyboardInterrupt

    document = JobView(screen, client, name).follow(tick=obey)
    with suppress(OSError):  # nobody reads any more
        summarise(screen, document, client.get(f"/_cli/jobs/{name}"))
    if as_json:
        click.echo(json.dumps(plain(document), indent=2))
    return exit_code(document)


def _what_a_stop_does(document: dict[str, Any], request: dict[str, Any]) -> str:
    name = document["TrainingJobName"]
    statuses = [step["Status"] for step in document["SecondaryStatusTransitions"]]
    if "Uploading" in statuses:
        return f"{name} has ended; storing what it wrote. Ctrl-C twice more leaves it."
    if "Training" not in statuses:
        return f"giving up {name}"
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
    grace = tags.get("sagelet:grace", "120")
    return f"stopping {name}; its script gets {grace} s to end. Ctrl-C again kills it."


def exit_code(document: dict[str, Any]) -> int:
    """0 Completed, 1 Failed or out of time, 130 stopped."""
    return {"Completed": 0, "Stopped": 130}.get(document["SecondaryStatus"], 1)


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
        version = given["framework_version"]
        if version and not re.fullmatch(r"\d+(\.\d+){1,3}", version, re.ASCII):
            raise ValidationException(
                f"--framework-version {version}: write X.Y, as SageMaker's image tags do."
            )
        tag = f":{version}-cpu" if version else ""
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
    return options.tags(
        {
            "backend": backend,
            "python": python,
            "simulate": "on" if given["instance_type"] else None,
            **{key: given[key] for key in keys},
        }
    )


def _base(given: dict[str, Any], request: dict[str, Any]) -> str:
    if given["script"]:
        return Path(given["script"]).stem
    image = str(request["AlgorithmSpecification"]["TrainingImage"])
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0]
