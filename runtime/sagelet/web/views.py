"""What pages show of jobs: domain values to JSON documents. Pure."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sagelet.domain.jobs import Job, told_once
from sagelet.domain.lifecycle import Secondary
from sagelet.domain.opt_ml import host_names
from sagelet.domain.processing import PROCESSING, ProcessingJob
from sagelet.domain.summaries import Summary
from sagelet.domain.thinning import Point
from sagelet.domain.training import TRAINING, TrainingJob
from sagelet.domain.tuning import trial_name
from sagelet.domain.usage import Sample, drawn
from sagelet.store.trial_components import Record
from sagelet.store.wishes import Condition, Wanted

Document = dict[str, Any]

_CONDITION = re.compile(
    r"(?:^|(?<=\s))(metric|parameter)\.(\S+?)\s*(<=|>=|!=|<|>|=)\s*(\"[^\"]*\"|[^\s<>=!]\S*)(?=\s|$)"
)
_WORD = re.compile(r"(status|experiment|trial|tuning|is|kind):(\S+)")

#: The kinds of jobs as pages name them.
KINDS = {"training": TRAINING, "processing": PROCESSING}
_NAMES = {kind.name: name for name, kind in KINDS.items()}


def read_filter(text: str, sort: str = "created", *, descending: bool = True) -> Wanted:
    """``kind:training status:failed  trial:cnn-5  mnist  metric.test:accuracy > 0.9``: as typed.

    What is no condition is a word of the name; nothing is an error.
    """
    conditions: list[Condition] = []

    def condition(found: re.Match[str]) -> str:
        kind, name, operator, given = found.groups()
        value = _value(given)
        if kind == "metric" and isinstance(value, str):
            return found[0]
        conditions.append(Condition(kind, name, operator, value))
        return " "

    marks: dict[str, list[str]] = {}

    def mark(found: re.Match[str]) -> str:
        marks.setdefault(found[1], []).extend(each for each in found[2].split(",") if each)
        return " "

    words = _WORD.sub(mark, _CONDITION.sub(condition, text)).split()
    return Wanted(
        tuple(words),
        tuple(marks.get("status", ())),
        tuple(conditions),
        next(iter(marks.get("experiment", ())), None),
        next(iter([*marks.get("trial", ()), *map(trial_name, marks.get("tuning", ()))]), None),
        "unassigned" in marks.get("is", ()),
        sort,
        descending,
        tuple(
            KINDS[name.lower()].name if name.lower() in KINDS else name
            for name in marks.get("kind", ())
        ),
    )


def _value(given: str) -> float | str:
    if given.startswith('"'):
        return given.strip('"')
    try:
        return float(given)
    except ValueError:
        return given


def job_row(job: Job, mark: int | None, record: Record | None) -> Document:
    """One line of the table of jobs; times in epoch seconds.

    ``mark`` is the number of the job's trial component, from which pages take its colour.
    """
    life = job.life
    return {
        "name": job.name,
        "kind": _NAMES[job.kind.name],
        "key": job.key,
        "region": job.region,
        "mark": mark,
        "status": life.primary,
        "secondary": _phase(job, life.secondary),
        "message": life.steps[-1].message,
        "created": job.created,
        "modified": job.modified,
        "started": life.started(),
        "ended": life.ended(),
        "hosts": job.host_count,
        "instance": ", ".join(sorted({group.instance_type for group in job.groups})),
        "image": _image(job),
        "backend": job.backend,
        "failure": life.failure_reason,
        "attempt": life.attempt,
        "tuning": _tuning(job),
        "component": record.component.name if record else None,
        "trials": [list(pair) for pair in record.parents] if record else [],
        "metrics": statistics(record.metrics) if record else {},
    }


def cost(job: Job, model: int | None, now: float) -> Document:
    """What a job took: seconds from its start to its end, seconds billed a host, bytes it left."""
    started, ended = job.life.started(), job.life.ended()
    return {
        "trained": None if started is None else (ended or now) - started,
        "billable": job.life.ran(ended or now),
        "hosts": job.host_count,
        "spot": isinstance(job, TrainingJob) and job.spot,
        "model": model,
    }


def statistics(metrics: Iterable[tuple[str, Summary]]) -> Document:
    """Metrics by name, each with its statistics; those that are not defined are left out.

    An objective's second name is left out, too.
    """
    summaries = dict(metrics)
    shown = told_once({name: each.last for name, each in summaries.items()})
    return {
        name: {
            key: number(value)
            for key, value in (
                ("last", summary.last),
                ("min", summary.least),
                ("max", summary.greatest),
                ("avg", summary.mean),
                ("std", summary.deviation),
                ("count", summary.count),
                ("time", summary.time),
            )
            if value is not None
        }
        for name, summary in summaries.items()
        if name in shown
    }


def job_document(job: Job, mark: int | None, record: Record | None) -> Document:
    """Everything about one job that is not long: its row, life and plan, without its request."""
    return {
        **job_row(job, mark, record),
        "arn": job.arn,
        "account": job.account,
        "steps": [
            {
                "status": _phase(job, step.status),
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
        **_own(job),
        "maxRuntime": job.max_runtime,
        "over": job.life.over,
    }


def _phase(job: Job, state: Secondary) -> str:
    """A state by its name; what trains in a training job is processing in the other kind."""
    if state is Secondary.TRAINING and job.kind is PROCESSING:
        return "Processing"
    return str(state)


def _tuning(job: Job) -> str | None:
    """The name of the tuning job that it is a part of."""
    arn = job.tuning_job_arn if isinstance(job, TrainingJob) else None
    return arn.rpartition("/")[2] if arn else None


def _image(job: Job) -> str:
    if isinstance(job, TrainingJob):
        return str(job.algorithm.get("TrainingImage") or job.algorithm.get("AlgorithmName", ""))
    return job.image


def _own(job: Job) -> Document:
    """What only jobs of its kind have."""
    if isinstance(job, TrainingJob):
        return {"spot": job.spot}
    if isinstance(job, ProcessingJob):
        return {
            "exitMessage": job.exit_message,
            "inputs": [
                {
                    "name": each.name,
                    "uri": each.uri,
                    "path": each.path,
                    "mode": each.input_mode,
                    "distribution": each.distribution,
                }
                for each in job.channels
            ],
            "outputs": [
                {
                    "name": each.name,
                    "uri": each.uri,
                    "path": each.path,
                    "continuous": each.continuous,
                }
                for each in job.outputs
            ],
        }
    return {}


def series(points: Sequence[Point]) -> Document:
    """Columns, which are shorter than rows; hosts by their place in ``hosts``.

    Where no value has a step, values of several hosts have their turn among those of their host.
    """
    hosts = sorted({point.host for point in points})
    place = {host: index for index, host in enumerate(hosts)}
    steps = [point.step for point in points]
    turns = [point.turn for point in points]
    stepped = any(step is not None for step in steps)
    return {
        "hosts": hosts,
        "place": [point.place for point in points],
        **({"step": steps} if stepped else {}),
        **({"turn": turns} if not stepped and any(turn is not None for turn in turns) else {}),
        "time": [round(point.time, 3) for point in points],
        "value": [number(point.value) for point in points],
        "host": [place[point.host] for point in points],
    }


def usage_document(samples: Sequence[Sample], width: int) -> Document:
    """What hosts use, as series thinned to a width, and what each may use."""
    last = {each.host: each for each in samples}
    return {
        "series": {
            name: {**series(points), "count": len(samples), "next": points[-1].place + 1}
            for name, points in drawn(samples, width).items()
        },
        "next": samples[-1].place + 1 if samples else 0,
        "limits": {
            host: {
                "cpu": 100.0 * each.cores,
                "memory": each.memory_limit,
                "gpu": 100.0 * each.gpus,
                "gpuMemory": each.gpu_memory_limit,
                "disk": 100.0,
            }
            for host, each in last.items()
        },
    }


def number(value: float) -> float | str:
    """JSON has neither NaN nor infinity: those are words."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
