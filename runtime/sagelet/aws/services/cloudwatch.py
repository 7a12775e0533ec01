"""CloudWatch: the metrics of jobs as statistics over periods.

Those that a training job printed have the dimension TrainingJobName; with Host (``<job>/<host>``),
in its stead or beside it, only that host's values count. What a host uses of the machine has the
dimension Host alone, and a namespace a kind of job. Values that are not numbers are left out.
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sagelet.aws.operation import Context, Document, operation
from sagelet.domain.errors import Refusal
from sagelet.domain.jobs import Kind
from sagelet.domain.processing import PROCESSING
from sagelet.domain.statistics import periods, range_of, statistic
from sagelet.domain.training import TRAINING
from sagelet.domain.usage import INSTANCE_METRICS

TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"
PROCESSING_JOBS = "/aws/sagemaker/ProcessingJobs"

#: Whose hosts' metrics are in which namespace, in the order of a listing.
_KINDS: dict[str, Kind] = {TRAINING_JOBS: TRAINING, PROCESSING_JOBS: PROCESSING}

_JOB, _HOST = "TrainingJobName", "Host"
_POINTS = 1440
_PAGE = 500
_RECENT = 3 * 3600.0

_SHORT_PERIODS = (1, 5, 10, 20, 30)


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(context: Context, request: Document) -> Document:
    """Statistics of one metric, oldest first."""
    simple = request.get("Statistics") or []
    extended = request.get("ExtendedStatistics") or []
    if not simple and not extended:
        raise Refusal(
            "InvalidParameterCombination",
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        )
    start, end, period = request["StartTime"], request["EndTime"], request["Period"]
    _check(start, end, period, "InvalidParameterValue")
    points = -int(-(end - start) // period)
    if points > _POINTS:
        raise Refusal(
            "InvalidParameterCombination",
            f"You have requested up to {points:,} datapoints, which exceeds the limit of "
            f"{_POINTS:,}. You may reduce the datapoints requested by increasing Period, or "
            "decreasing the time range.",
        )
    functions = {name: _statistic(name, "InvalidParameterValue") for name in (*simple, *extended)}
    datapoints = []
    unit = _unit_of(request)
    for begin, values in _values(context, request, start, end, period).items():
        point: dict[str, Any] = {"Timestamp": begin, "Unit": unit}
        point |= {name: functions[name](values) for name in simple}
        if extended:
            point["ExtendedStatistics"] = {name: functions[name](values) for name in extended}
        datapoints.append(point)
    return {"Label": request["MetricName"], "Datapoints": datapoints}


@operation("cloudwatch", "GetMetricData")
def get_metric_data(context: Context, request: Document) -> Document:
    """The values of several metrics; expressions are refused."""
    start, end = request["StartTime"], request["EndTime"]
    results = []
    for query in request["MetricDataQueries"]:
        asked = query.get("MetricStat")
        if asked is None:
            raise Refusal(
                "ValidationError",
                f"The query '{query['Id']}' has no MetricStat: expressions are not supported here.",
            )
        if query.get("ReturnData") is False:
            continue
        _check(start, end, asked["Period"], "ValidationError")
        function = _statistic(asked["Stat"], "ValidationError")
        metric = asked["Metric"]
        wanted = {**metric, **({"Unit": asked["Unit"]} if asked.get("Unit") else {})}
        found = _values(context, wanted, start, end, asked["Period"])
        begins = sorted(found, reverse=request.get("ScanBy") != "TimestampAscending")
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label") or metric["MetricName"],
                "Timestamps": begins,
                "Values": [function(found[begin]) for begin in begins],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}


@operation("cloudwatch", "ListMetrics")
def list_metrics(context: Context, request: Document) -> Document:
    """One page of the metrics there are, each with its job or its host."""
    token = request.get("NextToken")
    after = tuple((token or "//").split("/", 2))
    if len(after) != _TOKEN:
        raise Refusal("InvalidParameterValue", "The parameter NextToken is invalid.")
    since = time.time() - _RECENT if request.get("RecentlyActive") else float("-inf")
    metrics: list[Document] = []
    last = after
    for found in _listed(context, request, after):
        if found.active < since:
            continue
        if len(metrics) == _PAGE:
            return {"Metrics": metrics, "NextToken": "/".join(last)}
        last = found.place
        dimensions = [{"Name": found.dimension, "Value": found.owner}]
        metrics.append(
            {"Namespace": found.namespace, "MetricName": found.name, "Dimensions": dimensions}
        )
    return {"Metrics": metrics}


class _Listed(NamedTuple):
    """A metric in a listing; ``place`` leads behind it, ``active``: when it last had a value."""

    namespace: str
    name: str
    dimension: str
    owner: str
    active: float
    place: tuple[str, ...]


#: A place in a listing: which part of it, and two words that say where in there.
_TOKEN = 3


def _listed(context: Context, request: Document, after: tuple[str, ...]) -> Iterator[_Listed]:
    """The metrics that are asked for, from a place on: what was printed, then those of hosts."""
    filters = {d["Name"]: d.get("Value") for d in request.get("Dimensions") or ()}
    namespace, name = request.get("Namespace"), request.get("MetricName")
    part, *behind = after
    if not part and namespace in (None, TRAINING_JOBS) and filters.keys() <= {_JOB}:
        printed = context.store.metrics.names(
            job=filters.get(_JOB), name=name, after=(behind[0], behind[1])
        )
        for job, metric, active in printed:
            yield _Listed(TRAINING_JOBS, metric, _JOB, job, active, ("", job, metric))
    if not filters.keys() <= {_HOST}:
        return
    for each, kind in _KINDS.items():
        if namespace in (None, each) and part <= kind.name:
            start = (behind[0], behind[1]) if part == kind.name else ("", "")
            for found in _of_hosts(context, kind, each, filters.get(_HOST), start):
                if name in (None, found.name):
                    yield found


def _of_hosts(
    context: Context,
    kind: Kind,
    namespace: str,
    wanted: str | None,
    after: tuple[str, str],
) -> Iterator[_Listed]:
    """The metrics of one kind's hosts; ``wanted`` is the value of a Host."""
    job = wanted and wanted.partition("/")[0]
    for seen in context.store.usage.hosts(kind, job=job, since=after[0]):
        owner = f"{seen.job}/{seen.host}"
        for metric in sorted(INSTANCE_METRICS) if wanted in (None, owner) else ():
            behind = (seen.job, f"{seen.host}/{metric}")
            if behind > after and (seen.gpus or not metric.startswith("GPU")):
                place = (kind.name, *behind)
                yield _Listed(namespace, metric, _HOST, owner, seen.time, place)


def _is_of_host(metric: Document) -> bool:
    """Whether it is a metric of what a host uses; a script may print one of the same name."""
    dimensions = [d["Name"] for d in metric.get("Dimensions") or ()]
    return metric["MetricName"] in INSTANCE_METRICS and dimensions == [_HOST]


def _unit_of(metric: Document) -> str:
    return "Percent" if _is_of_host(metric) else "None"


def _values(
    context: Context, metric: Document, start: float, end: float, period: int
) -> dict[float, list[float]]:
    """The metric's values by period; empty for a metric there is not."""
    job, host = _dimensions(metric.get("Dimensions") or ())
    namespace, unit = metric.get("Namespace"), _unit_of(metric)
    if job is None or namespace not in _KINDS or (metric.get("Unit") or unit) != unit:
        return {}
    first, last = range_of(start, end, period, time.time())
    if _is_of_host(metric):
        value_of = INSTANCE_METRICS[metric["MetricName"]]
        samples = context.store.usage.samples(
            _KINDS[namespace], job, host=host, since=first, until=last
        )
        found = [(each.time, value) for each in samples if (value := value_of(each)) is not None]
        return periods(found, first, period)
    if namespace != TRAINING_JOBS:
        return {}
    data = context.store.metrics.series(
        job, metric["MetricName"], host=host, since=first, until=last
    )
    return periods(((datum.time, datum.value) for datum in data), first, period)


def _dimensions(given: Iterable[Document]) -> tuple[str | None, str | None]:
    """The job and the host that the dimensions name; (None, None) for others."""
    found = {d["Name"]: d["Value"] for d in given}
    job, host = found.pop(_JOB, None), found.pop(_HOST, None)
    if found:
        return None, None
    if host is None:
        return job, None
    owner, slash, name = host.partition("/")
    if not slash or job not in (None, owner):
        return None, None
    return owner, name


def _check(start: float, end: float, period: int, code: str) -> None:
    if start == end:
        raise Refusal(code, "The parameter StartTime must not equal parameter EndTime.")
    if start > end:
        raise Refusal(code, "The parameter StartTime must be less than the parameter EndTime.")
    if period not in _SHORT_PERIODS and period % 60:
        raise Refusal(
            code, "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60 seconds."
        )


def _statistic(name: str, code: str) -> Any:
    try:
        return statistic(name)
    except KeyError:
        raise Refusal(
            code,
            f"The statistic {name} is not supported here: use SampleCount, Average, Sum, Minimum, "
            "Maximum or a percentile such as p90.",
        ) from None
