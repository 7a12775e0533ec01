"""``sagelet jobs``, ``describe``, ``stop``."""

import json
import time
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import follow, kinds
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen, moment, plain
from sagelet.domain.jobs import Kind
from sagelet.domain.processing import PROCESSING
from sagelet.domain.tuning import TUNING

#: What people look for first in a description.
_FIRST = (
    "TrainingJobName",
    "TrainingJobArn",
    "TrainingJobStatus",
    "ProcessingJobName",
    "ProcessingJobArn",
    "ProcessingJobStatus",
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobArn",
    "HyperParameterTuningJobStatus",
    "SecondaryStatus",
    "ExitMessage",
    "FailureReason",
    "ModelArtifacts",
)

#: The most that one answer of a List operation holds.
_PAGE = 100


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many, newest first.",
)
@click.option(
    "--kind",
    "kind_name",
    type=click.Choice(list(kinds.ALL_KINDS)),
    default="training",
    show_default=True,
    help="Which jobs.",
)
@click.option("--tuning", metavar="NAME", help="The training jobs of this tuning job.")
@click.option("--json", "as_json", is_flag=True, help="The summaries of the List operation.")
def jobs(*, limit: int, kind_name: str, tuning: str | None, as_json: bool) -> int:
    """List jobs of one kind, newest first."""
    client = reach(click.get_current_context().obj).client()
    if tuning is not None:
        return _show_tuned(client, tuning, as_json=as_json)
    kind = kinds.ALL_KINDS[kind_name]
    if as_json:
        found = {f"{kind.name}Summaries": _summaries(client, limit, kind)}
        click.echo(json.dumps(plain(found), indent=2))
        return 0
    if kind is PROCESSING:
        return _show_processing(_summaries(client, limit, kind))
    if kind is TUNING:
        return _show_tuning(_summaries(client, limit, kind))
    rows = client.get("/_cli/jobs", limit=limit)["Jobs"]
    if not rows:
        click.echo("No jobs yet. The first one: sagelet train --help")
        return 0
    from sagelet.cli.tables import show

    show(
        ("JOB", "STATUS", "BACKEND", "HOSTS", "CREATED", "SECONDS", "METRICS"),
        [_row(row) for row in rows],
    )
    return 0


def _summaries(client: Client, limit: int, kind: Kind) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    request: dict[str, Any] = {"SortBy": "CreationTime", "SortOrder": "Descending"}
    while len(found) < limit:
        request["MaxResults"] = min(limit - len(found), _PAGE)
        page = client.call("sagemaker", f"List{kind.name}s", request)
        found += page[f"{kind.name}Summaries"]
        if not page.get("NextToken"):
            break
        request["NextToken"] = page["NextToken"]
    return found


def _show_processing(found: list[dict[str, Any]]) -> int:
    if not found:
        click.echo("No processing jobs yet. The first one: sagelet process --help")
        return 0
    from sagelet.cli.tables import show

    rows = [
        (
            job["ProcessingJobName"],
            job["ProcessingJobStatus"],
            moment(job["CreationTime"]),
            f"{(job.get('ProcessingEndTime') or time.time()) - job['CreationTime']:.1f}",
            (job.get("ExitMessage") or "-").partition("\n")[0][:60],
        )
        for job in found
    ]
    show(("JOB", "STATUS", "CREATED", "SECONDS", "MESSAGE"), rows)
    return 0


def _show_tuning(found: list[dict[str, Any]]) -> int:
    if not found:
        click.echo("No tuning jobs yet. The first one: sagelet tune --help")
        return 0
    from sagelet.cli.tables import show

    rows = [
        (
            job["HyperParameterTuningJobName"],
            job["HyperParameterTuningJobStatus"],
            job["Strategy"],
            moment(job["CreationTime"]),
            f"{(job.get('HyperParameterTuningEndTime') or time.time()) - job['CreationTime']:.1f}",
            " ".join(f"{n} {word}" for word, n in job["TrainingJobStatusCounters"].items() if n),
        )
        for job in found
    ]
    show(("TUNING JOB", "STATUS", "STRATEGY", "CREATED", "SECONDS", "TRAINING JOBS"), rows)
    return 0


def _show_tuned(client: Client, name: str, *, as_json: bool) -> int:
    from sagelet.cli import tuning_view

    if as_json:
        kinds.describe(client, name, TUNING)  # says it well if there is none
        found = {"TrainingJobSummaries": tuning_view.training_jobs(client, name)}
        click.echo(json.dumps(plain(found), indent=2))
    else:
        tuning_view.show(client, name)
    return 0


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    began = job["TrainingStartTime"] or job["CreationTime"]
    status, secondary = job["TrainingJobStatus"], job["SecondaryStatus"]
    return (
        job["TrainingJobName"],
        secondary if follow.is_over(job) else f"{status} ({secondary})",
        job["Backend"] or "-",
        str(job["Hosts"]),
        moment(job["CreationTime"]),
        f"{(job['TrainingEndTime'] or time.time()) - began:.1f}",
        " ".join(f"{name}={value:g}" for name, value in job["Metrics"].items()) or "-",
    )


@click.command()
@click.argument("job")
@kinds.any_kind_option
@click.option("--json", "as_json", is_flag=True, help="The document of the Describe operation.")
def describe(job: str, *, kind_name: str | None, as_json: bool) -> int:
    """Show one JOB in full."""
    client = reach(click.get_current_context().obj).client()
    kind = kinds.kind_of(client, job, kind_name)
    document = plain(kinds.describe(client, job, kind))
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return 0
    for key in sorted(document, key=lambda key: _FIRST.index(key) if key in _FIRST else 99):
        _print(key, document[key], 0)
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
@kinds.any_kind_option
@click.option("--no-wait", is_flag=True, help="Only ask; do not wait until it has stopped.")
def stop(job: str, *, kind_name: str | None, no_wait: bool) -> int:
    """Stop a JOB: SIGTERM, the grace, SIGKILL; what it saved is kept."""
    client = reach(click.get_current_context().obj).client()
    kind = kinds.kind_of(client, job, kind_name)
    follow.ask_to_stop(client, job, kind)
    screen = Screen()
    if no_wait:
        screen.say(f"{job} was asked to stop.")
        return 0
    if kind is TUNING:
        from sagelet.cli.tuning_view import follow as follow_tuning

        follow_tuning(client, screen, job)
        return 0
    document = follow.JobView(screen, client, job, lines=False, kind=kind).follow()
    screen.say(f"{job}: {kinds.status_of(document)}")
    return 0
