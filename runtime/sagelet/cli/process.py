"""``sagelet process``: build the request, submit it, follow the job or leave it to itself."""

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import options
from sagelet.cli.foreground import Interrupts, foreground, take_back
from sagelet.cli.plane import reach
from sagelet.cli.process_request import PLACE, base_of, request_of
from sagelet.cli.render import Screen
from sagelet.cli.request import OPTIONS, check
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.processing import PROCESSING
from sagelet.settings import Settings

#: The options that a training job has too, in the order of the help.
_SHARED = (
    "environment",
    "experiment",
    "trial",
    "display_name",
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
@OPTIONS["framework_version"]
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
    help=f"A folder, file or s3:// URI; the job finds it at {PLACE}/input/NAME.",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="NAME=PATH",
    help=f"Where what the job writes to {PLACE}/output/NAME goes: a folder, or s3://.",
)
@click.option(
    "--input-mode",
    "input_modes",
    multiple=True,
    metavar="[NAME=]MODE",
    help="File or Pipe, for all inputs or one --input. A pipe is NAME_0, NAME_1, ... in its place.",
)
@click.option(
    "--sharded",
    multiple=True,
    metavar="NAME",
    help="ShardedByS3Key: each host gets a part of this --input's objects.",
)
@click.option(
    "--continuous",
    multiple=True,
    metavar="NAME",
    help="S3UploadMode Continuous: this --output goes to its place while the job runs, too.",
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
    request = request_of(given, plane.settings)
    named = "ProcessingJobName" in request
    if given["dry_run"]:
        request.setdefault("ProcessingJobName", options.stamped(base_of(given, request)))
        check(request, plane.settings, _CREATE)
        click.echo(json.dumps(request, indent=2))
        return 0
    if given["request_file"]:  # of members that it does not know, the wire says nothing
        check(request, plane.settings, _CREATE)
    screen = Screen(sys.stderr if given["as_json"] else None)
    client = plane.client(own=True)
    while True:
        if not named:
            request["ProcessingJobName"] = options.stamped(base_of(given, request))
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
