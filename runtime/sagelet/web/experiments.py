"""/_api/experiments, /_api/trials, /_api/components: what is tracked."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query

from sagelet.domain.comparison import Measure, metric_names
from sagelet.domain.experiments import Experiment
from sagelet.domain.lineage import Association, Vertex, walk
from sagelet.store import Store
from sagelet.store.component_table import ComponentTable
from sagelet.store.listing import Order
from sagelet.store.wishes import Wanted
from sagelet.web.answers import Json
from sagelet.web.jobs import END, Place, Region, Statistics, Width
from sagelet.web.rows import columns, component_rows, headings
from sagelet.web.sources import Sources
from sagelet.web.tracked_views import (
    GRAPHS,
    component_document,
    experiment_row,
    lineage_document,
    trial_row,
)
from sagelet.web.views import read_filter, series

#: The most rows of one answer.
_ROWS = 500
#: Components that the columns of a table are worked out from.
_SAMPLE = 2000
#: Components that the course of an experiment is drawn from.
_COURSE = 400
#: Experiments and trials of one answer.
_LIST = 200
#: Values of a parameter that have a heading each.
_VALUES = 200
#: How far a component's lineage is followed, in associations.
_DEPTH = 3
_MOST_VERTICES = 120
#: How many points of series are remembered as they were sent: some 40 bytes each.
_KEPT = 1_000_000

Document = dict[str, Any]


def experiments_router(sources: Sources) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/_api")

    @router.get("/experiments")
    def experiments(
        region: Region = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 60,
        *,
        names: bool = False,
    ) -> Json:
        """Experiments, the newest first, each with its best component and its course.

        ``names``: only what they are called, without a look into them.
        """
        store, _ = sources.region_of(region)
        if names:
            listed = store.experiments.select(Order(limit=limit + 1))
            return Json(
                {
                    "more": len(listed) > limit,
                    "rows": [{"name": each.name} for each, _ in listed[:limit]],
                }
            )
        found = store.experiments.sizes(limit + 1)
        return Json(
            {
                "more": len(found) > limit,
                "rows": [
                    {**experiment_row(*each), **_best(store, Wanted(experiment=each[0].name))}
                    for each in found[:limit]
                ],
                "unassigned": store.component_table.count(Wanted(unassigned=True)),
            }
        )

    @router.get("/experiments/{name}")
    def experiment(name: str, region: Region = None) -> Json:
        """One experiment and its trials."""
        store, _ = sources.region_of(region)
        found = store.experiments.get(name, sources.account)
        trials = store.experiments.select_trials(
            Order(limit=_LIST, descending=False), experiment=found.name
        )
        rows = [trial_row(trial) for trial, _ in trials]
        return Json(
            {
                **experiment_row(found, len(rows), _count(store, found)),
                "tags": store.tags.of(found.arn),
                "trialRows": rows,
                **_best(store, Wanted(experiment=found.name)),
            }
        )

    @router.get("/trials/{name}")
    def trial(name: str, region: Region = None) -> Json:
        """One trial: its components in the order they were made, and what came of what."""
        store, _ = sources.region_of(region)
        found = store.experiments.trial(name, sources.account)
        wanted = Wanted(trial=found.name, descending=False)
        rows = store.component_table.rows(wanted, 0, _ROWS)
        shown = component_rows(store, rows)
        return Json(
            {
                **trial_row(found),
                "tags": store.tags.of(found.arn),
                "total": store.component_table.count(wanted),
                "rows": shown,
                "columns": columns(store, rows),
                "lineage": _among(_lineage(store, [row["arn"] for row in shown], 1), shown),
            }
        )

    _add_components(router, sources)
    return router


class Drawn:
    """Series as they were last sent: one that has not grown is not read again.

    Parts of series, which a zoom asks for, are as many as there are zooms: they are not remembered.
    """

    def __init__(self, most: int = _KEPT) -> None:
        self._known: dict[tuple[float, ...], orjson.Fragment] = {}
        self._most = most
        self.points = 0  #: as many are remembered

    def __call__(
        self, store: Store, of: tuple[int, int, float], how: tuple[int, int, int]
    ) -> orjson.Fragment:
        """The document of a series, which is known by its end, for a width and a part of it."""
        number, count, _ = of
        width, low, high = how
        key = (*of, width)
        whole = low == 0 and high >= END
        known = self._known.get(key) if whole else None
        if known is None:
            points = store.component_table.points(number, *how)
            known = orjson.Fragment(orjson.dumps({**series(points), "count": count}))
            if whole:
                self.points += len(points)
                if self.points > self._most or len(self._known) >= self._most:
                    self._known.clear()
                    self.points = len(points)
                self._known[key] = known
        return known


def _add_components(router: APIRouter, sources: Sources) -> None:
    drawn = Drawn()

    @router.get("/components")
    def table(
        region: Region = None,
        experiment: str | None = None,
        trial: str | None = None,
        text: Annotated[str, Query(alias="filter", max_length=500)] = "",
        sort: str = "created",
        *,
        gathered: Annotated[str, Query(alias="rows", max_length=500)] = "",
        stat: Statistics = None,
        unassigned: bool = False,
        descending: bool = True,
        start: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=_ROWS)] = 100,
    ) -> Json:
        """A part of a table of components; the first part tells its columns.

        ``rows``: a parameter by whose values they are gathered, unless it has too many; the first
        part tells the values, and of the rows of each the figures of each metric: of the statistic
        that is asked for, else of the last values.
        """
        store, _ = sources.region_of(region)
        typed = read_filter(text, sort, descending=descending)
        wanted = Wanted(
            typed.words,
            typed.statuses,
            typed.conditions,
            experiment or typed.experiment,
            trial or typed.trial,
            unassigned or typed.unassigned,
            sort,
            descending,
        )
        found = store.component_table
        together = dataclasses.replace(wanted, gathered=gathered)
        values = found.values(together, _VALUES + 1) if gathered else {}
        many = len(values) > _VALUES
        rows = found.rows(wanted if many else together, start, limit)
        answer: Document = {
            "total": found.count(wanted),
            "start": start,
            "rows": component_rows(store, rows, stat or ()),
        }
        if start == 0:
            answer["columns"] = columns(store, found.rows(wanted, 0, _SAMPLE))
        if start == 0 and gathered:
            metrics = [each["name"] for each in answer["columns"]["metrics"]]
            told = [] if many else headings(store, together, values, metrics, stat or ())
            answer["groups"] = {"name": gathered, "most": _VALUES, "many": many, "rows": told}
        return Json(answer)

    @router.get("/components/{name}")
    def component(name: str, region: Region = None) -> Json:
        """One component, whole."""
        store, _ = sources.region_of(region)
        record = store.trial_components.get(name, sources.account)
        row = _number(store.component_table, name)
        shown = component_rows(store, [row])[0]
        arn = record.component.arn
        lineage = _lineage(store, [arn], _DEPTH)
        return Json(
            {
                **component_document(shown, record, store.tags.of(arn), _graphs(lineage, arn)),
                "lineage": lineage,
            }
        )

    @router.get("/series")
    def many(
        component: Annotated[list[str], Query(alias="c", max_length=500)],
        metric: Annotated[list[str], Query(max_length=50)],
        region: Region = None,
        width: Width = 400,
        low: Place = 0,
        high: Place = END,
    ) -> Json:
        """Series of metrics of components, or of jobs, thinned to a width in pixels."""
        store, _ = sources.region_of(region)
        numbers = store.component_table.named(component)
        names = {number: name for name, number in numbers.items()}
        found: Document = {}
        for each in metric:
            found[each] = {
                names[component]: drawn(store, of, (width, low, high))
                for component, of in store.component_table.series(names, each).items()
            }
        return Json({"series": found})


def _count(store: Store, experiment: Experiment) -> int:
    return store.component_table.count(Wanted(experiment=experiment.name))


def _number(table: ComponentTable, name: str) -> int:
    return table.named([name])[name]


def _best(store: Store, wanted: Wanted) -> Document:
    """The metric that people choose by, who is best by it, and how the best became better."""
    recent = store.component_table.rows(wanted, 0, _COURSE)
    counts = store.component_table.metrics(recent)
    named: list[Document] = []
    for name, count in counts.items():
        named += [{"Metrics": [{"MetricName": name}]}] * count
    names = metric_names(named)
    if not names:
        return {"objective": None, "best": None, "course": []}
    measure = Measure(names[0])
    order = Wanted(
        experiment=wanted.experiment, sort=f"metric.{names[0]}", descending=not measure.low
    )
    first = store.component_table.rows(order, 0, 1)
    best = component_rows(store, first)[0] if first else None
    last = store.component_table.last_values(recent, names[0])
    values = [last[row] for row in reversed(recent) if row in last]
    if len(recent) == _COURSE:  # the course goes on from the best of those that are older
        ranked = store.component_table.rows(order, 0, _COURSE + 1)
        near = set(recent)
        older = [row for row in ranked if row not in near][:1]
        values = [*store.component_table.last_values(older, names[0]).values(), *values]
    return {
        "objective": {"name": names[0], "low": measure.low},
        "best": best,
        "course": _course(values, low=measure.low),
    }


def _course(values: Sequence[float], *, low: bool) -> list[float]:
    """The best so far, after each."""
    found: list[float] = []
    for value in values:
        if math.isfinite(value):
            before = found[-1] if found else value
            found.append(min(before, value) if low else max(before, value))
    return found


def _lineage(store: Store, arns: Sequence[str], depth: int) -> Document:
    """What these came of, and what came of them."""
    lineage = store.lineage
    known: dict[str, Vertex] = {}
    edges: dict[tuple[str, str], Association] = {}
    for arn in arns:
        start = arn.lower()
        near, found = walk(start, lineage.near, ascendants=True, descendants=True, depth=depth)
        for each in (start, *near):
            if each not in known and len(known) < _MOST_VERTICES:
                vertex = lineage.vertex(each)
                if vertex is not None:
                    known[each] = vertex
        edges |= {(edge.source, edge.destination): edge for edge in found}
    return lineage_document(known, edges.values(), lineage.uris(list(known)))


def _among(lineage: Document, rows: Sequence[Document]) -> Document:
    """Without the components of other trials, which shared steps lead to."""
    own = {row["arn"].lower() for row in rows}
    kept = {
        each["arn"]: each
        for each in lineage["vertices"]
        if each["kind"] != "TrialComponent" or each["arn"] in own
    }
    edges = [each for each in lineage["edges"] if each["from"] in kept and each["to"] in kept]
    return {"vertices": list(kept.values()), "edges": edges}


def _graphs(lineage: Document, arn: str) -> list[Document]:
    """The confusion matrices, curves and tables that are a component's own."""
    vertices = {each["arn"]: each for each in lineage["vertices"]}
    found = []
    for edge in lineage["edges"]:
        for here, there, way in (
            (edge["from"], edge["to"], "out"),
            (edge["to"], edge["from"], "in"),
        ):
            other = vertices[there]
            if here == arn.lower() and other["type"] in GRAPHS:
                found.append(
                    {"name": other["name"], "type": other["type"], "uri": other["uri"], "way": way}
                )
    return found
