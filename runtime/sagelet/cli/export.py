"""``sagelet export``: tracked components for other programs."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli import export_formats, tracked
from sagelet.cli.export_formats import Component, Series
from sagelet.cli.plane import reach
from sagelet.cli.render import Screen
from sagelet.domain.comparison import parameter_of
from sagelet.domain.errors import ValidationException

#: The experiment of those that are in none, in formats that want one.
_UNASSIGNED = "unassigned"


@click.command()
@click.argument("name", metavar="EXPERIMENT|TRIAL")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(export_formats.WRITERS)),
    required=True,
    help="csv needs nothing; the others need sagelet[export].",
)
@click.option(
    "-o",
    "--output",
    "place",
    required=True,
    metavar="PLACE",
    help="A folder, made if need be; for mlflow a .db file or a tracking URI, too.",
)
def export(name: str, *, form: str, place: str) -> int:
    r"""Write the components of an EXPERIMENT or a TRIAL, with every point of their metrics.

    \b
    csv, parquet  components.* (a row a component) and points.* (a row a point)
    mlflow        a run a component, in a store of MLflow's: PLACE/mlflow.db
    tensorboard   a folder a component with its curves and hyperparameters
    """
    if form != "mlflow" and re.match(r"[a-z][a-z0-9+.-]+://", place):
        raise ValidationException(f"-o {place}: {form} is written to a folder of this machine.")
    write = export_formats.WRITERS[form]()  # what it needs is looked for before anything is done
    client = reach(click.get_current_context().obj).client()
    whole = tracked.exists(client, "Experiment", name) and not tracked.exists(client, "Trial", name)
    found = tracked.components_of(client, name)
    if not found:
        raise ValidationException(f"'{name}' has no trial components.")
    if form != "mlflow":
        Path(place).mkdir(parents=True, exist_ok=True)
    screen = Screen()
    where = write(
        [_Asked(client, document, name if whole else None, screen) for document in found], place
    )
    screen.say(f"{len(found)} component{'s' if len(found) > 1 else ''} written to {where}")
    return 0


class _Asked(Component):
    """A component; its points are asked for when they are wanted."""

    def __init__(
        self, client: Client, document: Any, experiment: str | None, screen: Screen
    ) -> None:
        self._client, self._document, self._screen = client, document, screen
        parents = sorted(parent["ExperimentName"] for parent in document.get("Parents") or ())
        super().__init__(
            arn=document["TrialComponentArn"],
            name=document["TrialComponentName"],
            title=tracked.title_of(document),
            experiment=experiment or (parents[0] if parents else _UNASSIGNED),
            trials=tuple(tracked.trials_of(document)),
            status=tracked.status_of(document),
            created=document["CreationTime"],
            started=document.get("StartTime"),
            ended=document.get("EndTime"),
            source=(document.get("Source") or {}).get("SourceArn"),
            parameters={
                name: value
                for name in document.get("Parameters") or ()
                if (value := parameter_of(document, name)) is not None
            },
            statistics=_statistics(document.get("Metrics") or ()),
            artifacts={
                f"{kind}.{name}": artifact["Value"]
                for kind in ("inputs", "outputs")
                for name, artifact in (
                    document.get(f"{kind[:-1].capitalize()}Artifacts") or {}
                ).items()
            },
        )

    def series(self) -> list[Series]:
        self._screen.progress(f"reading {self.name}")
        found = []
        for metric in self._document.get("Metrics") or ():
            name = metric["MetricName"]
            answer = self._client.get("/_cli/points", arn=self.arn, metric=name)
            found.append(Series(name, answer["Values"], answer["Times"], answer["Steps"]))
        self._screen.clear()
        return found


def _statistics(metrics: Sequence[Any]) -> dict[str, float]:
    words = ("Min", "Max", "Avg", "StdDev", "Last", "Count")
    return {
        f"{metric['MetricName']}.{word.lower()}": float(metric[word])
        for metric in metrics
        for word in words
        if word in metric
    }
