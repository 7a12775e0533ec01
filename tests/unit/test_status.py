"""The line at the bottom of a terminal."""

import pytest

from sagelet.cli.status import MARKS, PLAIN_MARKS, marks_of, status_line


def line(hosts=None, seconds=42.9, metrics=(), marks=PLAIN_MARKS):
    document = {
        "SecondaryStatusTransitions": [
            {"Status": "Starting", "StartTime": 10.0},
            {"Status": "Training", "StartTime": 100.0},
        ],
        "FinalMetricDataList": [{"MetricName": n, "Value": v} for n, v in metrics],
    }
    return status_line(document, hosts or {}, 100.0 + seconds, marks)


def test_state_hosts_and_metrics():
    hosts = {"algo-1": "Running", "algo-2": "Waiting", "algo-3": "Failed", "algo-4": "Ended"}
    metrics = [("loss", 0.123456789), ("accuracy", 1.0)]
    expected = "Training 00:42  algo-1 ●  algo-2 ○  algo-3 ✕  algo-4 ✓  loss=0.123457 accuracy=1"
    assert line(hosts, metrics=metrics, marks=MARKS) == expected


def test_one_host_needs_no_name():
    assert line({"algo-1": "Running"}) == "Training 00:42"


def test_many_hosts_are_counted():
    hosts = {f"algo-{n}": "Running" for n in range(1, 15)} | {
        "algo-15": "Ended",
        "algo-16": "Ended",
    }
    assert line(hosts) == "Training 00:42  16 hosts: 14 * 2 +"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-1, "00:00"), (0, "00:00"), (61, "01:01"), (3599, "59:59"), (3600, "1:00:00")],
)
def test_how_long(seconds, shown):
    assert line(seconds=seconds) == f"Training {shown}"


def test_a_terminal_that_cannot_show_the_marks_gets_others():
    assert marks_of("utf-8") == MARKS
    assert marks_of("ascii") == marks_of("iso-8859-1") == marks_of("unheard-of") == PLAIN_MARKS
    assert MARKS.keys() == PLAIN_MARKS.keys()


def test_an_objective_is_told_once():
    assert line(metrics=[("acc", 0.5), ("ObjectiveMetric", 0.5)]).endswith("  acc=0.5")
    own = line(metrics=[("acc", 0.5), ("ObjectiveMetric", 0.7)])
    assert own.endswith("  acc=0.5 ObjectiveMetric=0.7")
