"""Many jobs at once: who waits, who runs, how the wait ends. The engine in a process of its own."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelet.domain.training import TrainingJob
from sagelet.domain.warm_pool import WarmPoolStatus, warm_pool
from support.plane import Plane, Refused, check_counter, left_behind, shim_of, statuses

SLEEPER = "import time\nprint('line 0', flush=True)\ntime.sleep(600)\n"
BLINK = "print('here')\n"
USUAL = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


@pytest.fixture
def plane(home: Path, tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(home, tmp_path / "code")
    yield plane
    plane.close()


def close(plane: Plane) -> None:
    """Let nobody in until the job "gate" is killed: all that comes is admitted by the queue.

    One that finds room at once is Starting from the moment it was asked for, a little before.
    """
    plane.submit(plane.request("gate", SLEEPER, options={"cpus": "999"}))


def began(job: TrainingJob) -> float:
    return next(step.start for step in job.life.steps if step.status == "Starting")


def at_once(jobs: list[TrainingJob]) -> int:
    """How many of these jobs held room at the same time, at most."""
    moments = [(began(job), 1) for job in jobs] + [(job.life.ended() or 0.0, -1) for job in jobs]
    most = now = 0
    for _, change in sorted(moments):  # one that ends makes room for one that begins
        now += change
        most = max(most, now)
    return most


def test_fifty_jobs_at_once_all_complete_in_order_and_never_too_many_run(plane: Plane) -> None:
    plane.start()
    close(plane)
    third = str(len(os.sched_getaffinity(0)) / 3)
    names = [f"job-{number}" for number in range(50)]
    for name in names:
        plane.submit(plane.request(name, BLINK, options={"cpus": third}))
    plane.kill("gate")
    jobs = plane.wait_over(*names)
    assert {job.life.secondary for job in jobs} == {"Completed"}
    assert [statuses(job) for job in jobs] == [["Pending", *USUAL]] * 50
    assert sorted(jobs, key=began) == jobs
    assert at_once(jobs) <= 3
    assert left_behind(plane.home) == []


def test_many_that_come_at_the_same_time_are_all_taken(plane: Plane) -> None:
    """They share an output folder that is not there yet."""
    plane.start()
    names = [f"job-{number}" for number in range(24)]
    plane.submit_at_once(*(plane.request(name, BLINK) for name in names))
    assert {job.life.secondary for job in plane.wait_over(*names)} == {"Completed"}
    assert not list(plane.home.parent.glob("**/.sagelet*"))


def test_of_many_that_want_one_name_at_the_same_time_one_gets_it(plane: Plane) -> None:
    plane.start()
    with pytest.raises(Refused, match="ResourceInUse"):
        plane.submit_at_once(*(plane.request("one", BLINK) for _ in range(8)))
    plane.wait_over("one")


def test_an_admission_that_cannot_be_stored_is_tried_again(plane: Plane) -> None:
    plane.start(most=1)
    plane.submit(plane.request("first", SLEEPER, options={"grace": "0"}))
    plane.wait_for_lines("first", 1)
    plane.submit(plane.request("second", BLINK))
    full = "SELECT RAISE(ABORT, 'database or disk is full')"
    with plane.store.database.transaction() as connection:
        connection.execute(
            f"CREATE TRIGGER full BEFORE UPDATE OF devices ON training_jobs BEGIN {full}; END"
        )
    plane.kill("first")
    plane.wait_over("first")
    assert plane.job("second").life.secondary == "Pending"
    with plane.store.database.transaction() as connection:
        connection.execute("DROP TRIGGER full")
    assert plane.wait_over("second")[0].life.secondary == "Completed"


def test_a_bound_on_jobs_at_once(plane: Plane) -> None:
    plane.start(most=2)
    close(plane)
    names = [f"job-{number}" for number in range(6)]
    for name in names:
        plane.submit(plane.request(name, BLINK))
    plane.kill("gate")
    assert at_once(plane.wait_over(*names)) <= 2


def test_one_that_asks_for_more_than_there_is_runs_alone(plane: Plane) -> None:
    plane.start()
    close(plane)
    for name, cpus in (("a", "0.1"), ("huge", "999"), ("b", "0.1")):
        plane.submit(plane.request(name, BLINK, options={"cpus": cpus, "memory": "9t"}))
    plane.kill("gate")
    jobs = plane.wait_over("a", "huge", "b")
    assert {job.life.secondary for job in jobs} == {"Completed"}
    assert at_once(jobs) == 1


def test_who_waits_keeps_the_others_behind_it(plane: Plane) -> None:
    """A job that would fit does not overtake one that has to wait."""
    plane.start()
    plane.submit(plane.request("first", SLEEPER))
    plane.submit(plane.request("huge", BLINK, options={"cpus": "999"}))
    plane.submit(plane.request("small", BLINK))
    plane.wait_for("first", "Training")
    assert [plane.job(name).life.secondary for name in ("huge", "small")] == ["Pending"] * 2
    plane.stop("huge")
    small, huge = plane.wait_over("small", "huge")
    assert small.life.secondary == "Completed"
    assert statuses(huge) == ["Pending", "Stopping", "Stopped"]
    assert huge.life.primary == "Stopped"
    assert plane.job("first").life.secondary == "Training"
    plane.kill("first")
    plane.wait_over("first")
    assert left_behind(plane.home) == []


def test_one_that_was_stopped_is_seen_to_stop_at_once(plane: Plane) -> None:
    plane.start()
    for name in ("one", "two", "three"):
        plane.submit(plane.request(name, SLEEPER, options={"grace": "60"}))
        plane.wait_for_lines(name, 0)
        plane.stop(name)
        assert plane.job(name).life.primary in ("Stopping", "Stopped")
        plane.wait_over(name)


def test_stopping_one_that_waits_needs_no_room(plane: Plane) -> None:
    plane.start(most=1)
    plane.submit(plane.request("first", SLEEPER))
    for name in ("a", "b", "c"):
        plane.submit(plane.request(name, BLINK))
    plane.stop("b")
    (b,) = plane.wait_over("b")
    assert (b.life.primary, b.life.started(), b.artifacts) == ("Stopped", None, {})
    with pytest.raises(Refused, match="in status Stopped"):
        plane.stop("b")
    assert plane.job("a").life.secondary == "Pending"
    plane.kill("first")
    assert [job.life.secondary for job in plane.wait_over("a", "c")] == ["Completed"] * 2


def test_stops_in_any_order_leave_no_job_and_no_queue_behind(plane: Plane) -> None:
    plane.start(most=2)
    names = [f"job-{number}" for number in range(12)]
    for name in names:
        plane.submit(plane.request(name, SLEEPER, options={"grace": "0"}))
    for name in (*names[::3], *names[1::3], *names[2::3]):
        plane.stop(name)
    assert {job.life.secondary for job in plane.wait_over(*names)} == {"Stopped"}
    plane.submit(plane.request("after", BLINK))
    assert plane.wait_over("after")[0].life.secondary == "Completed"
    assert left_behind(plane.home) == []


def test_a_spot_job_waits_no_longer_than_it_said(plane: Plane) -> None:
    plane.start(most=1)
    plane.submit(plane.request("first", SLEEPER))
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1},
    }
    plane.submit(plane.request("spot", BLINK, **spot))
    plane.submit(plane.request("next", BLINK))
    (job,) = plane.wait_over("spot")
    assert statuses(job) == ["Pending", "Stopping", "MaxWaitTimeExceeded"]
    assert (job.life.primary, job.life.failure_reason) == ("Stopped", None)
    ended = job.life.ended()
    assert ended is not None
    assert ended - job.created >= 1
    plane.kill("first")
    assert plane.wait_over("next")[0].life.secondary == "Completed"


def test_a_spot_job_that_runs_is_stopped_when_its_wait_is_over(plane: Plane) -> None:
    plane.start()
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 2, "MaxWaitTimeInSeconds": 2},
    }
    plane.submit(plane.request("spot", env={"LINES": "100000", "PAUSE": "0.01"}, **spot))
    (job,) = plane.wait_over("spot")
    assert job.life.secondary == "MaxWaitTimeExceeded"
    assert job.life.primary == "Stopped"


def test_a_job_for_accelerators_is_pending_no_longer_than_it_said(plane: Plane) -> None:
    plane.start(most=1)
    plane.submit(plane.request("first", SLEEPER))
    plane.submit(
        plane.request(
            "gpu",
            BLINK,
            ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
            StoppingCondition={"MaxPendingTimeInSeconds": 1},
        )
    )
    (job,) = plane.wait_over("gpu")
    assert statuses(job) == ["Pending", "Stopping", "Stopped"]


def test_a_job_out_of_time_keeps_what_it_wrote_by_then(plane: Plane) -> None:
    plane.start()
    limit = {"MaxRuntimeInSeconds": 1}
    plane.submit(
        plane.request("late", env={"LINES": "100000", "PAUSE": "0.01"}, StoppingCondition=limit)
    )
    (job,) = plane.wait_over("late")
    assert (job.life.primary, job.life.secondary) == ("Stopped", "MaxRuntimeExceeded")
    assert statuses(job)[-3:] == ["Stopping", "Uploading", "MaxRuntimeExceeded"]
    lines = len(plane.store.metrics.series("late", "loss"))
    check_counter(plane.store, "late", lines)


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_host_that_is_lost_is_begun_again_as_often_as_was_asked(plane: Plane, hosts: int) -> None:
    plane.start()
    plane.submit(
        plane.request(
            "lost",
            env={"LINES": "60", "PAUSE": "0.02"},
            hosts=hosts,
            options={"grace": "1"},
            RetryStrategy={"MaximumRetryAttempts": 1},
        )
    )
    plane.wait_for_lines("lost", 5)
    os.kill(shim_of(plane, "lost"), signal.SIGKILL)
    (job,) = plane.wait_over("lost")
    assert statuses(job) == ["Starting", "Downloading", "Training", "Restarting", *USUAL]
    assert (job.attempt, job.life.failure_reason) == (2, None)
    assert [note for note in job.notes if note.startswith("attempt 1 failed: InternalServerError")]
    check_counter(plane.store, "lost", 60, hosts)
    first = plane.folder("lost") / "attempts" / "1" / "algo-1.log"
    assert first.read_bytes().count(b"line ") >= 5
    assert left_behind(plane.home) == []


def test_the_last_attempt_s_loss_is_the_end(plane: Plane) -> None:
    plane.start()
    plane.submit(
        plane.request("lost", SLEEPER, RetryStrategy={"MaximumRetryAttempts": 1}),
    )
    for attempt in (1, 2):
        plane.wait(lambda n=attempt: plane.job("lost").attempt == n, f"attempt {attempt}")
        plane.wait_for("lost", "Training")
        plane.wait_for_lines("lost", 1)
        os.kill(shim_of(plane, "lost"), signal.SIGKILL)
        if attempt == 1:
            plane.wait_for("lost", "Restarting", "Starting", "Downloading")
    (job,) = plane.wait_over("lost")
    assert (job.life.primary, job.attempt) == ("Failed", 2)
    assert (job.life.failure_reason or "").startswith("InternalServerError: algo-1 is gone")
    assert left_behind(plane.home) == []


def test_a_script_that_fails_is_not_begun_again(plane: Plane) -> None:
    plane.start()
    plane.submit(
        plane.request("bad", "raise SystemExit(3)", RetryStrategy={"MaximumRetryAttempts": 3})
    )
    (job,) = plane.wait_over("bad")
    assert (job.life.primary, job.attempt) == ("Failed", 1)
    assert (job.life.failure_reason or "").startswith("AlgorithmError: ")


def test_two_regions_may_use_one_name_at_once(plane: Plane) -> None:
    plane.start()
    for number, region in enumerate(("us-east-1", "eu-west-1"), start=1):
        out = {"S3OutputPath": f"file://{plane.home.parent}/out/{region}"}
        lines = {"LINES": str(number * 40), "PAUSE": "0.01"}
        plane.submit(plane.request("same", env=lines, OutputDataConfig=out), region=region)
    with pytest.raises(Refused, match=r"ResourceInUse.*eu-west-1"):
        plane.submit(plane.request("same"), region="eu-west-1")
    for number, region in enumerate(("us-east-1", "eu-west-1"), start=1):
        (job,) = plane.wait_over("same", region=region)
        assert (job.life.secondary, job.region) == ("Completed", region)
        check_counter(plane.view(region), "same", number * 40)
    assert left_behind(plane.home) == []


def test_a_stop_reaches_the_job_of_its_own_region_only(plane: Plane) -> None:
    plane.start()
    for region in ("us-east-1", "eu-west-1"):
        plane.submit(plane.request("same", SLEEPER), region=region)
        plane.wait_for("same", "Training", region=region)
    plane.kill("same", region="eu-west-1")
    (job,) = plane.wait_over("same", region="eu-west-1")
    assert job.life.primary == "Stopped"
    assert plane.job("same").life.secondary == "Training"
    plane.kill("same")
    plane.wait_over("same")


def test_a_name_is_free_as_soon_as_its_job_is_deleted(plane: Plane) -> None:
    plane.start(most=1)
    for _ in range(8):
        plane.submit(plane.request("again", BLINK))
        plane.wait_for("again", "Completed")
        plane.delete("again")
    plane.submit(plane.request("again", SLEEPER))
    plane.submit(plane.request("behind", BLINK))
    plane.wait_for("again", "Training")
    with pytest.raises(Refused, match="has not ended"):
        plane.delete("again")
    plane.kill("again")
    assert plane.wait_over("behind")[0].life.secondary == "Completed"


def test_a_warm_pool_is_taken_over_once(plane: Plane) -> None:
    plane.start()
    warm = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    resources = {**warm, "KeepAlivePeriodInSeconds": 600}
    for name in ("one", "two", "three"):
        plane.submit(plane.request(name, BLINK, ResourceConfig=resources))
        plane.wait_over(name)
    jobs = [plane.job(name) for name in ("one", "two", "three")]
    pools = [warm_pool(job, job.life.ended() or 0.0) for job in jobs]
    assert [(pool.status, pool.reused_by) for pool in pools if pool] == [
        (WarmPoolStatus.REUSED, "two"),
        (WarmPoolStatus.REUSED, "three"),
        (WarmPoolStatus.AVAILABLE, None),
    ]
    with pytest.raises(Refused, match="retains an available warm pool"):
        plane.delete("three")
    plane.keep_alive("three", 0)
    plane.delete("three")
    with pytest.raises(Refused, match="no warm pool"):
        plane.keep_alive("one", 60)


FAKE_DRIVER = """#!/bin/sh
echo "GPU 0: Paper (UUID: GPU-a)"
echo "GPU 1: Paper (UUID: GPU-b)"
"""

SHOW_GPUS = """
import os, time
print("mine:", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
time.sleep(0.5)
"""


@pytest.fixture
def _two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(FAKE_DRIVER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("_two_gpus")
def test_who_waits_for_a_gpu_keeps_only_those_behind_it_that_want_one(plane: Plane) -> None:
    plane.start()
    plane.submit(plane.request("holds", SLEEPER, options={"gpus": "1"}))
    plane.submit(plane.request("both", BLINK, options={"gpus": "2"}))
    plane.submit(plane.request("one", BLINK, options={"gpus": "1"}))
    plane.submit(plane.request("none", BLINK, options={"gpus": "0"}))
    (none,) = plane.wait_over("none")
    assert statuses(none) == USUAL
    assert [plane.job(name).life.secondary for name in ("both", "one")] == ["Pending"] * 2
    plane.submit(plane.request("huge", BLINK, options={"cpus": "999"}))
    plane.submit(plane.request("late", BLINK))
    assert [plane.job(name).life.secondary for name in ("huge", "late")] == ["Pending"] * 2
    plane.kill("holds")
    both, one, huge, late = plane.wait_over("both", "one", "huge", "late")
    assert {job.life.secondary for job in (both, one, huge, late)} == {"Completed"}
    assert began(both) <= began(one)
    assert began(huge) <= began(late)


@pytest.mark.usefixtures("_two_gpus")
def test_no_gpu_is_given_to_two_jobs(plane: Plane) -> None:
    plane.start()
    close(plane)
    names = [f"gpu-{number}" for number in range(4)]
    for name in names:
        plane.submit(plane.request(name, SHOW_GPUS, options={"gpus": "1"}))
    plane.submit(plane.request("both", SHOW_GPUS, options={"gpus": "all"}, hosts=2))
    plane.submit(plane.request("none", SHOW_GPUS))
    with pytest.raises(Refused, match=r"ResourceLimitExceeded.*asks for 3 GPU"):
        plane.submit(plane.request("three", SHOW_GPUS, options={"gpus": "3"}))
    plane.kill("gate")
    jobs = plane.wait_over(*names, "both", "none")
    assert {job.life.secondary for job in jobs} == {"Completed"}
    for job in jobs:
        for host in ("algo-1", "algo-2")[: job.host_count]:
            text = plane.store.home.log(job.name, host).read_text()
            assert f"mine: {','.join(job.devices_of(host))}\n" in text
    for one in jobs:
        for two in jobs:
            mine, its = ({d for h in job.devices or () for d in h} for job in (one, two))
            if one is not two and mine & its:
                first, second = sorted((one, two), key=began)
                assert (first.life.ended() or 0.0) <= began(second)
    assert jobs[4].devices == (("0",), ("1",))
