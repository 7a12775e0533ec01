"""Managed spot training: hosts are taken away, the job begins again from its checkpoints."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cli import log_of, sagelet, start, wait_until
from support.plane import (
    Plane,
    Refused,
    check_model,
    check_nothing_is_left,
    counted,
    plane_on,
    shim_of,
    statuses,
)

#: Counts on from the number in its checkpoint; each host has one of its own, as they must.
RESUMER = """
import hashlib, os, pathlib, signal, sys, time

base = pathlib.Path(os.environ["SM_MODEL_DIR"]).parent
host = os.environ["SM_CURRENT_HOST"]
place = base / "checkpoints" / host

def leave(*_):
    os.write(1, f"told to stop at {time.time()}\\n".encode())
    if host in os.environ.get("DEAF", ""):
        return
    sys.exit(0)

signal.signal(signal.SIGTERM, leave)
begin = int(place.read_text()) if place.exists() else 0
os.write(1, f"from {begin}\\n".encode())
for number in range(begin, int(os.environ["LINES"])):
    os.write(1, f"line {number}\\n".encode())
    part = place.with_suffix(".part")
    part.write_text(str(number + 1))
    part.replace(place)
    time.sleep(0.01)
os.write(1, f"done at {time.time()}\\n".encode())
model = base / "model"
(model / "weights").write_bytes(host.encode())
(model / "sum").write_text(hashlib.sha256(host.encode()).hexdigest())
"""
BEGIN = ["Starting", "Downloading", "Training"]
END = ["Uploading", "Completed"]
WAIT = {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600}


@pytest.fixture(params=["process", "paths", pytest.param("docker", marks=pytest.mark.docker)])
def plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    plane = plane_on(request, home, tmp_path / "code")
    plane.start()
    yield plane
    plane.close()


def spot(plane: Plane, tmp_path: Path, **given: Any) -> dict[str, Any]:
    lines = given.pop("lines", 300)
    env = {"LINES": str(lines), **given.pop("env", {})}
    return plane.request(
        "job",
        RESUMER,
        env=env,
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": f"file://{tmp_path}/checkpoints"},
        **{"StoppingCondition": WAIT, **given},
    )


def attempt(plane: Plane, number: int, host: str = "algo-1") -> list[str]:
    """What a host printed in an attempt that was given up."""
    log = plane.folder("job") / "attempts" / str(number) / f"{host}.log"
    return log.read_text().splitlines()


def told_at(lines: list[str]) -> float:
    return next(float(line.split()[-1]) for line in lines if line.startswith("told to stop at"))


def counts_on(plane: Plane, *first: str, lines: int = 300) -> None:
    """The last attempt went on where the one before had stopped, and nothing is missing."""
    before = [line for line in first if line.startswith("line ")]
    after = counted(plane.store, "job")
    assert before
    assert int(after[0].split()[1]) in (len(before), len(before) - 1)
    assert after[-1] == f"line {lines - 1}"
    check_model(plane.store, "job")


def test_an_interrupted_job_goes_on_from_its_checkpoint(plane: Plane, tmp_path: Path) -> None:
    plane.submit(spot(plane, tmp_path))
    plane.wait_for_lines("job", 20)
    plane.interrupt("job")
    assert plane.job("job").life.secondary != "Training"
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", *BEGIN, *END]
    assert job.life.steps[3].message == "Managed spot training instances were interrupted"
    first = attempt(plane, 1)
    assert told_at(first)
    assert b"from 0\n" not in plane.store.home.log("job", "algo-1").read_bytes()
    counts_on(plane, *first)
    started, ended = job.life.started(), job.life.ended()
    assert started
    assert ended
    interrupted, again = job.life.steps[3], job.life.steps[5]
    away = again.start - interrupted.start
    assert job.life.ran(ended) == pytest.approx(ended - started - away)
    check_nothing_is_left(plane)


def test_it_may_be_interrupted_over_and_over(plane: Plane, tmp_path: Path) -> None:
    plane.submit(spot(plane, tmp_path))
    for number in range(3):
        plane.wait(lambda n=number: plane.job("job").attempt == n + 1, "the next attempt")
        plane.wait_for("job", "Training")
        plane.wait_for_lines("job", 5)
        plane.interrupt("job")
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*[*BEGIN, "Interrupted"] * 3, *BEGIN, *END]
    counts_on(plane, *attempt(plane, 1), *attempt(plane, 2), *attempt(plane, 3))


def test_one_host_is_taken_and_the_others_follow(plane: Plane, tmp_path: Path) -> None:
    request = spot(plane, tmp_path, hosts=3, env={"DEAF": "algo-2"}, options={"grace": "1"})
    plane.submit(request)
    for host in ("algo-1", "algo-2", "algo-3"):
        plane.wait_for_lines("job", 5, host)
    plane.interrupt("job", "algo-2")
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", *BEGIN, *END]
    gone = told_at(attempt(plane, 1, "algo-2"))
    for other in ("algo-1", "algo-3"):
        # algo-2 does not go of itself: its grace was over before the others were told.
        assert told_at(attempt(plane, 1, other)) - gone >= 0.9
        assert counted(plane.store, "job", other)[-1] == "line 299"
    check_nothing_is_left(plane)


def test_no_capacity_until_the_wait_is_over(plane: Plane, tmp_path: Path) -> None:
    limits = {"MaxRuntimeInSeconds": 3, "MaxWaitTimeInSeconds": 4}
    plane.submit(spot(plane, tmp_path, lines=100_000, StoppingCondition=limits))
    plane.wait_for_lines("job", 5)
    plane.interrupt("job", None, 600)
    waiting = "Waiting for managed spot training capacity"
    plane.wait(lambda: plane.job("job").life.steps[-1].message == waiting, waiting)
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", "Stopping", "MaxWaitTimeExceeded"]
    assert (job.life.primary, job.life.failure_reason) == ("Stopped", None)
    check_nothing_is_left(plane)


def test_time_without_hosts_is_no_run_time(plane: Plane, tmp_path: Path) -> None:
    limits = {"MaxRuntimeInSeconds": 4, "MaxWaitTimeInSeconds": 600}
    plane.submit(spot(plane, tmp_path, lines=60, StoppingCondition=limits))
    plane.wait_for_lines("job", 20)
    plane.interrupt("job", None, 5)
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", *BEGIN, *END]


def test_stopped_while_there_is_no_capacity(plane: Plane, tmp_path: Path) -> None:
    plane.submit(spot(plane, tmp_path))
    plane.wait_for_lines("job", 5)
    plane.interrupt("job", None, 600)
    plane.wait(lambda: plane.job("job").launched is None, "the hosts' end")
    plane.stop("job")
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", "Stopping", "Stopped"]
    check_nothing_is_left(plane)


def test_stopped_while_its_hosts_are_being_taken(plane: Plane, tmp_path: Path) -> None:
    plane.submit(spot(plane, tmp_path, env={"DEAF": "algo-1"}, options={"grace": "2"}))
    plane.wait_for_lines("job", 5)
    plane.interrupt("job")
    plane.stop("job")
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", "Stopping", "Uploading", "Stopped"]
    check_nothing_is_left(plane)


def test_an_interruption_is_no_retry(plane: Plane, tmp_path: Path) -> None:
    if plane.backend == "docker":
        pytest.skip("only processes have a shim to kill")
    plane.submit(spot(plane, tmp_path, RetryStrategy={"MaximumRetryAttempts": 1}))
    plane.wait_for_lines("job", 5)
    plane.interrupt("job")
    plane.wait(lambda: plane.job("job").attempt == 2, "the second attempt")
    plane.wait_for("job", "Training")
    plane.wait_for_lines("job", 5)
    os.kill(shim_of(plane, "job"), signal.SIGKILL)
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", *BEGIN, "Restarting", *BEGIN, *END]


def test_what_cannot_be_interrupted(plane: Plane, tmp_path: Path) -> None:
    plane.submit(plane.request("plain", RESUMER, env={"LINES": "9999"}))
    with pytest.raises(Refused, match="not a managed spot training job"):
        plane.interrupt("plain")
    plane.kill("plain")
    with pytest.raises(Refused, match="Requested resource not found"):
        plane.interrupt("nobody")
    plane.submit(spot(plane, tmp_path, lines=5))
    with pytest.raises(Refused, match="has no host 'algo-2'"):
        plane.interrupt("job", "algo-2")
    plane.wait_over("job", "plain")
    with pytest.raises(Refused, match="job is Completed: only a job in status Training"):
        plane.interrupt("job")


@pytest.mark.parametrize("moment", ["told", "gone"])
def test_killed_while_the_job_is_interrupted(plane: Plane, tmp_path: Path, moment: str) -> None:
    plane.die()
    plane.start(**({"die_at": "Interrupted"} if moment == "told" else {}))
    plane.submit(spot(plane, tmp_path))
    plane.wait_for_lines("job", 10)
    if moment == "told":
        plane.ask_and_see_it_die("interrupt", "job")
    else:
        plane.interrupt("job", None, 3)
        plane.wait(lambda: plane.job("job").launched is None, "the hosts' end")
        plane.die()
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*BEGIN, "Interrupted", *BEGIN, *END]
    assert job.attempt == 2
    counts_on(plane, *attempt(plane, 1))
    check_nothing_is_left(plane)


def test_from_the_command_line(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "resume.py"
    script.write_text(RESUMER)
    options = ["--framework", "pytorch", "--backend", "process", "--python", sys.executable]
    done = sagelet(
        *("train", str(script), *options, "--name", "cheap", "--env", "LINES=300", "--spot"),
        *("--max-run", "100", "--checkpoints", str(tmp_path / "checkpoints"), "--detach"),
    )
    assert done.returncode == 0, done.stderr
    following = start("logs", "--follow", "cheap")
    wait_until(lambda: b"line 10\n" in log_of(home, "cheap"), "ten lines")
    done = sagelet("interrupt", "cheap", "--host", "algo-1")
    assert (done.returncode, done.stdout + done.stderr) == (0, "cheap: algo-1 is taken away.\n")
    wait_until(lambda: "Completed" in sagelet("describe", "cheap").stdout, "its end")
    document = json.loads(sagelet("describe", "cheap", "--json").stdout)
    assert document["EnableManagedSpotTraining"] is True
    assert document["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 100,
        "MaxWaitTimeInSeconds": 100,
    }
    kinds = [step["Status"] for step in document["SecondaryStatusTransitions"]]
    assert kinds == [*BEGIN, "Interrupted", *BEGIN, *END]
    assert document["BillableTimeInSeconds"] <= document["TrainingTimeInSeconds"]
    shown = sagelet("logs", "cheap").stdout
    assert next(line for line in shown.splitlines() if "| from" in line) == "algo-1 | from 0"
    assert shown.count("| from ") == 2
    assert shown.rstrip().splitlines()[-2].startswith("algo-1 | done at")
    followed, _ = following.communicate(timeout=60)
    assert followed == shown
    refused = sagelet("interrupt", "cheap")
    assert refused.returncode == 2
    assert "only a job in status Training" in refused.stderr
    refused = sagelet("interrupt", "cheap", "--for", "-1")
    assert refused.returncode == 2
