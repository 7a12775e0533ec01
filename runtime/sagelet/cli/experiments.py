"""``sagelet experiments``."""

import json
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import tracked
from sagelet.cli.plane import reach
from sagelet.cli.render import moment, plain
from sagelet.domain.comparison import Measure, best_first, metric_names, number, readings
from sagelet.domain.errors import ValidationException

#: Unless one is asked for, a metric to choose by is looked for in so many components, the newest.
_SAMPLE = 20


@click.command()
@click.argument("name", required=False)
@click.option("--unassigned", is_flag=True, help="Components in no trial, not an experiment's.")
@click.option("--metric", metavar="M", help="What is best: METRIC or METRIC.max, .min, .avg, ...")
@tracked.best_options
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def experiments(
    name: str | None,
    *,
    unassigned: bool,
    metric: str | None,
    lowest: bool,
    highest: bool,
    limit: int,
    as_json: bool,
) -> int:
    """List experiments, newest first, with the best component of each.

    With NAME, list the trials of that one with their components, the best first.
    """
    if unassigned and name is not None:
        raise ValidationException(f"--unassigned and {name}: give one.")
    client = reach(click.get_current_context().obj).client()
    if unassigned or name is not None:
        found = _unassigned(client) if name is None else _components(client, name)
        measures = tracked.measures_of([metric] if metric else [], found)
        by = measures[0] if measures else None
        low = tracked.is_low(by, lowest=lowest, highest=highest)
        _show_one(name, best_first(found, by, low=low)[:limit], len(found), by, as_json=as_json)
        return 0
    rows = []
    listed = client.get("/_cli/experiments", limit=limit)
    for row in listed["Experiments"]:
        best = None
        for by in _measures(client, row["ExperimentName"], metric):
            low = tracked.is_low(by, lowest=lowest, highest=highest)
            best = best or _best(client, row["ExperimentName"], by, low=low)
        rows.append({**row, "Best": best})
    _show_all(rows, listed["Unassigned"], as_json=as_json)
    return 0


def _unassigned(client: Client) -> list[Any]:
    lone = [{"Name": "Parents.TrialName", "Operator": "NotExists"}]
    return list(tracked.search(client, "ExperimentTrialComponent", lone))


def _components(client: Client, name: str) -> list[Any]:
    if not tracked.exists(client, "Experiment", name):
        raise ValidationException(
            f"There is no experiment named '{name}'. (sagelet experiments lists them.)"
        )
    return list(tracked.components(client, "Parents.ExperimentName", name))


def _measures(client: Client, experiment: str, given: str | None) -> list[Measure]:
    """What to choose by: what was asked for, as it may be read, or what the newest have."""
    if given is not None:
        return readings(given)
    newest = tracked.components(
        client, "Parents.ExperimentName", experiment, SortOrder="Descending", MaxResults=_SAMPLE
    )
    sample = [component for component, _ in zip(newest, range(_SAMPLE), strict=False)]
    return [Measure(name) for name in metric_names(sample)[:1]]


def _best(client: Client, experiment: str, by: Measure, *, low: bool) -> dict[str, Any] | None:
    found = tracked.components(
        client,
        "Parents.ExperimentName",
        experiment,
        SortBy=f"Metrics.{by.metric}.{by.statistic}",
        SortOrder="Ascending" if low else "Descending",
        MaxResults=1,
    )
    first = next(found, None)
    value = None if first is None else by.of(first)
    if first is None or value is None:
        return None
    return {
        "Metric": by.title,
        "Value": value,
        "TrialComponentName": first["TrialComponentName"],
        "TrialNames": tracked.trials_of(first),
    }


def _show_all(rows: list[dict[str, Any]], unassigned: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(plain(rows), indent=2))
        return
    lone = f"{unassigned} component(s) in no trial: sagelet experiments --unassigned"
    if not rows:
        click.echo("No experiments yet. The first one: sagelet train --experiment NAME ...")
        if unassigned:
            click.echo(lone)
        return
    from sagelet.cli.tables import show

    table = []
    for row in rows:
        best = row["Best"]
        table.append(
            (
                row["ExperimentName"],
                str(row["Trials"]),
                str(row["TrialComponents"]),
                f"{best['Metric']}={number(best['Value'])}" if best else "-",
                (", ".join(best["TrialNames"]) or best["TrialComponentName"]) if best else "-",
                moment(row["CreationTime"]),
            )
        )
    show(("EXPERIMENT", "TRIALS", "COMPONENTS", "BEST", "OF TRIAL", "CREATED"), table)
    if unassigned:
        click.echo(f"\n{lone}")


def _show_one(
    name: str | None, found: list[Any], count: int, by: Measure | None, *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps(plain(found), indent=2))
        return
    if name is None and not found:
        click.echo("Every trial component is in a trial.")
        return
    if not found:
        click.echo(f"{name} has no trial components yet: sagelet train --experiment {name} ...")
        return
    from sagelet.cli.tables import show

    rows = []
    for component in found:
        value = by.of(component) if by else None
        rows.append(
            (
                ", ".join(tracked.trials_of(component)) or "-",
                tracked.title_of(component),
                tracked.status_of(component),
                "-" if value is None else number(value),
                moment(component["CreationTime"]),
            )
        )
    show(("TRIAL", "COMPONENT", "STATUS", by.title if by else "METRIC", "CREATED"), rows)
    if count > len(found):
        click.echo(f"\nand {count - len(found)} more (--limit)")
