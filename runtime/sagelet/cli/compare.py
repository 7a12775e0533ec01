"""``sagelet compare``: trial components side by side."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from sagelet.cli import tracked
from sagelet.cli.plane import reach
from sagelet.cli.render import plain
from sagelet.domain.comparison import (
    Measure,
    best_first,
    number,
    parameter_of,
    parameters_of,
)
from sagelet.domain.errors import ValidationException

#: What the SDK's own hyperparameters begin with; people are not shown these.
_OWN = "sagemaker_"

#: More metrics than this are not shown unless somebody asks for them.
_METRICS = 4


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="TRIAL...")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="M",
    help="METRIC, or METRIC.max, .min, .avg, .stddev, .last (default), .count; the first decides.",
)
@tracked.best_options
@click.option("--all", "everything", is_flag=True, help="Components without metrics, too.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, with every parameter and metric.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def compare(
    names: tuple[str, ...],
    *,
    metrics: tuple[str, ...],
    lowest: bool,
    highest: bool,
    everything: bool,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Compare the components of each TRIAL: parameters that differ, metrics, the best first.

    \b
    An experiment stands for all of its trials, a tuning job for its training jobs; a trial
    component or a training job for itself.
    """  # noqa: D301
    if as_csv and as_json:
        raise ValidationException("--csv and --json: give one.")
    client = reach(click.get_current_context().obj).client()
    unique: dict[str, Any] = {}
    for name in names:
        for component in tracked.components_of(client, name):
            unique[component["TrialComponentArn"]] = component
    found = list(unique.values())
    measures = tracked.measures_of(metrics, found)
    measured = [c for c in found if any(m.of(c) is not None for m in measures)]
    left_out = 0 if everything or not measured else len(found) - len(measured)
    shown = measured if left_out else found
    by = measures[0] if measures else None
    low = tracked.is_low(by, lowest=lowest, highest=highest)
    table = Table(best_first(shown, by, low=low), measures)
    if as_json:
        click.echo(json.dumps(plain(table.document()), indent=2))
    elif as_csv:
        table.write_csv()
    else:
        table.show(asked=bool(metrics), left_out=left_out)
    return 0


class Table:
    """A line a component; what differs stands before what is the same."""

    def __init__(self, components: Sequence[Any], measures: Sequence[Measure]) -> None:
        self.components, self.measures = components, measures
        self.differ, self.same = parameters_of(components)

    def document(self) -> dict[str, Any]:
        """For --json."""
        return {
            "Metric": self.measures[0].title if self.measures else None,
            "Differ": self.differ,
            "Same": self.same,
            "TrialComponents": [
                {
                    "TrialNames": tracked.trials_of(component),
                    "TrialComponentName": component["TrialComponentName"],
                    "DisplayName": tracked.title_of(component),
                    "Status": tracked.status_of(component),
                    "Parameters": {name: parameter_of(component, name) for name in self.differ},
                    "Metrics": {measure.title: measure.of(component) for measure in self.measures},
                }
                for component in self.components
            ],
        }

    def write_csv(self) -> None:
        """For --csv."""
        names = [*self.differ, *self.same]
        writer = csv.writer(sys.stdout, lineterminator="\n")
        titles = [measure.title for measure in self.measures]
        writer.writerow(["trial", "component", "name", "status", *titles, *names])
        for component in self.components:
            writer.writerow(
                [
                    " ".join(tracked.trials_of(component)),
                    component["TrialComponentName"],
                    tracked.title_of(component),
                    tracked.status_of(component),
                    *(measure.of(component) for measure in self.measures),
                    *(parameter_of(component, name) for name in names),
                ]
            )

    def show(self, *, asked: bool, left_out: int) -> None:
        """For people."""
        if not self.components:
            click.echo("There are no trial components to compare.")
            return
        from sagelet.cli.tables import show

        measures = self.measures if asked else self.measures[:_METRICS]
        differ, same = _readable(self.differ), _readable(self.same)
        differ = differ if len(self.components) > 1 else []
        header = ["TRIAL", "COMPONENT", *(measure.title for measure in measures), *differ]
        rows = []
        for component in self.components:
            row = [", ".join(tracked.trials_of(component)) or "-", tracked.title_of(component)]
            row += [_cell(measure.of(component)) for measure in measures]
            row += [_cell(parameter_of(component, name)) for name in differ]
            rows.append(row)
        show(header, rows)
        if same:
            what = "same in all: " if len(self.components) > 1 else ""
            pairs = ", ".join(f"{name}={_cell(self.same[name])}" for name in same)
            click.echo(f"\n{what}{pairs}")
        if len(measures) < len(self.measures):
            more = ", ".join(measure.metric for measure in self.measures[len(measures) :])
            click.echo(f"more metrics (--metric): {more}")
        if left_out:
            click.echo(f"left out: {left_out} without these metrics (--all)")


def _readable(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.startswith(_OWN)]


def _cell(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else number(value)
