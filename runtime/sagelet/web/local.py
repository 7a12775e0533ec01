"""Doors of our own for the command line, beside the AWS API: what AWS has no operation for.

::

    GET  /_cli/about                        who serves, with which settings
    GET  /_cli/jobs?limit=N                 one row a job, newest first
    GET  /_cli/jobs/<job>                   what DescribeTrainingJob cannot say of it
    GET  /_cli/jobs/<job>/notes?since=N     what the user should know, in order; how its hosts are
    GET  /_cli/jobs/<job>/log?host=H&...    the exact bytes: offset=N, or the last=N
    POST /_cli/jobs/<job>/kill              stop without the grace
    ...  /_cli/processing-jobs/<job>...     these four of a processing job
    POST /_cli/jobs/<job>/interrupt?host=H&away=S   take managed spot capacity away
    GET  /_cli/models?name=N                model versions
    GET  /_cli/experiments?limit=N          how many trials and components each has, newest first;
                                            how many components are in no trial
    GET  /_cli/points?arn=A&metric=M        all points of a trial component's or a job's metric

Each takes ``region=R`` too. They are for the control socket alone, whose caller is the home's
owner: ``about`` holds credentials. Plain ASGI: a job's first second is too dear to load a
framework in.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from sagelet.domain.errors import DomainError, Refusal
from sagelet.domain.jobs import Job, Kind, told_once
from sagelet.domain.opt_ml import host_names
from sagelet.domain.processing import PROCESSING
from sagelet.domain.training import TRAINING
from sagelet.store import Store
from sagelet.store.training_jobs import Filter

if TYPE_CHECKING:
    from sagelet.engine.engine import Engine

Document = dict[str, Any]
Message = MutableMapping[str, Any]

_KINDS = {"jobs": TRAINING, "processing-jobs": PROCESSING}

#: The most bytes of a log that one answer holds.
BLOCK = 4 << 20

#: The most digits of a number that a database and a file can count with.
_DIGITS = 18


class LocalDoors:
    """``context_for`` gives a region's store and engine; ``about`` is filled by who serves."""

    def __init__(
        self,
        context_for: Callable[[str], "tuple[Store, Engine]"],
        about: Mapping[str, Any],
    ) -> None:
        self._context_for = context_for
        self._about = about

    async def __call__(
        self,
        scope: Mapping[str, Any],
        _receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request, in a worker thread."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        loop = asyncio.get_running_loop()
        status, answer = 200, b""
        kind = b"application/json"
        try:
            found = await loop.run_in_executor(
                None, self._answer, scope["method"], scope["path"], query
            )
            if isinstance(found, bytes):
                kind, answer = b"application/octet-stream", found
            else:
                answer = json.dumps(found).encode()
        except DomainError as error:
            status = error.status
            answer = json.dumps({"__type": error.code, "message": str(error)}).encode()
        length = str(len(answer)).encode()
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", kind), (b"content-length", length)],
            }
        )
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, method: str, path: str, query: Mapping[str, str]) -> Document | bytes:
        if (method, path) == ("GET", "/_cli/about"):
            return dict(self._about)
        store, engine = self._context_for(query.get("region") or self._about["Region"])
        words = [unquote(word) for word in path.removeprefix("/_cli/").split("/")]
        match method, words:
            case "GET", ["jobs"]:
                return {"Jobs": _rows(store, _number(query, "limit", 50))}
            case "GET", [("jobs" | "processing-jobs") as kind, job]:
                return _beside(store, _KINDS[kind], job)
            case "GET", [("jobs" | "processing-jobs") as kind, job, "notes"]:
                notes = store.jobs_of(_KINDS[kind]).get(job).notes
                hosts = engine.hosts(job, _KINDS[kind])
                return {"Notes": notes[_number(query, "since", 0) :], "Hosts": hosts}
            case "GET", [("jobs" | "processing-jobs") as kind, job, "log"]:
                return _log(store, _KINDS[kind], job, query)
            case "POST", [("jobs" | "processing-jobs") as kind, job, "kill"]:
                engine.kill(job, _KINDS[kind])
                return {}
            case "POST", ["jobs", job, "interrupt"]:
                engine.interrupt(job, query.get("host"), float(_number(query, "away", 0)))
                return {}
            case "GET", ["models"]:
                return {"Models": _models(store, query.get("name"))}
            case "GET", ["experiments"]:
                return {
                    "Experiments": _experiments(store, _number(query, "limit", 50)),
                    "Unassigned": store.trial_components.unassigned(),
                }
            case "GET", ["points"]:
                return _points(store, query.get("arn", ""), query.get("metric", ""))
        raise Refusal("NotFound", f"There is nothing at {method} {path}.", 404)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise Refusal("ValidationException", f"{name}: '{text[:40]}' is not a number that counts.")
    return int(text)


def _rows(store: Store, limit: int) -> list[Document]:
    found = store.training_jobs.select(
        Filter(), "CreationTime", descending=True, limit=limit, after=None, now=time.time()
    )
    jobs = [store.training_jobs.get(row.name) for row in found]
    return [
        {
            "TrainingJobName": job.name,
            "TrainingJobStatus": job.life.primary,
            "SecondaryStatus": str(job.life.secondary),
            "Backend": job.backend,
            "Hosts": job.host_count,
            "CreationTime": job.created,
            "TrainingStartTime": job.life.started(),
            "TrainingEndTime": job.life.ended(),
            "Metrics": _metrics(store, job.name),
        }
        for job in jobs
    ]


def _beside(store: Store, kind: Kind, name: str) -> Document:
    job: Job = store.jobs_of(kind).get(name)
    version = store.models.of_job(name) if kind is TRAINING else None
    return {
        "Backend": job.backend,
        "Artifacts": dict(job.artifacts),
        "SecondaryStatus": str(job.life.secondary),
        "SecondaryStatusTransitions": [
            {
                "Status": str(step.status),
                "StartTime": step.start,
                "EndTime": step.end,
                "StatusMessage": step.message,
            }
            for step in job.life.steps
        ],
        "Version": None
        if version is None
        else {
            "Name": version.name,
            "Version": version.version,
            "SizeInBytes": version.size,
            "Path": str(store.home.models / version.name / str(version.version)),
        },
    }


def _log(store: Store, kind: Kind, name: str, query: Mapping[str, str]) -> bytes:
    job: Job = store.jobs_of(kind).get(name)
    host = query.get("host", "")
    if host not in host_names(job.host_count):
        raise Refusal("ValidationException", f"{name} has no host '{host}'.")
    try:
        with store.home.log(job.key, host).open("rb") as file:
            if "last" in query:
                size = file.seek(0, 2)
                file.seek(max(size - _number(query, "last", 0), 0))
            else:
                file.seek(_number(query, "offset", 0))
            return file.read(BLOCK)
    except FileNotFoundError:
        return b""


def _models(store: Store, name: str | None) -> list[Document]:
    return [
        {
            "Name": version.name,
            "Version": version.version,
            "TrainingJobName": version.job,
            "CreationTime": version.created,
            "SizeInBytes": version.size,
            "Path": str(store.home.models / version.name / str(version.version)),
            "Metrics": _metrics(store.in_region(version.region), version.job),
        }
        for version in store.models.published(name)
    ]


def _experiments(store: Store, limit: int) -> list[Document]:
    return [
        {
            "ExperimentName": experiment.name,
            "CreationTime": experiment.created,
            "Trials": trials,
            "TrialComponents": components,
        }
        for experiment, trials, components in store.experiments.sizes(limit)
    ]


def _points(store: Store, arn: str, metric: str) -> Document:
    points = store.trial_components.points(arn, metric)
    if points is None:
        raise Refusal("ResourceNotFound", f"{arn} has no metric '{metric}'.")
    values, times, steps = zip(*points, strict=True) if points else ((), (), ())
    return {"Values": values, "Times": times, "Steps": steps}


def _metrics(store: Store, job: str) -> Document:
    return told_once({metric.name: metric.value for metric in store.metrics.final(job)})
