"""SageMaker's metrics service: points of trial components in and, by step or time, out again."""

from collections.abc import Iterable

from sagelet.aws.operation import Context, Document, operation
from sagelet.domain.metrics import Datum
from sagelet.domain.summaries import Summary, summarised

_PERIODS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}


@operation("sagemaker-metrics", "BatchPutMetrics")
def batch_put_metrics(context: Context, request: Document) -> Document:
    """Add points; once this is answered they are kept."""
    data = [
        Datum(m["MetricName"], float(m["Value"]), m["Timestamp"], m.get("Step"))
        for m in request["MetricData"]
    ]
    context.store.trial_components.put_metrics(request["TrialComponentName"], context.account, data)
    return {}


@operation("sagemaker-metrics", "BatchGetMetrics")
def batch_get_metrics(context: Context, request: Document) -> Document:
    """Statistics of metrics over steps or periods, a result a query."""
    return {"MetricQueryResults": [_answer(context, query) for query in request["MetricQueries"]]}


def _answer(context: Context, query: Document) -> Document:
    by_step = query["XAxisType"] == "IterationNumber"
    if by_step != (query["Period"] == "IterationNumber"):
        return _refused("XAxisType IterationNumber goes with the Period IterationNumber only.")
    points = context.store.trial_components.points(query["ResourceArn"], query["MetricName"])
    if points is None:
        return _refused(f"{query['ResourceArn']} has no metric '{query['MetricName']}'.")
    groups: dict[int, list[tuple[float, float]]] = {}
    for number, (value, moment, step) in enumerate(points):
        if by_step:
            place = number if step is None else step
        else:
            period = _PERIODS[query["Period"]]
            place = int(moment // period) * period
        if query.get("Start", place) <= place <= query.get("End", place):
            groups.setdefault(place, []).append((value, moment))
    found = sorted(
        (place, _statistic(query["MetricStat"], group)) for place, group in groups.items()
    )
    told = [(place, value) for place, value in found if value is not None]
    return {
        "Status": "Complete",
        "XAxisValues": [place for place, _ in told],
        "MetricValues": [value for _, value in told],
    }


def _refused(message: str) -> Document:
    return {
        "Status": "ValidationError", "Message": message, "XAxisValues": [], "MetricValues": []
    }  # fmt: skip


def _statistic(name: str, group: Iterable[tuple[float, float]]) -> float | None:
    points = list(group)
    summary: Summary = summarised([value for value, _ in points], points[-1][1])
    return {
        "Min": summary.least,
        "Max": summary.greatest,
        "Avg": summary.mean,
        "Count": float(summary.count),
        "StdDev": summary.deviation,
        "Last": summary.last,
    }[name]
