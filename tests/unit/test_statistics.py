"""CloudWatch: periods, statistics, and the metrics that jobs printed."""

import math
import time

import pytest

from sagelet.domain.errors import Refusal
from sagelet.domain.metrics import Datum
from sagelet.domain.statistics import periods, range_of, statistic

NAMESPACE = "/aws/sagemaker/TrainingJobs"
NOW = time.time()
#: A whole hour, an hour or two ago.
START = NOW // 3600 * 3600 - 3600


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SampleCount", 4.0),
        ("Average", 2.5),
        ("Sum", 10.0),
        ("Minimum", 1.0),
        ("Maximum", 4.0),
        ("p0", 1.0),
        ("p50", 2.5),
        ("p99.9", 3.997),
        ("p100", 4.0),
    ],
)
def test_statistics(name, expected):
    assert statistic(name)([4.0, 1.0, 3.0, 2.0]) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["p101", "tm90", "average", ""])
def test_other_statistics_are_not_known(name):
    with pytest.raises(KeyError):
        statistic(name)


def test_periods_begin_at_the_start_and_hold_numbers_only():
    data = [(130.0, 1.0), (100.0, 2.0), (159.9, math.nan), (160.0, math.inf), (161.0, 3.0)]
    assert periods(data, 100.0, 60) == {100.0: [1.0, 2.0], 160.0: [3.0]}


def test_ranges_are_whole_minutes_or_coarser_for_old_data():
    assert range_of(90.0, 190.0, 300, 200.0) == (60.0, 240.0)
    assert range_of(93.0, 97.0, 5, 200.0) == (90.0, 100.0)
    assert range_of(90.0, 190.0, 60, 20 * 86400.0) == (0.0, 300.0)
    assert range_of(90.0, 190.0, 60, 70 * 86400.0) == (0.0, 3600.0)


@pytest.fixture
def ask(ask, job_of):
    for name in ("one", "one-more"):
        ask.store.training_jobs.add(job_of(TrainingJobName=name))
    put = ask.store.metrics.append
    put("one", "algo-1", [Datum("loss", 4.0, START + 1), Datum("loss", 2.0, START + 59)])
    put("one", "algo-2", [Datum("loss", 8.0, START + 30), Datum("loss", math.nan, START + 31)])
    put("one", "algo-1", [Datum("loss", 1.0, START + 61), Datum("test:acc", 0.5, START + 90)])
    put("one-more", "algo-1", [Datum("loss", 9.0, NOW - 4 * 3600)])
    return ask


def ask_statistics(ask, job="one", host=None, **members):
    dimensions = [{"Name": "TrainingJobName", "Value": job}] if job else []
    if host:
        dimensions.append({"Name": "Host", "Value": host})
    request = {
        "Namespace": NAMESPACE,
        "MetricName": "loss",
        "Dimensions": dimensions,
        "StartTime": START + 20,
        "EndTime": START + 600,
        "Period": 60,
        "Statistics": ["Average"],
    }
    request |= members
    request = {key: value for key, value in request.items() if value is not ...}
    return ask("cloudwatch", "GetMetricStatistics", **request)["Datapoints"]


def test_what_the_sdk_asks_for(ask):
    assert ask_statistics(ask) == [
        {"Timestamp": START, "Average": 14 / 3, "Unit": "None"},
        {"Timestamp": START + 60, "Average": 1.0, "Unit": "None"},
    ]


def test_a_metric_of_one_host(ask):
    assert [p["Average"] for p in ask_statistics(ask, host="one/algo-2")] == [8.0]
    assert [p["Average"] for p in ask_statistics(ask, job=None, host="one/algo-1")] == [3.0, 1.0]
    assert ask_statistics(ask, host="two/algo-1") == []


def test_several_statistics_and_percentiles(ask):
    (point,) = ask_statistics(
        ask, Period=300, Statistics=["Sum", "SampleCount"], ExtendedStatistics=["p50"]
    )
    assert point == {
        "Timestamp": START,
        "Unit": "None",
        "Sum": 15.0,
        "SampleCount": 4.0,
        "ExtendedStatistics": {"p50": 3.0},
    }


@pytest.mark.parametrize(
    "members",
    [
        {"Namespace": "AWS/EC2"},
        {"MetricName": "none"},
        {"Dimensions": []},
        {"Dimensions": [{"Name": "Other", "Value": "x"}]},
        {"Unit": "Seconds"},
        {"StartTime": START + 3600, "EndTime": START + 7200},
    ],
)
def test_a_metric_there_is_not_has_no_points(ask, members):
    assert ask_statistics(ask, **members) == []


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Statistics": ...}, "InvalidParameterCombination"),
        ({"EndTime": START + 20}, "InvalidParameterValue"),
        ({"EndTime": START}, "InvalidParameterValue"),
        ({"Period": 61}, "InvalidParameterValue"),
        ({"Period": 1, "EndTime": START + 2000}, "InvalidParameterCombination"),
        ({"ExtendedStatistics": ["tm99"]}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_asked(ask, members, code):
    with pytest.raises(Refusal) as caught:
        ask_statistics(ask, **members)
    assert caught.value.code == code


def query(ident, stat, **members):
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": "loss",
        "Dimensions": [{"Name": "TrainingJobName", "Value": "one"}],
    }
    return {"Id": ident, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, **members}


def test_metric_data(ask):
    queries = [
        query("a", "Maximum"),
        query("b", "p50", Label="l"),
        query("c", "Sum", ReturnData=False),
    ]
    answer = ask(
        "cloudwatch",
        "GetMetricData",
        MetricDataQueries=queries,
        StartTime=START,
        EndTime=START + 600,
    )
    first, second = answer["MetricDataResults"]
    assert (first["Id"], first["Label"], first["StatusCode"]) == ("a", "loss", "Complete")
    assert (first["Timestamps"], first["Values"]) == ([START + 60, START], [1.0, 8.0])
    assert (second["Label"], second["Values"]) == ("l", [1.0, 4.0])
    with pytest.raises(Refusal, match="expressions are not supported"):
        ask(
            "cloudwatch",
            "GetMetricData",
            MetricDataQueries=[{"Id": "e", "Expression": "a*2"}],
            StartTime=START,
            EndTime=START + 600,
        )


def listed(ask, **request):
    found = ask("cloudwatch", "ListMetrics", **request)["Metrics"]
    assert {m["Namespace"] for m in found} <= {NAMESPACE}
    return [(m["Dimensions"][0]["Value"], m["MetricName"]) for m in found]


def test_metrics_are_listed(ask):
    everything = [("one", "loss"), ("one", "test:acc"), ("one-more", "loss")]
    job = [{"Name": "TrainingJobName", "Value": "one"}]
    assert listed(ask) == listed(ask, Namespace=NAMESPACE) == everything
    assert listed(ask, Dimensions=job) == everything[:2]
    assert listed(ask, Dimensions=[{"Name": "TrainingJobName"}]) == everything
    assert listed(ask, MetricName="loss") == [everything[0], everything[2]]
    assert listed(ask, RecentlyActive="PT3H") == everything[:2]
    assert listed(ask, Namespace="AWS/EC2") == listed(ask, Dimensions=[{"Name": "X"}]) == []


def test_regions_are_kept_apart(ask):
    assert ask("cloudwatch", "ListMetrics", region="us-east-1") == {"Metrics": []}
    assert ask_statistics(ask, region="us-east-1") == []


def test_metrics_are_listed_in_pages(ask):
    names = [f"m{number:04d}" for number in range(1201)]
    ask.store.metrics.append("one-more", "algo-1", [Datum(name, 1.0, NOW) for name in names])
    found, token = [], {}
    while True:
        page = ask("cloudwatch", "ListMetrics", **token)
        found += [m["MetricName"] for m in page["Metrics"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == ["loss", "test:acc", "loss", *names]
