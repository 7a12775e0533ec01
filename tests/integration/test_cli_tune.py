"""``sagelet tune``, and the commands that know tuning jobs."""

import json
import os
import re
import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from support.cli import read_until, sagelet, start
from support.serve import Plane as ServedPlane
from support.terminal import Terminal
from support.tuning import SCRIPT

WHERE = ("--backend", "process", "--python", sys.executable)
WHAT = ("--range", "lr=0.001:0.1:log", "--objective", "acc")


@pytest.fixture
def script(home: Path, tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return str(path)


def test_a_search_from_the_command_line(script: str) -> None:
    done = sagelet(
        *("tune", script, *WHERE, *WHAT, "--range", "way=a,b", "--hp", "epochs=2"),
        *("--max-jobs", "4", "--parallel", "2", "--seed", "3", "--name", "search"),
    )
    assert done.returncode == 0, done.stderr
    assert "tuning job search" in done.stderr
    ended = [line for line in done.stderr.splitlines() if line.startswith("search-00")]
    assert len(ended) == 4
    assert "lr=" in ended[0]
    assert "(the best so far)" in done.stderr
    assert "sagelet compare search" in done.stderr

    shown = json.loads(sagelet("describe", "search", "--json").stdout)
    best = shown["BestTrainingJob"]["TrainingJobName"]
    assert best in done.stderr
    table = sagelet("jobs", "--tuning", "search").stdout.splitlines()
    assert table[0].split()[:3] == ["TRAINING", "JOB", "STATUS"]
    assert next(row for row in table if best in row).startswith("*")
    assert "search" in sagelet("jobs", "--kind", "tuning").stdout
    compared = sagelet("compare", "search")
    rows = [line.split() for line in compared.stdout.splitlines() if "search-00" in line]
    assert next(row[1] for row in rows) == best
    assert len(rows) == 4
    versions = sagelet("models").stdout
    assert "no such" not in versions
    none = sagelet("logs", "search")
    assert (none.returncode, "no training job named 'search'" in none.stderr) == (2, True)


def test_a_terminal_shows_a_table_and_the_best_so_far(script: str) -> None:
    terminal = Terminal(
        100,
        *("tune", script, *WHERE, *WHAT, "--max-jobs", "3", "--parallel", "1", "--name", "search"),
        *("--env", "PAUSE=0.3"),
    )
    terminal.wait_for("InProgress: 1 of 3 done; best acc=")
    assert terminal.end() == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.text)
    last = shown[shown.rindex("TRAINING JOB") :].splitlines()
    assert last[0].split() == ["TRAINING", "JOB", "STATUS", "lr", "acc", "SECONDS"]
    rows = [line.split() for line in last[1:4]]
    assert [row[-4] for row in rows] == ["Completed"] * 3
    assert sum(row[0] == "*" for row in rows) == 1
    assert "Completed: 3 of 3 done; best acc=" in shown


def test_why_all_failed_is_said_at_once(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("raise SystemError('no such luck')")
    done = sagelet("tune", str(path), *WHERE, *WHAT, "--max-jobs", "2", "--name", "search")
    assert done.returncode == 1
    said = done.stderr[done.stderr.index("  status") :]
    assert "All training jobs failed." in said
    assert 'ErrorMessage "SystemError: no such luck' in said
    assert re.search(r"sagelet logs search-001-[0-9a-f]{8}\n", said)
    assert len(said.splitlines()) == 7


def test_a_request_that_only_is_shown(script: str) -> None:
    done = sagelet(
        *("tune", script, *WHERE, "--range", "lr=1:8", "--objective", "val:loss", "--dry-run"),
        *("--strategy", "random", "--early-stopping", "--patience", "5", "--target", "0.1"),
        *("--max-time", "600", "--warm-start", "one", "--transfer"),
    )
    assert done.returncode == 0, done.stderr
    request = json.loads(done.stdout)
    config = request["HyperParameterTuningJobConfig"]
    objective = {"Type": "Minimize", "MetricName": "val:loss"}
    assert config["HyperParameterTuningJobObjective"] == objective
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    assert config["ResourceLimits"]["MaxRuntimeInSeconds"] == 600
    assert config["TuningJobCompletionCriteria"]["TargetObjectiveMetricValue"] == 0.1
    assert request["WarmStartConfig"]["WarmStartType"] == "TransferLearning"
    (metric,) = request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    assert metric["Name"] == "val:loss"
    assert len(request["HyperParameterTuningJobName"]) <= 32


def test_a_request_from_a_file(script: str, tmp_path: Path) -> None:
    shown = sagelet("tune", script, *WHERE, *WHAT, "--max-jobs", "1", "--dry-run").stdout
    path = tmp_path / "request.json"
    path.write_text(shown)
    done = sagelet("tune", "--request", str(path), "--name", "again", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["BestTrainingJob"]["TrainingJobName"].startswith("again-001-")
    both = sagelet("tune", "--request", str(path), *WHAT)
    assert both.returncode == 2
    assert "say objective, ranges in the document instead" in both.stderr


#: Options beside a script, and what is said of them.
BAD: list[tuple[tuple[str, ...], str]] = [
    ((), "Nothing to tune"),
    (("--range", "lr=1:2"), "Give --objective METRIC"),
    (("--range", "lr=2:1", "--objective", "acc"), "MinValue 2 of 'lr' must be less than"),
    (("--range", "lr=0:1.0:log", "--objective", "acc"), "only values greater than 0"),
    ((*WHAT, "--hp", "lr=1"), "'lr' has a range, too"),
    ((*WHAT, "--range", "lr=1:2"), "--range lr is given twice"),
    ((*WHAT, "--max-jobs", "2", "--parallel", "3"), r"MaxParallelTrainingJobs [3] must be"),
    ((*WHAT, "--strategy", "grid"), "Grid strategy takes categorical ranges only"),
    ((*WHAT, "--strategy", "hyperband"), "MaxResource (--epochs) is required"),
    ((*WHAT, "--strategy", "hyperband", "--early-stopping"), "hyperband stops training jobs by"),
    ((*WHAT, "--epochs", "3"), "--epochs: only --strategy hyperband"),
    ((*WHAT, "--warm-start", "nobody"), "can't find a tuning job with the name nobody"),
    ((*WHAT, "--transfer"), "Give --warm-start NAME"),
    ((*WHAT, "--minimize", "--maximize"), "say which of them"),
    ((*WHAT, "--name", "x" * 33), "at most 32 characters"),
    (("--range", "way=a,b", "--objective", "acc"), "enough combinations"),
]


def test_bad_input(script: str) -> None:
    """One after the other, with one control plane."""
    for more, words in BAD:
        done = sagelet("tune", script, *WHERE, *more)
        assert (done.returncode, words in done.stderr) == (2, True), (more, done.stderr)
        assert "Traceback" not in done.stderr
    assert "No tuning jobs yet" in sagelet("jobs", "--kind", "tuning").stdout


def test_an_interrupt_stops_it(script: str) -> None:
    running = start(
        *("tune", script, *WHERE, *WHAT, "--hp", "epochs=10000", "--env", "PAUSE=0.1"),
        *("--name", "search", "--max-jobs", "9", "--parallel", "1"),
    )
    read_until(running, "tuning job search")
    os.kill(running.pid, signal.SIGINT)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert "stopping search and its training jobs" in said
    shown = json.loads(sagelet("describe", "search", "--json").stdout)
    assert shown["HyperParameterTuningJobStatus"] == "Stopped"


def test_one_that_is_left_to_itself_is_stopped_by_another_command(script: str) -> None:
    done = sagelet(
        *("tune", script, *WHERE, *WHAT, "--hp", "epochs=10000", "--env", "PAUSE=0.1"),
        *("--name", "search", "--detach"),
    )
    assert (done.returncode, done.stdout) == (0, "search\n"), done.stderr
    stopped = sagelet("stop", "search")
    assert stopped.returncode == 0, stopped.stderr
    shown = json.loads(sagelet("describe", "search", "--json").stdout)
    assert shown["HyperParameterTuningJobStatus"] == "Stopped"


def test_a_reset_ends_tuning_jobs_too(script: str, home: Path) -> None:
    plane = ServedPlane(home.parent, "--test-mode")
    try:
        given = ("--hp", "epochs=10000", "--env", "PAUSE=0.1", "--name", "search", "--detach")
        done = sagelet("tune", script, *WHERE, *WHAT, *given)
        assert done.returncode == 0, done.stderr
        request = urllib.request.Request(f"{plane.url}/_api/reset", method="POST")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as answer:
            assert answer.status < 300
        assert "No tuning jobs yet" in sagelet("jobs", "--kind", "tuning").stdout
        assert "No jobs yet" in sagelet("jobs").stdout
    finally:
        plane.stop()
