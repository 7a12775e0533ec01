"""What ``sagelet export`` writes, each format by its own library.

A writer is made before anything is read, so that a missing library is said first. A file is
written beside its place and renamed; what an earlier export wrote is replaced.
"""

import csv
import importlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sagelet.domain.errors import Unavailable, ValidationException


@dataclass(frozen=True, slots=True)
class Series:
    """A metric's points, in the order they came; a point may have no step."""

    name: str
    values: Sequence[float]
    times: Sequence[float]
    steps: Sequence[int | None]

    def points(self) -> Iterator[tuple[float, float, int]]:
        """(value, time, step); the place in the row is the step of one that has none."""
        for number, (value, time, step) in enumerate(
            zip(self.values, self.times, self.steps, strict=True)
        ):
            yield value, time, number if step is None else step


@dataclass(frozen=True)
class Component(ABC):
    """A trial component to write. ``statistics`` are of its metrics: loss.min."""

    arn: str
    name: str
    title: str
    experiment: str
    trials: tuple[str, ...]
    status: str
    created: float
    started: float | None
    ended: float | None
    source: str | None
    parameters: Mapping[str, float | str]
    statistics: Mapping[str, float]
    artifacts: Mapping[str, str]

    @abstractmethod
    def series(self) -> list[Series]:
        """All points of all metrics."""


#: Writes components to a place; returns what people call that place.
Write = Callable[[Sequence[Component], str], str]

_POINTS = ("component", "metric", "step", "time", "value")


def csv_writer() -> Write:
    """Two files by the standard library."""

    def write(components: Sequence[Component], place: str) -> str:
        columns = _columns(components)
        rows = zip(*columns.values(), strict=True)
        _write_csv(Path(place, "components.csv"), list(columns), rows)
        _write_csv(Path(place, "points.csv"), _POINTS, _point_rows(components))
        return place

    return write


def _write_csv(path: Path, header: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    beside = path.with_suffix(".csv.part")
    with beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow([v.isoformat() if isinstance(v, datetime) else v for v in row])
    beside.replace(path)


def parquet_writer() -> Write:
    """Two files by pyarrow; a row group of points a component."""
    pa, parquet = _library("pyarrow", "Parquet"), _library("pyarrow.parquet", "Parquet")

    def write(components: Sequence[Component], place: str) -> str:
        columns = {name: _of_one_type(values) for name, values in _columns(components).items()}
        path, beside = Path(place, "components.parquet"), Path(place, "components.parquet.part")
        parquet.write_table(pa.table(columns), beside)
        beside.replace(path)
        schema = pa.schema(
            [
                ("component", pa.string()),
                ("metric", pa.string()),
                ("step", pa.int64()),
                ("time", pa.timestamp("us", tz="UTC")),
                ("value", pa.float64()),
            ]
        )
        path, beside = Path(place, "points.parquet"), Path(place, "points.parquet.part")
        with parquet.ParquetWriter(beside, schema) as writer:
            for component in components:
                rows = list(_point_rows([component]))
                if rows:
                    arrays = zip(*rows, strict=True)
                    named = dict(zip(_POINTS, map(list, arrays), strict=True))
                    writer.write_table(pa.table(named, schema=schema))
        beside.replace(path)
        return place

    return write


def _columns(components: Sequence[Component]) -> dict[str, list[Any]]:
    """A row a component: column -> values."""
    columns: dict[str, list[Any]] = {
        "component": [c.name for c in components],
        "name": [c.title for c in components],
        "experiment": [c.experiment for c in components],
        "trials": [" ".join(c.trials) for c in components],
        "status": [c.status for c in components],
        "created": [_moment(c.created) for c in components],
        "started": [_moment(c.started) for c in components],
        "ended": [_moment(c.ended) for c in components],
        "source": [c.source for c in components],
    }
    for prefix, part in (
        ("parameters.", "parameters"),
        ("metrics.", "statistics"),
        ("", "artifacts"),
    ):
        names = dict.fromkeys(name for c in components for name in getattr(c, part))
        for name in sorted(names):
            columns[prefix + name] = [getattr(c, part).get(name) for c in components]
    return columns


def _of_one_type(values: list[Any]) -> list[Any]:
    """A column of numbers and texts is one of texts."""
    if len({type(value) for value in values if value is not None}) > 1:
        return [None if value is None else str(value) for value in values]
    return values


def _point_rows(components: Sequence[Component]) -> Iterator[tuple[Any, ...]]:
    for component in components:
        for series in component.series():
            for value, time, step in zip(series.values, series.times, series.steps, strict=True):
                yield component.name, series.name, step, _moment(time), value


def mlflow_writer() -> Write:
    """Runs of a tracking store, by MLflow's client."""
    mlflow = _library("mlflow", "MLflow's format")
    entities = _library("mlflow.entities", "MLflow's format")

    def write(components: Sequence[Component], place: str) -> str:
        uri = place
        if "://" not in place:
            path = Path(place).absolute()
            path = path if path.suffix == ".db" else path / "mlflow.db"
            path.parent.mkdir(parents=True, exist_ok=True)
            uri = f"sqlite:///{path}"
        try:
            client = mlflow.MlflowClient(uri, registry_uri=uri)
            for component in components:
                _write_run(client, entities, component)
        except mlflow.exceptions.MlflowException as error:
            raise ValidationException(f"MLflow at {uri}: {error}") from error
        return uri

    return write


#: What one call of MLflow's may hold.
_PARAMS, _METRICS = 100, 1000


def _write_run(client: Any, entities: Any, component: Component) -> None:
    known = client.get_experiment_by_name(component.experiment)
    experiment = (
        known.experiment_id if known is not None else client.create_experiment(component.experiment)
    )
    before = client.search_runs([experiment], f"tags.`sagelet.arn` = '{component.arn}'")
    run = client.create_run(
        experiment,
        start_time=_millis(component.started or component.created),
        run_name=component.title,
        tags={
            "sagelet.arn": component.arn,
            "sagelet.component": component.name,
            "sagelet.trials": " ".join(component.trials),
            **({"mlflow.source.name": component.source} if component.source else {}),
            **{f"sagelet.{_plain(k)}": value for k, value in component.artifacts.items()},
        },
    ).info.run_id
    params = [
        entities.Param(_plain(name), _text(value)) for name, value in component.parameters.items()
    ]
    for start in range(0, len(params), _PARAMS):
        client.log_batch(run, params=params[start : start + _PARAMS])
    for series in component.series():
        name = _plain(series.name)
        metrics = [
            entities.Metric(name, value, _millis(time), step)
            for value, time, step in series.points()
        ]
        for start in range(0, len(metrics), _METRICS):
            client.log_batch(run, metrics=metrics[start : start + _METRICS])
    status = {"Failed": "FAILED", "Stopped": "KILLED", "InProgress": "RUNNING"}
    client.set_terminated(
        run,
        status.get(component.status, "FINISHED"),
        _millis(component.ended or component.started or component.created),
    )
    for old in before:  # of an earlier export
        client.delete_run(old.info.run_id)


def tensorboard_writer() -> Write:
    """Event files by TensorBoard's own writer: curves, and hyperparameters for its HParams page."""
    what = "TensorBoard's format"
    files = _library("tensorboard.summary.writer.event_file_writer", what)
    event = _library("tensorboard.compat.proto.event_pb2", what).Event
    scalars = _library("tensorboard.plugins.scalar.summary_v2", what)
    hparams = _library("tensorboard.plugins.hparams.summary_v2", what)

    def write(components: Sequence[Component], place: str) -> str:
        for component in components:
            folder = Path(place, *component.trials[:1], component.name)
            folder.mkdir(parents=True, exist_ok=True)
            before = list(folder.glob("events.out.tfevents.*"))
            writer = files.EventFileWriter(str(folder))
            began = component.started or component.created
            session = hparams.hparams_pb(
                dict(component.parameters), trial_id=component.name, start_time_secs=began
            )
            writer.add_event(event(summary=session, wall_time=began))
            for series in component.series():
                for value, time, step in series.points():
                    point = scalars.scalar_pb(series.name, value)
                    writer.add_event(event(summary=point, step=step, wall_time=time))
            writer.close()
            for old in before:  # of an earlier export
                old.unlink()
        return place

    return write


WRITERS: dict[str, Callable[[], Write]] = {
    "csv": csv_writer,
    "parquet": parquet_writer,
    "mlflow": mlflow_writer,
    "tensorboard": tensorboard_writer,
}


def _library(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Unavailable(
            f"{what} is written by {name.partition('.')[0]}, which cannot be imported here "
            f"({error}): pip install 'sagelet[export]'"
        ) from None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _millis(seconds: float) -> int:
    return round(seconds * 1000)


def _plain(name: str) -> str:
    """A name that MLflow takes."""
    return re.sub(r"[^\w./ :-]", "_", name)


def _text(value: float | str) -> str:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)
