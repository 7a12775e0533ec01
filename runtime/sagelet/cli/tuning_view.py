"""A tuning job as people see it: a table of its training jobs, the best first to catch the eye."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from sagelet.aws.client import Client
from sagelet.cli.foreground import Interrupts
from sagelet.cli.kinds import describe
from sagelet.cli.render import Screen, plain
from sagelet.domain.comparison import number
from sagelet.domain.errors import DomainError
from sagelet.domain.options import size_in_words
from sagelet.domain.tuning import TUNING

#: Between two looks at a tuning job, in seconds.
POLL = 0.3

_PAGE = 100

_OVER = ("Completed", "Failed", "Stopped")

_COLOURS = {"Completed": "green", "Failed": "red", "Stopped": "yellow"}

Document = dict[str, Any]


def training_jobs(client: Client, name: str) -> list[Document]:
    """Summaries of all training jobs of a tuning job, in the order of launch."""
    found: list[Document] = []
    request: Document = {"HyperParameterTuningJobName": name, "MaxResults": _PAGE}
    while True:
        page = client.call("sagemaker", "ListTrainingJobsForHyperParameterTuningJob", request)
        found += page["TrainingJobSummaries"]
        if not page.get("NextToken"):
            return found
        request["NextToken"] = page["NextToken"]


def follow(
    client: Client,
    screen: Screen,
    name: str,
    interrupts: Interrupts | None = None,
    *,
    as_json: bool = False,
) -> int:
    """Show a tuning job until it is over; the exit code.

    On a terminal its table is drawn over and over, elsewhere each end of a training job is a line.
    """
    screen.say(f"tuning job {name}", bold=True)
    heard = 0

    def obey() -> None:
        nonlocal heard
        if interrupts is None or interrupts.count <= heard:
            return
        heard += 1
        if heard == 1:
            with suppress(DomainError):  # it has ended by now
                client.call(
                    "sagemaker",
                    f"Stop{TUNING.name}",
                    {f"{TUNING.name}Name": name},
                )
            screen.say(f"stopping {name} and its training jobs. Ctrl-C again kills them.")
        elif heard == 2:
            for job in training_jobs(client, name):
                with suppress(DomainError):
                    client.post(f"/_cli/jobs/{job['TrainingJobName']}/kill")
        else:
            screen.say(f"left {name} as it is; `sagelet stop {name}` stops it")
            raise KeyboardInterrupt

    shown = _live(screen) if screen.live and not as_json else _lines(screen)
    next(shown)
    try:
        while True:
            obey()
            document = describe(client, name, TUNING)
            jobs = training_jobs(client, name)
            with suppress(OSError):  # nobody reads any more
                shown.send((document, jobs))
            if document["HyperParameterTuningJobStatus"] in _OVER:
                break
            time.sleep(POLL)
    finally:
        shown.close()
    with suppress(OSError):
        summarise(client, screen, document, jobs)
    if as_json:
        click.echo(json.dumps(plain(document), indent=2))
    return {"Completed": 0, "Stopped": 130}.get(document["HyperParameterTuningJobStatus"], 1)


View = Any  # a generator that is sent (description, summaries)


def _lines(screen: Screen) -> View:
    """One line for each training job that ends."""
    told: set[str] = set()
    while True:
        document, jobs = yield
        best = (document.get("BestTrainingJob") or {}).get("TrainingJobName")
        for job in jobs:
            name = job["TrainingJobName"]
            if name in told or job["TrainingJobStatus"] not in _OVER:
                continue
            told.add(name)
            mark = "  (the best so far)" if name == best else ""
            tuned = " ".join(f"{k}={v}" for k, v in job["TunedHyperParameters"].items())
            screen.say(f"{name}  {job['TrainingJobStatus']}  {_value(job)}  {tuned}{mark}")


def _live(screen: Screen) -> View:
    """The table, drawn over and over."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from sagelet.cli.tables import table_of

    screen.clear()
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            document, jobs = yield
            room = max(console.size.height - 5, 3)
            header, rows = table(document, _pick(document, jobs, room), short=True)
            live.update(
                Group(table_of(header, rows, wrap=False), Text(_head(document), "dim")),
                refresh=True,
            )


def _pick(document: Document, jobs: Sequence[Document], room: int) -> list[Document]:
    """As many as there is room for: the last ones, and the best."""
    last = list(jobs[-room:])
    best = document.get("BestTrainingJob")
    if best and best["TrainingJobName"] not in [job["TrainingJobName"] for job in last]:
        last[:1] = [best]
    return last


def table(
    document: Document, jobs: Sequence[Document], *, short: bool = False
) -> tuple[list[str], list[list[str]]]:
    """A line a training job: its status, what was tried, what came of it.

    ``short``: names without the tuning job's.
    """
    prefix = f"{document['HyperParameterTuningJobName']}-" if short else ""
    names = sorted({name for job in jobs for name in job["TunedHyperParameters"]})
    best = (document.get("BestTrainingJob") or {}).get("TrainingJobName")
    header = ["", "TRAINING JOB", "STATUS", *names, _metric(document), "SECONDS"]
    rows = [
        [
            "*" if job["TrainingJobName"] == best else "",
            job["TrainingJobName"].removeprefix(prefix),
            job["TrainingJobStatus"],
            *(job["TunedHyperParameters"].get(name, "-") for name in names),
            _value(job),
            _seconds(job),
        ]
        for job in jobs
    ]
    return header, rows


def _metric(document: Document) -> str:
    config = document["HyperParameterTuningJobConfig"]
    objective = config.get("HyperParameterTuningJobObjective")
    return str(objective["MetricName"]) if objective else "OBJECTIVE"


def _value(job: Document) -> str:
    metric = job.get("FinalHyperParameterTuningJobObjectiveMetric")
    return number(float(metric["Value"])) if metric else "-"


def _seconds(job: Document) -> str:
    began = job.get("TrainingStartTime")
    return "-" if began is None else f"{(job.get('TrainingEndTime') or time.time()) - began:.1f}"


def _head(document: Document) -> str:
    counters = document["TrainingJobStatusCounters"]
    done = sum(counters.values()) - counters["InProgress"]
    limits = document["HyperParameterTuningJobConfig"]["ResourceLimits"]
    most = limits.get("MaxNumberOfTrainingJobs")
    said = f"{document['HyperParameterTuningJobStatus']}: {done}"
    said += f" of {most} done" if most else " done"
    best = document.get("BestTrainingJob")
    if best:
        tuned = " ".join(f"{k}={v}" for k, v in best["TunedHyperParameters"].items())
        said += f"; best {_metric(document)}={_value(best)} with {tuned}"
    return said


def summarise(client: Client, screen: Screen, document: Document, jobs: Sequence[Document]) -> None:
    """How it ended, and the best of its training jobs."""
    status = document["HyperParameterTuningJobStatus"]
    name = document["HyperParameterTuningJobName"]
    counters = document["TrainingJobStatusCounters"]
    said = {"Completed": "completed", "Stopped": "stopped"}
    counts = [f"{counters[key]} {word}" for key, word in said.items() if counters[key]]
    failed = counters["RetryableError"] + counters["NonRetryableError"]
    counts += [f"{failed} failed"] if failed else []
    rows = [
        ("tuning job", name),
        ("status", click.style(status, fg=_COLOURS.get(status), bold=True)),
        ("jobs", ", ".join(counts) or "none"),
    ]
    if document.get("FailureReason"):
        rows.append(("reason", document["FailureReason"]))
    rows += _failure(jobs)
    best = document.get("OverallBestTrainingJob") or document.get("BestTrainingJob")
    if best:
        job = best["TrainingJobName"]
        tuned = ", ".join(f"{k}={v}" for k, v in best["TunedHyperParameters"].items())
        rows += [("best", job), ("", f"{_metric(document)}={_value(best)} with {tuned}")]
        with suppress(DomainError):
            rows += _model(client.get(f"/_cli/jobs/{job}"))
    rows.append(("compare", f"sagelet compare {name}"))
    screen.clear()
    click.echo("", err=True)
    for key, value in rows:
        click.echo(f"  {key:<10} {value}", err=True)


def _failure(jobs: Sequence[Document]) -> Iterator[tuple[str, str]]:
    """Why the first training job failed that did; the others' reason is mostly the same."""
    first = next((job for job in jobs if job["TrainingJobStatus"] == "Failed"), None)
    if first:
        yield "failed", first["TrainingJobName"]
        yield "", " ".join(first.get("FailureReason", "").splitlines()[:3])[:200]
        yield "", f"sagelet logs {first['TrainingJobName']}"


def _model(beside: Document) -> Iterator[tuple[str, str]]:
    version = beside.get("Version")
    if version:
        size = size_in_words(version["SizeInBytes"])
        yield "model", f"{version['Name']} version {version['Version']}, {size}"
        yield "", version["Path"]


def show(client: Client, name: str) -> None:
    """Print the table once."""
    from sagelet.cli import tables

    document = describe(client, name, TUNING)
    header, rows = table(document, training_jobs(client, name))
    if rows:
        tables.show(header, rows)
    click.echo(_head(document), err=not rows or not sys.stdout.isatty())
