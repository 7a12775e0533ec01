"""``sagelet logs``."""

import json
import shutil
import sys
from pathlib import Path

import click

from sagelet.app import create_app
from sagelet.cli.render import JobView, Screen
from sagelet.domain.errors import ValidationException
from sagelet.domain.opt_ml import host_names
from sagelet.settings import Settings
from sagelet.store.logs import events


@click.command()
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job is over.")
@click.option("--host", "only", help="Only this host, e.g. algo-1.")
@click.option("--raw", is_flag=True, help="The exact bytes of one host, without prefix.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line: host, timestamp, message."
)
def logs(job: str, only: str | None, *, follow: bool, raw: bool, as_json: bool) -> int:
    """Print what the hosts of a JOB printed."""
    app = create_app(Settings.from_environ())
    app.engine.recover(patience=0)
    found = app.store.training_jobs.get(job)
    hosts = host_names(found.host_count)
    if only is not None:
        if only not in hosts:
            raise ValidationException(f"{job} has no host '{only}'; it has {', '.join(hosts)}.")
        hosts = (only,)
    if raw:
        if len(hosts) > 1:
            raise ValidationException("--raw prints one host; choose it with --host.")
        _raw(app.store.home.log(job, hosts[0]))
        return 0
    if as_json:
        for host in hosts:
            for event in events(app.store.home.log(job, host)):
                click.echo(
                    json.dumps({"host": host, "timestamp": event.time, "message": event.message})
                )
        return 0
    view = JobView(Screen(), app.store, job, hosts)
    if follow:
        view.follow(states=False, alive=lambda: app.engine.supervised(job))
    else:
        view.drain()
    return 0


def _raw(log: Path) -> None:
    if log.exists():
        with log.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
