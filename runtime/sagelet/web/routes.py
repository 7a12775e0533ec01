"""/_api and /_ui: JSON for people's pages and scripts, and the page itself.

It reads; what it changes, others do for it.
"""

import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response, StreamingResponse

from sagelet import __version__
from sagelet.domain.errors import DomainError, Refusal
from sagelet.domain.jobs import told_once
from sagelet.domain.processing import PROCESSING
from sagelet.domain.training import TRAINING
from sagelet.store import Store
from sagelet.store.models import ModelVersion as Version
from sagelet.store.wishes import Wanted
from sagelet.web.answers import HEADERS, Json, refuse
from sagelet.web.call_views import call_document, call_row
from sagelet.web.compare import compare_router
from sagelet.web.events import Cursor, Reader, Watch, stream
from sagelet.web.experiments import experiments_router
from sagelet.web.jobs import Region, job_router, table_router
from sagelet.web.previews import model_files
from sagelet.web.rows import metric_names_of
from sagelet.web.sources import Sources
from sagelet.web.static import Files
from sagelet.web.storage import storage_router
from sagelet.web.tunings import tunings_router
from sagelet.web.views import number

#: Last values of metrics.
Told = dict[str, float | str]

#: Jobs whose metrics a table offers.
_LATEST = 30


class Health(BaseModel):
    """The control plane, in short."""

    status: str = "ok"
    version: str = __version__
    account: str
    region: str = Field(description="The region of unsigned calls.")
    test_mode: bool = Field(description="Whether POST /_api/reset exists.")
    training_jobs: dict[str, int] = Field(description="How many, by TrainingJobStatus.")


class ModelVersion(BaseModel):
    """One version of a model."""

    name: str
    version: int
    region: str = ""
    job: str
    created: float = Field(description="Epoch seconds.")
    size: int = Field(description="Bytes.")
    path: str = Field(description="The folder it lies in.")
    versions: int = Field(description="How many versions its model has.")
    metrics: Told = Field(
        default={}, description="Its job's last values, where one model is asked for."
    )


def create_web(sources: Sources) -> FastAPI:
    """The people's application; all its paths begin with /_."""
    web = FastAPI(
        title="sagelet",
        version=__version__,
        openapi_url="/_api/openapi.json",
        docs_url=None,  # those pages load their scripts from elsewhere
        redoc_url=None,
    )
    web.add_exception_handler(DomainError, refuse)
    _add_plane(web, sources)
    _add_models(web, sources)
    _add_calls(web, sources)
    web.include_router(table_router(sources))
    web.include_router(job_router(sources, "jobs", TRAINING))
    web.include_router(job_router(sources, "processing-jobs", PROCESSING))
    web.include_router(tunings_router(sources))
    web.include_router(experiments_router(sources))
    web.include_router(compare_router(sources))
    web.include_router(storage_router(sources))
    _add_events(web, sources)
    _add_page(web)
    return web


def _metric_names(store: Store) -> list[str]:
    """Those of the last jobs: what a table offers as columns."""
    jobs = store.job_table.rows(Wanted(kinds=(TRAINING.name,)), 0, _LATEST)
    return sorted({name for job in jobs for name in metric_names_of(store, job.name)})


def _add_plane(web: FastAPI, sources: Sources) -> None:
    @web.get("/_api/health")
    def health() -> Health:
        """Whether it runs, who it is and what it does."""
        store, _ = sources.region_of(None)
        return Health(
            account=sources.account,
            region=sources.region,
            test_mode=sources.reset is not None,
            training_jobs=store.training_jobs.counts(),
        )

    @web.get("/_api/about")
    def about(region: Region = None) -> Json:
        """What every page shows: who serves, the regions, how many jobs, the room on the disk."""
        store, _ = sources.region_of(region)
        disk = shutil.disk_usage(sources.home)
        return Json(
            {
                "version": __version__,
                "account": sources.account,
                "region": sources.region,
                "regions": sorted({sources.region, *store.regions()}),
                "url": sources.about.get("Url"),
                "home": str(sources.home),
                "counts": store.job_table.counts(),
                "disk": {"total": disk.total, "free": disk.free},
                "metrics": _metric_names(store),
                "missing": sources.calls.missing(),
                "storage": sources.storage,
            }
        )

    @web.get("/_api/settings")
    def settings() -> Json:
        """The settings in force, and what set each: a variable, an option; nothing: a default."""
        rows = [
            {"name": name, "value": value, "set": bool(origin), "origin": origin}
            for name, value, origin in sources.settings()
        ]
        return Json({"settings": rows})

    @web.get("/_api/backend")
    def backend() -> Json:
        """What jobs run on that do not say it, and whether it answers."""
        name, silent = sources.backend()
        return Json({"name": name, "ready": silent is None, "why": silent or ""})

    examining = threading.Lock()

    @web.get("/_api/doctor")
    def doctor() -> Json:
        """What ``sagelet doctor`` says, as this control plane finds it now; it takes a while."""
        with examining:  # its probes start processes: one after the other
            return Json({"findings": sources.findings()})

    @web.get("/_api/token")
    def token() -> Json:
        """What a write of a page carries."""
        return Json({"token": sources.token.value})

    reset = sources.reset
    if reset is not None:

        @web.post("/_api/reset", status_code=204)
        def forget() -> Response:
            """Forget everything: jobs, objects, logs, models."""
            reset()
            sources.calls.clear()
            return Response(status_code=204)


def _metrics(store: Store, versions: Sequence[Version]) -> dict[tuple[str, str], Told]:
    """The last values of the jobs of versions, by region and name; what JSON lacks as text."""
    found: dict[tuple[str, str], Told] = {}
    for region in {each.region for each in versions}:
        jobs = [each.job for each in versions if each.region == region]
        for job, last in store.in_region(region).metrics.finals(jobs).items():
            told = told_once(last).items()
            found[region, job] = {name: number(value) for name, value in told}
    return found


def _add_models(web: FastAPI, sources: Sources) -> None:
    @web.get("/_api/models")
    def models(
        name: Annotated[str | None, Query(description="Only this model's versions.")] = None,
        limit: Annotated[
            int, Query(ge=1, le=10_000, description="The most versions of one model.")
        ] = 500,
    ) -> list[ModelVersion]:
        """The versions of models; of one model the newest ones."""
        store, _ = sources.region_of(None)
        all_ = store.models.published(name)
        if name is not None and not all_:
            raise HTTPException(404, f"There is no model named '{name}'.")
        counts = Counter(each.name for each in all_)
        shown = all_ if name is None else all_[-limit:]
        metrics = _metrics(store, shown) if name else {}
        return [
            ModelVersion(
                name=each.name,
                version=each.version,
                region=each.region,
                job=each.job,
                created=each.created,
                size=each.size,
                path=str(store.home.models / each.name / str(each.version)),
                versions=counts[each.name],
                metrics=metrics.get((each.region, each.job), {}),
            )
            for each in shown
        ]

    @web.get("/_api/models/{name}/{version}")
    def files(name: str, version: int) -> Json:
        """What is in one version of a model."""
        store, _ = sources.region_of(None)
        if not any(each.version == version for each in store.models.published(name)):
            raise Refusal("NotFound", f"There is no version {version} of a model '{name}'.", 404)
        return Json(model_files(store.home.models / name / str(version)))


def _add_calls(web: FastAPI, sources: Sources) -> None:
    @web.get("/_api/calls")
    def calls(limit: Annotated[int, Query(ge=1, le=2000)] = 500) -> Json:
        """The last calls of AWS clients, and how often each operation was called."""
        counts = sorted(sources.calls.counts().items(), key=lambda each: -each[1])
        return Json(
            {
                "rows": [call_row(*each) for each in sources.calls.since(0, limit)],
                "counts": [
                    {"service": service, "operation": operation, "count": count}
                    for (service, operation), count in counts
                ],
                "missing": sources.calls.missing(),
            }
        )

    @web.get("/_api/calls/{number}")
    def call(number: int) -> Json:
        """One call, with what was asked and answered."""
        found = sources.calls.get(number)
        if found is None:
            raise Refusal("NotFound", f"Call {number} is not kept any more.", 404)
        return Json(call_document(number, found))


def _add_events(web: FastAPI, sources: Sources) -> None:
    @web.get("/_api/events")
    async def events(
        request: Request,
        region: Region = None,
        job: str | None = None,
        lane: Annotated[list[str] | None, Query()] = None,
        cursor: str | None = None,
        *,
        jobs: bool = False,
        log: bool = False,
        calls: bool = False,
        tracked: bool = False,
        tunings: bool = False,
        tuning: str | None = None,
        usage: bool = False,
        stored: bool = False,
    ) -> StreamingResponse:
        """Server-sent events; they go on from Last-Event-ID, else from ``cursor``."""
        name = region or sources.region
        store, engine = sources.context_for(name)
        lanes = tuple(lane or ())
        watch = Watch(name, jobs, job, log, lanes, calls, tracked, tunings, tuning, usage, stored)
        start = Cursor.read(request.headers.get("last-event-id") or cursor)
        reader = Reader(store, sources.calls, watch, start, engine.hosts_of)
        return StreamingResponse(
            stream(sources.bus, reader, watch),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", **HEADERS},
        )


def _add_page(web: FastAPI) -> None:
    files = Files()

    @web.api_route("/_ui", methods=["GET", "HEAD"], include_in_schema=False)
    def bare() -> Response:
        return RedirectResponse("/_ui/", 308)

    @web.api_route("/_ui/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def page(path: str) -> Response:
        return files.answer(path)
