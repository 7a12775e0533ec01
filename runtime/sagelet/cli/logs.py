"""``sagelet logs``."""

import json
import sys

import click

from sagelet.aws.client import Client
from sagelet.cli.follow import Events, JobView, host_count, streams
from sagelet.cli.kinds import KINDS, describe, door_of, kind_of, kind_option
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen
from sagelet.domain.errors import ValidationException
from sagelet.domain.jobs import Kind
from sagelet.domain.opt_ml import host_names


@click.command()
@click.argument("job")
@kind_option
@click.option("-f", "--follow", is_flag=True, help="Go on until the job is over.")
@click.option("--host", "only", help="Only this host, e.g. algo-1.")
@click.option("--raw", is_flag=True, help="The exact bytes of one host, without prefix.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line: host, timestamp, message."
)
def logs(
    job: str,
    only: str | None,
    *,
    kind_name: str | None,
    follow: bool,
    raw: bool,
    as_json: bool,
) -> int:
    """Print what the hosts of a JOB printed."""
    client = reach(click.get_current_context().obj).client()
    kind = kind_of(client, job, kind_name, KINDS)
    hosts = host_names(host_count(describe(client, job, kind)))
    if only is not None and only not in hosts:
        raise ValidationException(f"{job} has no host '{only}'; it has {', '.join(hosts)}.")
    if raw:
        if len(hosts) > 1 and only is None:
            raise ValidationException("--raw prints one host; choose it with --host.")
        _raw(client, door_of(kind, job), only or hosts[0])
        return 0
    if as_json:
        _documents(client, job, only, kind)
        return 0
    view = JobView(Screen(), client, job, states=False, only=only, kind=kind)
    if follow:
        view.follow()
    else:
        view.drain()
    return 0


def _documents(client: Client, job: str, only: str | None, kind: Kind) -> None:
    for stream, host in streams(client, job, kind).items():
        if only in (None, host):
            events = Events(client, stream, kind)
            while page := events.read():
                for event in page:
                    document = {
                        "host": host,
                        "timestamp": event["timestamp"],
                        "message": event["message"],
                    }
                    click.echo(json.dumps(document))


def _raw(client: Client, door: str, host: str) -> None:
    offset = 0
    while block := client.fetch(f"{door}/log", host=host, offset=offset):
        sys.stdout.buffer.write(block)
        offset += len(block)
