"""``sagelet jobs``, ``describe``, ``stop``."""

import json
import time

import click

from sagelet.app import create_app
from sagelet.aws.services.sagemaker.training import describe_training_job, summary
from sagelet.cli.render import JobView, Screen, moment, plain
from sagelet.settings import Settings


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many, newest first.",
)
@click.option("--json", "as_json", is_flag=True, help="TrainingJobSummaries as JSON.")
def jobs(*, limit: int, as_json: bool) -> int:
    """List training jobs, newest first."""
    app = create_app(Settings.from_environ())
    app.engine.recover()
    found = app.store.training_jobs.newest(limit)
    if as_json:
        click.echo(
            json.dumps(plain({"TrainingJobSummaries": [summary(j) for j in found]}), indent=2)
        )
        return 0
    if not found:
        click.echo("No jobs yet. The first one: sagelet train --help")
        return 0
    from sagelet.cli.tables import show

    show(
        ("JOB", "STATUS", "BACKEND", "HOSTS", "CREATED", "SECONDS", "METRICS"),
        [
            (
                job.name,
                str(job.life.secondary)
                if job.life.over
                else f"{job.life.primary} ({job.life.secondary})",
                job.backend or "-",
                str(job.host_count),
                moment(job.created),
                f"{(job.life.ended() or time.time()) - (job.life.started() or job.created):.1f}",
                " ".join(f"{m.name}={m.value:g}" for m in app.store.metrics.final(job.name)) or "-",
            )
            for job in found
        ],
    )
    return 0


@click.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="The DescribeTrainingJob document.")
def describe(job: str, *, as_json: bool) -> int:
    """Show one JOB in full."""
    settings = Settings.from_environ()
    app = create_app(settings)
    app.engine.recover()
    document = plain(describe_training_job(app.store, job, settings.cache))
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return 0
    for key, value in document.items():
        _print(key, value, 0)
    return 0


def _print(key: str, value: object, depth: int) -> None:
    pad = "  " * depth
    if isinstance(value, dict) and value:
        click.echo(f"{pad}{key}:")
        for name, item in value.items():
            _print(name, item, depth + 1)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        click.echo(f"{pad}{key}:")
        for item in value:
            fields = "  ".join(f"{k}={v}" for k, v in item.items())
            click.echo(f"{pad}  - {fields}")
    else:
        click.echo(f"{pad}{key}: {value}")


@click.command()
@click.argument("job")
@click.option("--no-wait", is_flag=True, help="Only ask; do not wait until it has stopped.")
def stop(job: str, *, no_wait: bool) -> int:
    """Stop a JOB: SIGTERM, the grace, SIGKILL; what it saved is kept."""
    app = create_app(Settings.from_environ())
    app.engine.recover(patience=0)
    app.engine.stop(job)
    screen = Screen()
    if no_wait:
        screen.say(f"{job} was asked to stop.")
        return 0
    found = JobView(screen, app.store, job, ()).follow(alive=lambda: app.engine.supervised(job))
    if not found.life.over:
        diary = app.store.home.job(job) / "supervisor.log"
        screen.say(f"{job} has lost its supervisor ({diary} may say why); run this again.")
        return 1
    screen.say(f"{job}: {found.life.primary}")
    return 0
