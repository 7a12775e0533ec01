"""CloudWatch: the metrics that jobs printed, as statistics over periods.

There is one namespace. A metric has the dimension TrainingJobName; with Host (``<job>/<host>``),
in its stead or beside it, only that host's values count. Values that are not numbers are left out.
"""

import time
from collections.abc import Iterable
from typing import Any

from sagelet.aws.operation import Context, Document, operation
from sagelet.domain.errors import Refusal
from sagelet.domain.statistics import periods, range_of, statistic

TRAINING_JOBS = "/aws/sagemaker/TrainingJobs"

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
    for begin, values in _values(context, request, start, end, period).items():
        point: dict[str, Any] = {"Timestamp": begin, "Unit": "None"}
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
    """One page of the metrics there are, each with its job."""
    filters = {d["Name"]: d.get("Value") for d in request.get("Dimensions") or ()}
    token = request.get("NextToken")
    after = tuple((token or "/").split("/", 1))
    if len(after) != 2:
        raise Refusal("InvalidParameterValue", "The parameter NextToken is invalid.")
    if request.get("Namespace") not in (None, TRAINING_JOBS) or not filters.keys() <= {_JOB}:
        return {"Metrics": []}
    since = time.time() - _RECENT if request.get("RecentlyActive") else float("-inf")
    metrics: list[Document] = []
    last = after
    for job, name, active in context.store.metrics.names(
        job=filters.get(_JOB), name=request.get("MetricName"), after=after
    ):
        if active < since:
            continue
        if len(metrics) == _PAGE:
            return {"Metrics": metrics, "NextToken": "/".join(last)}
        last = job, name
        dimensions = [{"Name": _JOB, "Value": job}]
        metrics.append({"Namespace": TRAINING_JOBS, "MetricName": name, "Dimensions": dimensions})
    return {"Metrics": metrics}


def _values(
    context: Context, metric: Document, start: float, end: float, period: int
) -> dict[float, list[float]]:
    """The metric's values by period; empty for a metric there is not."""
    job, host = _dimensions(metric.get("Dimensions") or ())
    namespace = metric.get("Namespace")
    if job is None or namespace != TRAINING_JOBS or metric.get("Unit", "None") != "None":
        return {}
    first, last = range_of(start, end, period, time.time())
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
