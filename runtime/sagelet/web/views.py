"""What pages show of jobs: domain values to JSON documents. Pure."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sagelet.domain.metrics import Datum
from sagelet.domain.opt_ml import host_names
from sagelet.domain.thinning import Point
from sagelet.domain.training import TrainingJob
from sagelet.store.job_table import OPERATORS, Wanted

Document = dict[str, Any]

_CONDITION = re.compile(r"metric\.(\S+?)\s*(<=|>=|!=|<|>|=)\s*([-+0-9.eE]+|nan|inf)(?=\s|$)")
_STATUS = re.compile(r"status:(\S+)")


def read_filter(text: str, sort: str = "created", *, descending: bool = True) -> Wanted:
    """``status:failed,stopped  mnist  metric.test:accuracy > 0.9``: what a person typed.

    What is no condition is a word of the name; nothing is an error.
    """
    metrics = []
    for found in _CONDITION.finditer(text):
        try:
            value = float(found[3])
        except ValueError:
            continue
        if found[2] in OPERATORS:
            metrics.append((found[1], found[2], value))
    rest = _CONDITION.sub(" ", text)
    statuses = [each for found in _STATUS.finditer(rest) for each in found[1].split(",") if each]
    words = _STATUS.sub(" ", rest).split()
    return Wanted(tuple(words), tuple(statuses), tuple(metrics), sort, descending)


def job_row(job: TrainingJob, metrics: Iterable[Datum]) -> Document:
    """One line of the table of jobs; times in epoch seconds."""
    life = job.life
    return {
        "name": job.name,
        "region": job.region,
        "status": life.primary,
        "secondary": str(life.secondary),
        "message": life.steps[-1].message,
        "created": job.created,
        "modified": job.modified,
        "started": life.started(),
        "ended": life.ended(),
        "hosts": job.host_count,
        "instance": ", ".join(sorted({group.instance_type for group in job.groups})),
        "image": str(job.algorithm.get("TrainingImage") or job.algorithm.get("AlgorithmName", "")),
        "backend": job.backend,
        "failure": life.failure_reason,
        "attempt": life.attempt,
        "metrics": {datum.name: number(datum.value) for datum in metrics},
    }


def job_document(job: TrainingJob, metrics: Iterable[Datum]) -> Document:
    """Everything about one job that is not long: its row, life and plan, without its request."""
    return {
        **job_row(job, metrics),
        "arn": job.arn,
        "account": job.account,
        "steps": [
            {
                "status": str(step.status),
                "start": step.start,
                "end": step.end,
                "message": step.message,
            }
            for step in job.life.steps
        ],
        "hostNames": list(host_names(job.host_count)),
        "notes": list(job.notes),
        "artifacts": dict(job.artifacts),
        "stopRequested": job.stop_requested,
        "billable": job.life.ran(job.life.ended() or job.modified),
        "spot": job.spot,
        "maxRuntime": job.max_runtime,
        "over": job.life.over,
    }


def series(points: Sequence[Point]) -> Document:
    """Columns, which are shorter than rows; hosts by their place in ``hosts``."""
    hosts = sorted({point.host for point in points})
    place = {host: index for index, host in enumerate(hosts)}
    steps = [point.step for point in points]
    return {
        "hosts": hosts,
        "place": [point.place for point in points],
        **({"step": steps} if any(step is not None for step in steps) else {}),
        "time": [round(point.time, 3) for point in points],
        "value": [number(point.value) for point in points],
        "host": [place[point.host] for point in points],
    }


def number(value: float) -> float | str:
    """JSON has neither NaN nor infinity: those are words."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
