"""A job in the foreground: followed to its end, with what Ctrl-C means to it."""

import json
import signal
from contextlib import suppress
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli.follow import JobView, ask_to_stop, watch
from sagelet.cli.kinds import door_of
from sagelet.cli.render import Screen, plain, summarise
from sagelet.domain.errors import DomainError, ValidationException
from sagelet.domain.jobs import Kind


def take_back(client: Client, screen: Screen, name: str, kind: Kind) -> None:
    """Interrupted while the job was taken in: it may exist, or still come to exist."""
    try:
        ask_to_stop(client, name, kind)
    except DomainError:
        screen.say(f"if {name} was taken in all the same, `sagelet stop {name}` stops it")


class Interrupts:
    """Counts Ctrl-C, SIGTERM and the terminal's end from now on; nothing is done in a handler."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self.count += 1


def foreground(
    client: Client,
    screen: Screen,
    request: dict[str, Any],
    interrupts: Interrupts,
    kind: Kind,
    *,
    as_json: bool,
) -> int:
    """Follow the job to its end, pass interrupts on; the exit code."""
    name = request[f"{kind.name}Name"]
    door = door_of(kind, name)
    screen.say(f"job {name}", bold=True)
    heard = 0

    def obey() -> None:
        nonlocal heard
        if interrupts.count <= heard:
            return
        heard += 1
        if heard == 1:
            with suppress(ValidationException):  # it has ended by now
                ask_to_stop(client, name, kind)
                screen.say(_what_a_stop_does(name, watch(client, name, kind), request), fg="yellow")
        elif heard == 2:
            client.post(f"{door}/kill")
        else:
            screen.say(f"left {name} as it is; `sagelet logs -f {name}` follows it again")
            raise KeyboardInterrupt

    document = JobView(screen, client, name, status=not as_json, kind=kind).follow(tick=obey)
    with suppress(OSError):  # nobody reads any more
        summarise(screen, document, client.get(door))
    if as_json:
        click.echo(json.dumps(plain(document), indent=2))
    return exit_code(document)


def _what_a_stop_does(name: str, document: dict[str, Any], request: dict[str, Any]) -> str:
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
