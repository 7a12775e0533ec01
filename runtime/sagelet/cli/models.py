"""``sagelet models``."""

import json
from typing import Any

import click

from sagelet.app import create_app
from sagelet.cli.render import moment, plain, size
from sagelet.domain.errors import ValidationException
from sagelet.settings import Settings


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def models(name: str | None, *, as_json: bool) -> int:
    """List model versions, of one NAME or of all."""
    app = create_app(Settings.from_environ())
    app.engine.recover()
    rows: list[dict[str, Any]] = [
        {
            "Name": version.name,
            "Version": version.version,
            "TrainingJobName": version.job,
            "CreationTime": version.created,
            "SizeInBytes": version.size,
            "Path": str(app.store.home.models / version.name / str(version.version)),
            "Metrics": {m.name: m.value for m in app.store.metrics.final(version.job)},
        }
        for version in app.store.models.published(name)
    ]
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
                    size(row["SizeInBytes"]),
                    moment(row["CreationTime"]),
                    " ".join(f"{k}={v:g}" for k, v in row["Metrics"].items()) or "-",
                    row["TrainingJobName"],
                )
                for row in rows
            ],
        )
        click.echo(f"\nin {app.store.home.models}/<model>/<version>/")
    return 0
