"""/_api/tuning-jobs: hyperparameter tuning jobs and the training jobs of each."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from sagelet.domain.errors import DomainError
from sagelet.domain.tuning import TunedJob, TuningJob
from sagelet.engine.tuned import shown
from sagelet.store import Store
from sagelet.store.jobs import Filter
from sagelet.web.answers import Json
from sagelet.web.jobs import Region
from sagelet.web.sources import Sources
from sagelet.web.tuning_views import tuned_row, tuning_document, tuning_row

#: The most tuning jobs of one answer.
_LIST = 500

Document = dict[str, Any]


def tunings_router(sources: Sources) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/_api/tuning-jobs")

    @router.get("")
    def table(
        region: Region = None,
        text: Annotated[str | None, Query(alias="filter", max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=_LIST)] = 60,
        *,
        names: bool = False,
    ) -> Json:
        """Tuning jobs, the newest first, each with its best training job and its course.

        ``names``: only what they are called, without a look into them.
        """
        store, _ = sources.region_of(region)
        found = store.tuning_jobs.select(
            Filter(name_contains=text or None),
            "CreationTime",
            descending=True,
            limit=limit + 1,
            after=None,
        )
        return Json(
            {
                "more": len(found) > limit,
                "rows": [
                    {"name": row.job.name}
                    if names
                    else tuning_row(row.job, store.tuning_jobs.tuned(row.job.name))
                    for row in found[:limit]
                ],
            }
        )

    @router.get("/{name}")
    def tuning(name: str, region: Region = None) -> Json:
        """One tuning job, with all its training jobs."""
        store, _ = sources.region_of(region)
        job = store.tuning_jobs.get(name)
        tuned = shown(store, job)
        return Json(
            {
                **tuning_document(job, tuned),
                "jobs": tuned_rows(store, job, tuned),
                "request": job.request,
                "tags": store.tags.of(job.arn),
            }
        )

    @router.post("/{name}/stop", status_code=202)
    def stop(name: str, request: Request, region: Region = None) -> Json:
        """StopHyperParameterTuningJob."""
        sources.token.check(request)
        store, engine = sources.region_of(region)
        engine.tuning.stop(name)
        return Json({"status": store.tuning_jobs.get(name).status}, 202)

    return router


def tuned_rows(store: Store, job: TuningJob, tuned: Sequence[TunedJob]) -> list[Document]:
    """Lines of the table of a tuning job's training jobs."""
    marks = store.component_table.of_jobs([each.name for each in tuned])
    return [tuned_row(job, each, marks.get(each.name)) for each in tuned]


class Search:
    """One tuning job as a page knows it: only what is new of it is told."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._head: Document = {}
        self._rows: dict[int, Document] = {}

    def news(self) -> list[tuple[str, Document]]:
        """An event with what changed since the last one; none where nothing did."""
        try:
            job = self._store.tuning_jobs.get(self._name)
        except DomainError:
            return [("gone", {"tuning": self._name})]
        tuned = shown(self._store, job)
        head = tuning_document(job, tuned)
        rows = {row["number"]: row for row in tuned_rows(self._store, job, tuned)}
        new = [row for number, row in rows.items() if self._rows.get(number) != row]
        if head == self._head and not new:
            return []
        self._head, self._rows = head, rows
        return [("tuning", {**head, "jobs": new})]
