"""``sagelet process``: build the request, submit it, follow the job or leave it to itself."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import options
from sagelet.cli.foreground import Interrupts, foreground, take_back
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen
from sagelet.cli.request import OPTIONS, check, image_of, tags_of
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.processing import PROCESSING
from sagelet.settings import Settings

#: Where inputs, outputs and the code are in the container.
_PLACE = "/opt/ml/processing"

#: The options that a training job has too, in the order of the help.
_SHARED = (
    "environment",
    "name",
    "max_run",
    "grace",
    "hosts",
    "instance_type",
    "gpus",
    "cpus",
    "memory",
    "shm",
    "isolated",
    "backend",
    "python",
)

_CREATE = "CreateProcessingJob"


def _shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(_SHARED):
        command = OPTIONS[name](command)
    return command


@click.command()
@click.argument("script", required=False)
@click.argument("arguments", nargs=-1)
@click.option(
    "--framework",
    type=click.Choice(sorted(options.FRAMEWORK_IMAGES)),
    help="Run in this framework's image or environment.",
)
@click.option("--image", metavar="URI", help="Run in this image; without a SCRIPT, what it runs.")
@click.option(
    "--request",
    "request_file",
    metavar="FILE",
    help="A CreateProcessingJob request document (JSON), instead of the options that make one.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=PATH",
    help=f"A folder, file or s3:// URI; the job finds it at {_PLACE}/input/NAME.",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="NAME=PATH",
    help=f"Where what the job writes to {_PLACE}/output/NAME goes: a folder, or s3://.",
)
@click.option("--source-dir", metavar="DIR", help="The folder with the script and what it imports.")
@_shared_options
@click.option("--detach", is_flag=True, help="Return at once; the job goes on by itself.")
@click.option("--dry-run", is_flag=True, help="Print the CreateProcessingJob request and stop.")
@click.option(
    "--json", "as_json", is_flag=True, help="End with the description of the job on stdout."
)
def process(**given: Any) -> int:
    """Run a processing job: a SCRIPT with its ARGUMENTS, an --image, or a --request document.

    \b
    sagelet process split.py --framework pytorch --input raw=./data --output train=./train
    sagelet process split.py --framework pytorch --input raw=./data -- --ratio 0.2
    sagelet process --request job.json
    """  # noqa: D301
    plane = reach(click.get_current_context().obj)
    request = _request_of(given, plane.settings)
    named = "ProcessingJobName" in request
    if given["dry_run"]:
        request.setdefault("ProcessingJobName", options.stamped(_base_of(given, request)))
        check(request, plane.settings, _CREATE)
        click.echo(json.dumps(request, indent=2))
        return 0
    if given["request_file"]:  # of members that it does not know, the wire says nothing
        check(request, plane.settings, _CREATE)
    screen = Screen(sys.stderr if given["as_json"] else None)
    client = plane.client(own=True)
    while True:
        if not named:
            request["ProcessingJobName"] = options.stamped(_base_of(given, request))
        try:
            arn = _create(client, request, plane.settings)
            interrupts = Interrupts()
            break
        except KeyboardInterrupt:
            take_back(client, screen, request["ProcessingJobName"], PROCESSING)
            raise
        except ResourceInUse:
            if named:
                raise
    if given["detach"]:
        document = {"ProcessingJobName": request["ProcessingJobName"], "ProcessingJobArn": arn}
        click.echo(json.dumps(document) if given["as_json"] else document["ProcessingJobName"])
        return 0
    return foreground(client, screen, request, interrupts, PROCESSING, as_json=given["as_json"])


def _create(client: Client, request: dict[str, Any], settings: Settings) -> str:
    try:
        answer = client.call("sagemaker", _CREATE, request, repeatable=False)
    except ValidationException as error:
        if "validation error" in str(error):
            check(request, settings, _CREATE)  # names each member as this request writes it
        raise
    return str(answer["ProcessingJobArn"])


def _request_of(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The CreateProcessingJob request that the options ask for."""
    if given["name"] == "":
        raise ValidationException("--name: the name is empty.")
    if given["request_file"]:
        return _from_file(given, settings)
    if not given["script"] and not given["image"]:
        raise ValidationException(
            "Nothing to run: give a SCRIPT, an --image, or a --request document. (--help says how.)"
        )
    if given["script"] and not any(given[k] for k in ("framework", "image", "python")):
        raise ValidationException(
            "Which environment does the script need? Give --framework pytorch, "
            "--framework tensorflow, an --image, or a --python."
        )
    application: dict[str, Any] = {"ImageUri": image_of({**given, "framework_version": None})}
    inputs = [
        _input(name, path, f"{_PLACE}/input/{name}")
        for name, path in _pairs("--input", given["inputs"])
    ]
    if given["script"]:
        source, program = _code(given["script"], given["source_dir"])
        if any(each["InputName"] == "code" for each in inputs):
            raise ValidationException("--input code: that is where the SCRIPT goes; rename it.")
        inputs.append(_input("code", source, f"{_PLACE}/input/code"))
        application["ContainerEntrypoint"] = ["python3", f"{_PLACE}/input/code/{program}"]
    if given["arguments"]:
        application["ContainerArguments"] = list(given["arguments"])
    cluster: dict[str, Any] = {"InstanceCount": given["hosts"], "VolumeSizeInGB": 30}
    if given["instance_type"]:
        cluster["InstanceType"] = given["instance_type"]
    request: dict[str, Any] = {
        "AppSpecification": application,
        "RoleArn": f"arn:aws:iam::{settings.account}:role/sagelet",
        "ProcessingResources": {"ClusterConfig": cluster},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": name,
                    "S3Output": {
                        "S3Uri": options.file_uri(path),
                        "LocalPath": f"{_PLACE}/output/{name}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for name, path in _pairs("--output", given["outputs"])
            ]
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": given["max_run"] or 86400},
        "Tags": tags_of(given, settings),
    }
    if given["name"]:
        request["ProcessingJobName"] = given["name"]
    if given["environment"]:
        request["Environment"] = options.pairs("--env", given["environment"])
    if given["isolated"]:
        request["NetworkConfig"] = {"EnableNetworkIsolation": True}
    return request


def _pairs(flag: str, values: tuple[str, ...]) -> list[tuple[str, str]]:
    found = options.pairs(flag, values)
    for name, path in found.items():
        if not path:
            raise ValidationException(f"{flag} {name}=: the path is empty.")
    return list(found.items())


def _input(name: str, path: str, place: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": options.file_uri(path),
            "LocalPath": place,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def _code(script: str, source_dir: str | None) -> tuple[str, str]:
    """What the code is, as a path, and the script's place in it."""
    found = options.script_hyperparameters(script, source_dir)
    source = source_dir or str(Path(script).resolve())
    return source, str(json.loads(found["sagemaker_program"]))


def _from_file(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A document, with the options of this machine added as tags."""
    inside = (
        *("script", "arguments", "framework", "image", "inputs", "outputs", "source_dir"),
        *("environment", "max_run", "instance_type", "isolated"),
    )
    clash = [key for key in inside if given[key]]
    clash += ["hosts"] if given["hosts"] > 1 else []
    if clash:
        raise ValidationException(
            f"--request is the whole job; say {', '.join(sorted(clash))} in the document instead."
        )
    request = options.read_request(given["request_file"])
    if given["name"]:
        request["ProcessingJobName"] = given["name"]
    extra = tags_of(given, settings)
    if extra and isinstance(request.get("Tags") or [], list):
        keys = {tag["Key"] for tag in extra}
        own = [tag for tag in request.get("Tags") or [] if tag.get("Key") not in keys]
        request["Tags"] = own + extra
    if request.get("ProcessingJobName") is None:
        raise ValidationException(
            "ProcessingJobName: Member must not be null. Name the job, or use --name."
        )
    return request


def _base_of(given: dict[str, Any], request: dict[str, Any]) -> str:
    """What a job is called when nobody names it: after its script, else after its image."""
    if given["script"]:
        return Path(given["script"]).stem
    image = str(request["AppSpecification"]["ImageUri"])
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0]
