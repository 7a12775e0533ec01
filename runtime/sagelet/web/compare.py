"""/_api/compare: trial components side by side, and what of it two of them differ in."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from sagelet.domain.errors import Refusal
from sagelet.domain.jobs import Job
from sagelet.store import Store
from sagelet.store.objects import Objects
from sagelet.store.wishes import Wanted
from sagelet.web.answers import Json
from sagelet.web.code import Digests, code_of, difference
from sagelet.web.graphs import graph
from sagelet.web.jobs import Region, Statistics
from sagelet.web.rows import columns, component_rows, jobs_of_components
from sagelet.web.sources import Sources
from sagelet.web.tracked_views import GRAPHS

#: The most components that stand side by side.
MOST = 200
#: As many components of a trial or an experiment as there are.
_ALL = 1 << 62
#: Jobs whose code is looked into for one answer.
_CODED = 40

#: Members of a request that are a job's name, or shown elsewhere.
_ELSEWHERE = frozenset(
    {
        "TrainingJobName",
        "ProcessingJobName",
        "TuningJobArn",
        "HyperParameters",
        "Tags",
        "ExperimentConfig",
        "OutputDataConfig",
    }
)

#: What names a member of a list.
_NAMES = ("ChannelName", "InputName", "OutputName", "Name")

Document = dict[str, Any]
Names = Annotated[list[str] | None, Query(max_length=2000)]


def compare_router(sources: Sources) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/_api/compare")
    digests = Digests()

    def objects(store: Store) -> Objects | None:
        return store.objects if sources.storage else None

    @router.get("")
    def compare(
        region: Region = None,
        component: Annotated[Names, Query(alias="c")] = None,
        trial: Annotated[Names, Query(alias="t")] = None,
        experiment: Annotated[Names, Query(alias="e")] = None,
        stat: Statistics = None,
    ) -> Json:
        """Components by their names or their jobs' (``c``), of trials, of experiments."""
        store, _ = sources.region_of(region)
        rows, total, unknown = _rows(store, component or [], trial or [], experiment or [])
        shown = component_rows(store, rows, stat or ())
        jobs = jobs_of_components(store, rows)
        arns = {row["arn"].lower(): row["mark"] for row in shown}
        graphs: dict[int, list[Document]] = {}
        for arn, name, kind, uri in store.lineage.graphs(list(arns), sorted(GRAPHS)):
            one = {"name": name, "type": kind, "uri": uri}
            graphs.setdefault(arns[arn], []).append(one)
        codes = {
            number: digests(job, objects(store)) for number, job in list(jobs.items())[:_CODED]
        }
        for row in shown:
            number = row["mark"]
            row["configuration"] = configuration(jobs[number]) if number in jobs else {}
            row["code"] = codes.get(number)
            row["graphs"] = graphs.get(number, [])
        return Json(
            {
                "rows": shown,
                "total": total,
                "unknown": unknown,
                "columns": columns(store, rows),
            }
        )

    @router.get("/code")
    def code(a: str, b: str, region: Region = None) -> Json:
        """How the code of two jobs, or of their components, differs."""
        store, _ = sources.region_of(region)
        before = code_of(_job(store, a), objects(store))
        after = code_of(_job(store, b), objects(store))
        return Json(
            {
                "a": len(before),
                "b": len(after),
                "files": difference(before, after),
                "same": len([name for name in before if before[name] == after.get(name)]),
            }
        )

    @router.get("/graph")
    def one(uri: Annotated[str, Query(max_length=2000)], region: Region = None) -> Json:
        """A confusion matrix, a curve or a table, as a tracker stored it."""
        store, _ = sources.region_of(region)
        found = objects(store)
        if found is None:
            return Json({"kind": "none", "reason": "objects are kept in another S3"})
        return Json(graph(found, uri))

    return router


def configuration(job: Job) -> dict[str, Any]:
    """What a job was told, but for its hyperparameters: paths in its request and their values."""
    found: dict[str, Any] = {"Backend": job.backend}
    _flatten("", {k: v for k, v in job.request.items() if k not in _ELSEWHERE}, found)
    return found


def _flatten(path: str, value: Any, found: dict[str, Any]) -> None:
    if isinstance(value, Mapping):
        for key, each in value.items():
            _flatten(f"{path}.{key}" if path else str(key), each, found)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            name = str(index)
            if isinstance(each, Mapping):
                name = str(next((each[key] for key in _NAMES if each.get(key)), index))
            _flatten(f"{path}.{name}", each, found)
    else:
        found[path] = value


def _rows(
    store: Store, components: list[str], trials: list[str], experiments: list[str]
) -> tuple[list[int], int, list[str]]:
    """Components by number, in the order they were asked for; how many there are; unknown names.

    Of more than ``MOST`` those are left that were named, then the newest ones.
    """
    table = store.component_table
    known = table.named(components)
    named = list(dict.fromkeys(known[name] for name in components if name in known))
    unknown = [name for name in components if name not in known]
    found: dict[int, None] = dict.fromkeys(named)
    for name, wanted in (
        *((name, Wanted(trial=name, descending=False)) for name in trials),
        *((name, Wanted(experiment=name, descending=False)) for name in experiments),
    ):
        rows = table.rows(wanted, 0, _ALL)
        found |= dict.fromkeys(rows)
        unknown += [] if rows else [name]
    kept = {*named, *sorted(found.keys() - set(named), reverse=True)[: max(0, MOST - len(named))]}
    return [row for row in found if row in kept][:MOST], len(found), unknown


def _job(store: Store, name: str) -> Job:
    number = store.component_table.named([name]).get(name)
    job = None if number is None else jobs_of_components(store, [number]).get(number)
    if job is None:
        raise Refusal("NotFound", f"'{name}' is no job, nor the component of one.", 404)
    return job
