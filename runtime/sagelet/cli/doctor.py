"""``sagelet doctor``: what this machine can do, and the fix for what it cannot."""

import json
from dataclasses import asdict

import click

from sagelet.app import findings
from sagelet.doctor import runnable
from sagelet.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(*, as_json: bool) -> int:
    """Check this machine; exit 1 when no job could run here."""
    found = findings(Settings.from_environ())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        colours = {"ok": "green", "missing": "red", "note": "yellow"}
        for f in found:
            state = click.style(f"{f.state:<8}", fg=colours[f.state])
            click.echo(f"{state}{f.check:<24}{f.detail}")
            if f.fix:
                click.echo(f"{'':<32}fix: {f.fix}")
    return 0 if runnable(found) else 1
