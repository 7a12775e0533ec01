"""``sagelet models``."""

import json
from pathlib import Path
from typing import Any

import click

from sagelet.cli.plane import reach
from sagelet.cli.render import moment, plain
from sagelet.domain.errors import ValidationException
from sagelet.domain.options import size_in_words


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def models(name: str | None, *, as_json: bool) -> int:
    """List model versions, of one NAME or of all."""
    client = reach(click.get_current_context().obj).client()
    asked = {} if name is None else {"name": name}
    rows: list[dict[str, Any]] = client.get("/_cli/models", **asked)["Models"]
    if name is not None and not rows:
        raise ValidationException(f"There is no model named '{name}'. (sagelet models lists them.)")
    if as_json:
        click.echo(json.dumps(plain(rows), indent=2))
    elif not rows:
        click.echo("No models yet.")
    else:
        from sagelet.cli.tables import show

        show(
            ("MODEL", "VERSION", "SIZE", "CREATED", "METRICS", "JOB"),
            [
                (
                    row["Name"],
                    str(row["Version"]),
                    size_in_words(row["SizeInBytes"]),
                    moment(row["CreationTime"]),
                    " ".join(f"{k}={v:g}" for k, v in row["Metrics"].items()) or "-",
                    row["TrainingJobName"],
                )
                for row in rows
            ],
        )
        click.echo(f"\nin {Path(rows[0]['Path']).parents[1]}/<model>/<version>/")
    return 0
