"""``sagelet train``: build the request, submit it, follow the job or leave it to itself."""

import json
import sys
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import options
from sagelet.cli.foreground import Interrupts, foreground, take_back
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen
from sagelet.cli.request import base_of, check, job_options, request_of
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.training import TRAINING
from sagelet.settings import Settings


@click.command()
@job_options()
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
    request = request_of(given, plane.settings)
    named = "TrainingJobName" in request
    if given["dry_run"]:
        request.setdefault("TrainingJobName", options.stamped(base_of(given, request)))
        check(request, plane.settings)
        click.echo(json.dumps(request, indent=2))
        return 0
    if given["request_file"]:  # of members that it does not know, the wire says nothing
        check(request, plane.settings)
    screen = Screen(sys.stderr if given["as_json"] else None)
    client = plane.client(own=True)
    if plane.foreign:
        screen.note(
            "the control plane of another running command takes this job, with its own settings: "
            f"{', '.join(plane.foreign)} of this one do not count"
        )
    while True:
        if not named:
            request["TrainingJobName"] = options.stamped(base_of(given, request))
        try:
            arn = _create(client, request, plane.settings)
            interrupts = Interrupts()
            break
        except KeyboardInterrupt:
            take_back(client, screen, request["TrainingJobName"], TRAINING)
            raise
        except ResourceInUse:
            if named:
                raise
    if given["detach"]:
        document = {"TrainingJobName": request["TrainingJobName"], "TrainingJobArn": arn}
        click.echo(json.dumps(document) if given["as_json"] else document["TrainingJobName"])
        return 0
    return foreground(client, screen, request, interrupts, TRAINING, as_json=given["as_json"])


def _create(client: Client, request: dict[str, Any], settings: Settings) -> str:
    try:
        answer = client.call("sagemaker", "CreateTrainingJob", request, repeatable=False)
    except ValidationException as error:
        if "validation error" in str(error):
            check(request, settings)  # names each member as this request writes it
        raise
    return str(answer["TrainingJobArn"])
