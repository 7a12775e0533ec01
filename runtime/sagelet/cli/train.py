"""``sagelet train``: build the request, submit it, follow the job or leave it to itself."""

import json
import signal
import sys
from contextlib import suppress
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import options
from sagelet.cli.follow import JobView, ask_to_stop, describe
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen, plain, summarise
from sagelet.cli.request import base_of, check, job_options, request_of
from sagelet.domain.errors import DomainError, ResourceInUse, ValidationException
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
            check(request, settings)  # names each member as this request writes it
        raise
    return str(answer["TrainingJobArn"])


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

    document = JobView(screen, client, name, status=not as_json).follow(tick=obey)
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
