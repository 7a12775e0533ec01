"""/_api/jobs, /_api/processing-jobs: jobs, their series and their logs."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response, StreamingResponse

from sagelet.domain.errors import Refusal, ValidationException
from sagelet.domain.jobs import Job, Kind
from sagelet.domain.training import TRAINING
from sagelet.store import Store
from sagelet.web.answers import HEADERS, Json
from sagelet.web.lanes import ERROR, Lanes, compile_search, lane_document, view_document
from sagelet.web.rows import job_rows, metric_names_of, tracked
from sagelet.web.sources import Sources
from sagelet.web.views import job_document, read_filter, series, usage_document

#: The most rows of one answer.
_ROWS = 500
#: The most lines of one answer.
_LINES = 2000

Region = Annotated[str | None, Query(description="The region; the control plane's own if none.")]
#: Of a chart, in pixels.
Width = Annotated[int, Query(ge=1, le=4000)]
#: What metrics are shown by: ``loss.min``, ``loss.at500``.
Statistics = Annotated[list[str] | None, Query(max_length=100)]
#: Of a value in its series.
Place = Annotated[int, Query(ge=0)]
#: Beyond the end of every series.
END = 1 << 62


def table_router(sources: Sources) -> APIRouter:
    """The table of jobs of all kinds."""
    router = APIRouter()

    @router.get("/_api/jobs")
    def table(
        region: Region = None,
        text: Annotated[str, Query(alias="filter", max_length=500)] = "",
        sort: str = "created",
        *,
        descending: bool = True,
        start: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=_ROWS)] = 100,
    ) -> Json:
        """A part of the table of jobs."""
        store, _ = sources.region_of(region)
        wanted = read_filter(text, sort, descending=descending)
        jobs = store.job_table.rows(wanted, start, limit)
        return Json(
            {
                "total": store.job_table.count(wanted),
                "start": start,
                "rows": job_rows(store, jobs),
            }
        )

    return router


def job_router(sources: Sources, path: str, kind: Kind) -> APIRouter:
    """What there is of one job of a kind, under ``/_api/<path>``."""
    router = APIRouter(prefix=f"/_api/{path}")

    @router.get("/{name}")
    def job(name: str, region: Region = None) -> Json:
        """One job."""
        store, engine = sources.region_of(region)
        found: Job = store.jobs_of(kind).get(name)
        version = store.models.of_job(name) if kind is TRAINING else None
        with Lanes(store.logs_of(kind), name) as lanes:
            sizes = lanes.sizes()
            logs = [lane_document(lane, s, sizes.get(lane, 0)) for lane, s in lanes.all.items()]
        return Json(
            {
                **job_document(found, *tracked(store, [found]).get(found.key, (None, None))),
                "request": found.request,
                "hostStates": engine.hosts(name, kind),
                "lanes": logs,
                "tags": store.tags.of(found.arn),
                "version": None
                if version is None
                else {"name": version.name, "version": version.version, "size": version.size},
            }
        )

    if kind.metrics:
        _add_series(router, sources, kind)
    _add_usage(router, sources, kind)

    @router.post("/{name}/stop", status_code=202)
    def stop(name: str, request: Request, region: Region = None) -> Json:
        """StopTrainingJob, StopProcessingJob."""
        sources.token.check(request)
        _, engine = sources.region_of(region)
        job = engine.stop(name, kind)
        return Json({"status": job.life.primary}, 202)

    _add_logs(router, sources, kind)
    return router


def _add_series(router: APIRouter, sources: Sources, kind: Kind) -> None:
    @router.get("/{name}/metrics")
    def job_metrics(name: str, region: Region = None) -> Json:
        """The names of a job's metrics, and the place that the next value of each gets."""
        store, _ = sources.region_of(region)
        store.jobs_of(kind).get(name)
        names = metric_names_of(store, name)
        following = store.metrics.following(name)  # after the names: it knows all of them
        return Json({"metrics": {each: following[each] for each in names if each in following}})

    @router.get("/{name}/series")
    def job_series(
        name: str,
        metric: Annotated[list[str] | None, Query()] = None,
        region: Region = None,
        width: Width = 800,
        low: Place = 0,
        high: Place = END,
    ) -> Json:
        """Series of metrics, thinned to a width in pixels; all of them unless some are named."""
        store, _ = sources.region_of(region)
        store.jobs_of(kind).get(name)
        names = metric or metric_names_of(store, name)
        found: dict[str, Any] = {}
        for each in names:
            points = store.metrics.thinned(name, each, width, low, high)
            found[each] = {
                **series(points),
                "count": points[-1].place - points[0].place + 1 if points else 0,
                "next": points[-1].place + 1 if points else low,
            }
        return Json({"series": found})


def _add_usage(router: APIRouter, sources: Sources, kind: Kind) -> None:
    @router.get("/{name}/usage")
    def job_usage(
        name: str,
        region: Region = None,
        width: Width = 800,
        low: Place = 0,
        high: Place = END,
    ) -> Json:
        """What its hosts used of the machine, thinned to a width in pixels; bytes and percent."""
        store, _ = sources.region_of(region)
        store.jobs_of(kind).get(name)
        return Json(usage_document(store.usage.samples(kind, name, low=low, high=high), width))


def _add_logs(router: APIRouter, sources: Sources, kind: Kind) -> None:
    @router.get("/{name}/lines")
    def lines(
        name: str,
        region: Region = None,
        lane: Annotated[list[str] | None, Query()] = None,
        at: str = "end",
        *,
        back: bool = False,
        count: Annotated[int, Query(ge=1, le=_LINES)] = 400,
    ) -> Json:
        """Lines from a place on, or (``back``) before it.

        ``at``: start, end, a time in epoch milliseconds, or JSON: an offset for each lane;
        a lane that is left out is where the others are by time.
        """
        store, _ = sources.region_of(region)
        with _open(store, kind, name, lane) as lanes:
            places = _places(lanes, at)
            view = lanes.backward(places, count) if back else lanes.forward(places, count)
            return Json({**view_document(view), "sizes": lanes.sizes()})

    @router.get("/{name}/find")
    def find(
        name: str,
        region: Region = None,
        lane: Annotated[list[str] | None, Query()] = None,
        text: Annotated[str, Query(max_length=1000)] = "",
        at: str = "start",
        *,
        regex: bool = False,
        errors: bool = False,
        back: bool = False,
        count: Annotated[int, Query(ge=1, le=_LINES)] = 200,
    ) -> Json:
        """Lines that match, and how far was looked: ask again from there until it is ``over``.

        ``errors``: lines that usually say that something went wrong.
        """
        store, _ = sources.region_of(region)
        try:
            pattern = ERROR if errors else compile_search(text, plain=not regex)
        except ValueError as error:
            raise ValidationException(str(error)) from None
        with _open(store, kind, name, lane) as lanes:
            view, over = lanes.search(pattern, _places(lanes, at), count, back=back)
            return Json({**view_document(view), "sizes": lanes.sizes(), "over": over})

    @router.get("/{name}/log")
    def merged(name: str, region: Region = None) -> Response:
        """The logs of all hosts as one file, in the order of their times."""
        store, _ = sources.region_of(region)
        lanes = _open(store, kind, name, None)
        if not lanes.all:
            raise Refusal("NotFound", f"{name} has no log.", 404)

        def read() -> Iterator[bytes]:
            with lanes:
                yield from lanes.merged()

        return StreamingResponse(
            read(),
            media_type="text/plain; charset=utf-8",
            headers={
                **HEADERS,
                "Cache-Control": "no-store",
                "Content-Disposition": f'attachment; filename="{name}.log"',
            },
        )

    @router.get("/{name}/log/{lane}")
    def download(name: str, lane: str, region: Region = None) -> Response:
        """The bytes of a log as a file."""
        store, _ = sources.region_of(region)
        stream = store.logs_of(kind).get(f"{name}/{lane}")
        if stream is None or not stream.path.exists():
            raise Refusal("NotFound", f"{name} has no log '{lane}'.", 404)
        return FileResponse(
            stream.path,
            filename=f"{name}-{lane}.log",
            media_type="text/plain; charset=utf-8",
            headers={**HEADERS, "Cache-Control": "no-store"},
        )


def _open(store: Store, kind: Kind, name: str, lanes: list[str] | None) -> Lanes:
    store.jobs_of(kind).get(name)
    return Lanes(store.logs_of(kind), name, lanes or ())


def _places(lanes: Lanes, at: str) -> Mapping[str, int]:
    if at == "start":
        return dict.fromkeys(lanes.logs, 0)
    if at == "end":
        return lanes.sizes()
    if at.isdigit() and at.isascii():
        return lanes.at_time(int(at[:18]))
    try:
        found = orjson.loads(at)
        places = {str(lane): min(max(0, int(place)), 1 << 62) for lane, place in found.items()}
    except (ValueError, AttributeError, TypeError, OverflowError):
        raise ValidationException(
            f"at: '{at[:80]}' is neither start, end, a time nor an offset for each lane."
        ) from None
    return lanes.completed(places)
