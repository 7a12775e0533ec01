"""How kept hosts end, and what becomes of their job when somebody is killed."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelet.domain.warm_pool import WarmPoolStatus, warm_pool
from support.cli import Trainer, kill_plane, wait_until
from support.plane import (
    COUNTER,
    Plane,
    Refused,
    check_counter,
    left_behind,
    shim_of,
    statuses,
)
from support.serve import Plane as ServedPlane
from support.warm import (
    USUAL,
    container_of,
    kept,
    log_of,
    run,
    seen,
    took,
    wait_for_import,
    wait_for_spare,
    warm,
    warm_plane,
)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    yield from warm_plane(request, home, tmp_path)


def kill_spare(plane: Plane, record: dict[str, Any]) -> None:
    if plane.backend == "docker":
        subprocess.run(["docker", "kill", container_of(record["name"])], check=True)
        return
    folder = plane.home / "warm" / record["name"] / "algo-1"
    os.kill(json.loads((folder / "started.json").read_text())["pid"], signal.SIGKILL)


def test_a_spare_that_died_costs_nothing_but_the_start(plane: Plane) -> None:
    plane.start()
    run(plane, "one")
    kill_spare(plane, wait_for_spare(plane, "one"))
    log = run(plane, "two", preload=False)
    assert statuses(plane.job("two")) == USUAL
    assert took(plane, "two") is None
    assert seen(log)["job"] == "two"
    assert log.count("Invoking user script") == 1


def test_one_spare_serves_one_of_two_jobs_that_come_at_once(plane: Plane) -> None:
    plane.start()
    run(plane, "zero")
    wait_for_spare(plane, "zero")
    plane.submit_at_once(warm(plane, "one"), warm(plane, "two"))
    jobs = plane.wait_over("one", "two")
    assert [job.life.primary for job in jobs] == ["Completed", "Completed"]
    assert sorted(took(plane, name) is None for name in ("one", "two")) == [False, True]
    assert {seen(log_of(plane, name))["job"] for name in ("one", "two")} == {"one", "two"}


def test_a_spare_ends_in_its_time_though_nobody_lives(plane: Plane) -> None:
    plane.start()
    run(plane, "one", seconds=6)
    record = wait_for_spare(plane, "one")
    plane.die()

    def over() -> bool:
        if plane.backend == "process":
            return left_behind(plane.home) == []
        state = ["docker", "inspect", "-f", "{{.State.Running}}", container_of(record["name"])]
        return subprocess.run(state, capture_output=True, check=True).stdout == b"false\n"

    plane.wait(over, "the end of the spare")
    assert time.time() > record["until"]
    plane.start()
    plane.wait(lambda: not list((plane.home / "warm").glob("*")), "its removal")
    pool = warm_pool(plane.job("one"), time.time())
    assert pool
    assert pool.status == WarmPoolStatus.TERMINATED


def test_a_pool_that_is_ended_shows_that_and_takes_its_hosts_with_it(plane: Plane) -> None:
    plane.start()
    run(plane, "one")
    wait_for_spare(plane, "one")
    plane.keep_alive("one", 900)
    assert kept(plane.home)[0]["until"] == pytest.approx((plane.job("one").life.ended() or 0) + 900)
    plane.keep_alive("one", 0)
    assert kept(plane.home) == []
    assert left_behind(plane.home) == []
    pool = warm_pool(plane.job("one"), time.time())
    assert pool
    assert pool.status == WarmPoolStatus.TERMINATED
    with pytest.raises(Refused, match="no warm pool"):
        plane.keep_alive("one", 60)
    run(plane, "two")
    assert took(plane, "two") is None


@pytest.mark.parametrize("state", ["Downloading", "Training"])
def test_killed_between_taking_hosts_and_telling_them(plane: Plane, state: str) -> None:
    plane.start()
    run(plane, "one", COUNTER)
    wait_for_spare(plane, "one")
    plane.die()
    plane.start(die_at=state)
    plane.ask_and_see_it_die("submit", warm(plane, "two", COUNTER))
    plane.start()
    (job,) = plane.wait_over("two")
    assert statuses(job) == USUAL
    check_counter(plane.store, "two", 3)


def test_killed_while_a_job_runs_in_kept_hosts(plane: Plane) -> None:
    long = {"LINES": "100", "PAUSE": "0.01"}
    plane.start()
    run(plane, "one", COUNTER, env=long, preload=True)
    wait_for_import(plane, wait_for_spare(plane, "one"))
    plane.submit(warm(plane, "two", COUNTER, env=long, preload=True))
    plane.wait_for_lines("two", 10)
    assert took(plane, "two")
    plane.die()
    plane.start()
    (job,) = plane.wait_over("two")
    assert statuses(job) == USUAL
    check_counter(plane.store, "two", 100)


def test_a_stop_reaches_the_script_in_kept_hosts(plane: Plane) -> None:
    forever = {"LINES": "100000", "PAUSE": "0.01"}
    plane.start()
    run(plane, "one", COUNTER, env={"LINES": "3"}, preload=True)
    wait_for_import(plane, wait_for_spare(plane, "one"))
    # The environment has to be the same, so the number of lines comes by another way.
    script = COUNTER.replace('os.environ["LINES"]', repr(forever["LINES"]))
    script = script.replace('os.environ.get("PAUSE", "0")', "0.01")
    plane.submit(warm(plane, "two", script, env={"LINES": "3"}, preload=True))
    plane.wait_for_lines("two", 10)
    assert took(plane, "two")
    plane.stop("two")
    (job,) = plane.wait_over("two")
    assert statuses(job) == [*USUAL[:3], "Stopping", "Uploading", "Stopped"]
    assert log_of(plane, "two").count("told to stop") == 1


def test_several_hosts_are_kept_together(plane: Plane) -> None:
    plane.start()
    run(plane, "one", COUNTER, hosts=2)
    wait_for_spare(plane, "one")
    run(plane, "two", COUNTER, hosts=2)
    assert took(plane, "two")
    assert statuses(plane.job("two")) == USUAL
    check_counter(plane.store, "two", 3, hosts=2)


def test_a_host_that_is_killed_in_kept_hosts_is_lost(plane: Plane) -> None:
    if plane.backend == "docker":
        pytest.skip("only processes have a shim to kill")
    plane.start()
    run(plane, "one", COUNTER)
    wait_for_spare(plane, "one")
    script = COUNTER.replace('os.environ["LINES"]', "100000") + "\n"
    plane.submit(warm(plane, "two", script.replace('os.environ.get("PAUSE", "0")', "0.01")))
    plane.wait_for_lines("two", 1)
    assert took(plane, "two")
    os.kill(shim_of(plane, "two"), signal.SIGKILL)
    (job,) = plane.wait_over("two")
    assert (job.life.failure_reason or "").startswith("InternalServerError: algo-1 is gone")


def test_two_commands_without_a_control_plane_beside_them(trainer: Trainer, home: Path) -> None:
    """The first one's control plane has ended with it; its hosts wait for the second."""
    where = ("--warm", "--json", "--env", "PYTHONPATH=/nowhere")
    jobs = []
    for number in range(2):
        done = trainer.run(f"print('run', {number})", *where)
        assert done.returncode == 0, done.stderr
        assert f"run {number}" in done.stderr
        jobs.append(json.loads(done.stdout))
        assert jobs[-1]["WarmPoolStatus"]["Status"] == "Available"
        if os.environ.get("SAGELET_NAMESPACES") != "off":  # else no hosts can wait
            wait_until(lambda: len(list((home / "warm").glob("*"))) == 1, "a spare")
    folders = [home / "jobs" / "us-east-1" / job["TrainingJobName"] for job in jobs]
    taken = [(folder / "spare.json").exists() for folder in folders]
    assert taken == [False, os.environ.get("SAGELET_NAMESPACES") != "off"]
    kill_plane(home)  # one that is only on its way out
    plane = ServedPlane(home.parent, "--test-mode")
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{plane.url}/_api/reset", method="POST")
        opener.open(request, timeout=60).close()
    finally:
        plane.stop()
    assert list((home / "warm").glob("*")) == []
