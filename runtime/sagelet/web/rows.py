"""Rows of tables: from the store to what ``views`` makes of it, few questions for many rows."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sagelet.domain.comparison import Measure, metric_names
from sagelet.domain.jobs import OBJECTIVE_METRIC, Job, told_once
from sagelet.domain.training import TRAINING
from sagelet.store import Store
from sagelet.store.component_table import Value
from sagelet.store.trial_components import Record
from sagelet.store.wishes import Wanted, at_step
from sagelet.web.tracked_views import component_row, finite
from sagelet.web.views import cost, job_row, number

#: Metrics that have figures in headings: a table has no more columns of them.
_FIGURED = 24

Document = dict[str, Any]


def job_rows(store: Store, jobs: Sequence[Job]) -> list[Document]:
    """Lines of the table of jobs."""
    found = tracked(store, jobs)
    return [job_row(job, *found.get(job.key, (None, None))) for job in jobs]


def tracked(store: Store, jobs: Sequence[Job]) -> dict[str, tuple[int, Record | None]]:
    """The trial component of each job, with its number, by the jobs' keys."""
    numbers = store.job_table.components(jobs)
    records = store.trial_components.by_row(list(numbers.values()))
    return {key: (number, records.get(number)) for key, number in numbers.items()}


def component_rows(store: Store, rows: Sequence[int], stats: Sequence[str] = ()) -> list[Document]:
    """Lines of a table of trial components, in the order of ``rows``.

    Those of ``stats`` that are of a step, ``loss.at500``, are told besides the usual ones.
    """
    records = store.trial_components.by_row(rows)
    jobs = jobs_of_components(store, rows)
    models = store.models.sizes([job.name for job in jobs.values() if job.kind is TRAINING])
    now = time.time()
    shown = [
        component_row(row, records[row], job.key if job else None, _cost(job, models, now))
        for row, job in ((row, jobs.get(row)) for row in rows if row in records)
    ]
    for measure in filter(None, map(at_step, stats)):
        found = store.component_table.at_step(rows, measure)
        for line in shown:
            if line["mark"] in found and measure.metric in line["metrics"]:
                value = number(found[line["mark"]])
                line["metrics"][measure.metric][f"at{measure.step}"] = value
    return shown


def jobs_of_components(store: Store, rows: Sequence[int]) -> dict[int, Job]:
    """The jobs of all kinds that these components describe."""
    return {row: job for jobs in store.jobs for row, job in jobs.of_components(rows).items()}


def _cost(job: Job | None, models: Mapping[str, int], now: float) -> Document | None:
    if job is None:
        return None
    return cost(job, models.get(job.name) if job.kind is TRAINING else None, now)


def metric_names_of(store: Store, job: str) -> list[str]:
    """The metrics of a training job that people see, by name."""
    return sorted(told_once({each.name: each.value for each in store.metrics.final(job)}))


def _is_second_name(store: Store, rows: Sequence[int], metrics: Iterable[str]) -> bool:
    """Whether all that have a value of an objective's second name have it by another, too."""
    told: dict[int, dict[str, float]] = {}
    if OBJECTIVE_METRIC not in (names := set(metrics)):
        return False
    for name in names:
        for row, value in store.component_table.last_values(rows, name).items():
            told.setdefault(row, {})[name] = value
    return not any(OBJECTIVE_METRIC in told_once(each) for each in told.values())


def columns(store: Store, rows: Sequence[int]) -> Document:
    """The parameters and metrics that a table of these components has, the telling ones first.

    A parameter differs where those that have metrics, if any have, do not all have it alike.
    """
    told = store.component_table.measured(rows) or list(rows)
    metrics = store.component_table.metrics(rows)
    if _is_second_name(store, rows, metrics):
        del metrics[OBJECTIVE_METRIC]
    shown: list[Document] = []
    for name, count in metrics.items():
        shown += [{"Metrics": [{"MetricName": name}]}] * count
    differ: list[Document] = []
    same: list[Document] = []
    for each in store.component_table.parameters(told):
        alike = each.values <= 1 and each.holders == len(told)
        (same if alike else differ).append({"name": each.name, "numeric": each.numeric})
    return {
        "differ": differ,
        "same": same,
        "metrics": [
            {"name": name, "low": Measure(name).low, "holders": metrics[name]}
            for name in metric_names(shown)
        ],
    }


def headings(
    store: Store,
    wanted: Wanted,
    values: Mapping[Value, int],
    metrics: Sequence[str],
    stats: Sequence[str],
) -> list[Document]:
    """The values that gather the rows of a table, and each metric's figures among their rows.

    ``stats`` are ``<metric>.<statistic>``; a metric that is not among them is its last value.
    """
    asked = {metric: statistic for metric, _, statistic in (each.rpartition(".") for each in stats)}
    by_statistic: dict[str, list[str]] = {}
    for metric in metrics[:_FIGURED]:
        by_statistic.setdefault(asked.get(metric, "last"), []).append(metric)
    told: dict[Value, Document] = {value: {} for value in values}
    for statistic, names in by_statistic.items():
        figures = store.component_table.figures(wanted, statistic, names)
        for (value, metric), each in figures.items():
            if value in told:  # it may have come meanwhile
                told[value][metric] = {
                    "count": each.count,
                    "mean": number(each.mean),
                    "low": number(each.low),
                    "high": number(each.high),
                }
    return [
        {
            "value": value if value is None or isinstance(value, str) else finite(value),
            "count": count,
            "figures": told[value],
        }
        for value, count in values.items()
    ]
