"""kill -9 of the process that holds the engine, at every stage of a job: another one goes on.

Whatever the moment: the job comes to its right end, no line of its log is lost or doubled, every
metric counts once, outputs are whole, and nothing is left on the machine.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.plane import (
    Plane,
    check_counter,
    check_model,
    check_nothing_is_left,
    counted,
    left_behind,
    plane_on,
    shim_of,
    statuses,
)

#: About a second of lines.
SECOND = {"LINES": "100", "PAUSE": "0.01"}
BLINK = "print('here')\n"
SLEEPER = "import time\nprint('line 0', flush=True)\ntime.sleep(600)\n"
USUAL = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


@pytest.fixture(params=["process", "paths", pytest.param("docker", marks=pytest.mark.docker)])
def plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    plane = plane_on(request, home, tmp_path / "code")
    yield plane
    plane.close()


def die_when(plane: Plane, true: Callable[[], bool], what: str) -> None:
    plane.wait(true, what, every=0.0005)
    plane.die()


@pytest.mark.parametrize("state", ["Downloading", "Training", "Uploading", "Completed"])
def test_killed_as_a_state_is_stored(plane: Plane, state: str) -> None:
    plane.start(die_at=state)
    plane.ask_and_see_it_die("submit", plane.request("job", env=SECOND))
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    check_counter(plane.store, "job", 100)
    check_nothing_is_left(plane)


def test_killed_while_others_wait(plane: Plane) -> None:
    """Also as the second one is admitted: it dies when that is Starting."""
    plane.start(most=1)
    names = ["first", "second", "third"]
    for name in names:
        plane.submit(plane.request(name, env=SECOND))
    plane.wait_for_lines("first", 5)
    plane.die()
    assert [plane.job(name).life.secondary for name in names[1:]] == ["Pending"] * 2
    for _ in names[1:]:
        plane.start(most=1, die_at="Starting")
        plane.wait_for_death()
    plane.start(most=1)
    jobs = plane.wait_over(*names)
    assert [statuses(job) for job in jobs] == [USUAL, ["Pending", *USUAL], ["Pending", *USUAL]]
    for name in names:
        check_counter(plane.store, name, 100)
    ends = [job.life.ended() or 0.0 for job in jobs]
    begins = [next(s.start for s in job.life.steps if s.status == "Starting") for job in jobs]
    assert ends[0] <= begins[1]
    assert ends[1] <= begins[2]
    check_nothing_is_left(plane)


def test_killed_while_code_is_staged(plane: Plane, tmp_path: Path) -> None:
    source = tmp_path / "big"
    for folder in range(30):
        (source / str(folder)).mkdir(parents=True)
        for file in range(100):
            (source / str(folder) / str(file)).write_text("x" * 100)
    script = (
        "import pathlib\nprint(sum(p.is_file() for p in pathlib.Path('.').glob('*/*')), 'files')\n"
    )
    (source / "train.py").write_text(script)
    plane.start()
    plane.submit(plane.request("job", source=source))
    code = plane.folder("job") / "code"
    for enough in (5, 10):
        die_when(plane, lambda n=enough: len(list(code.glob("*"))) > n, "half of the code")
        assert plane.job("job").life.secondary == "Downloading"
        plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    assert b"\n3000 files\n" in plane.store.home.log("job", "algo-1").read_bytes()
    check_nothing_is_left(plane)


def test_killed_between_the_start_of_one_host_and_the_next(plane: Plane) -> None:
    """The hosts that run already are removed, and all are started again."""
    plane.start()
    plane.submit(plane.request("job", env=SECOND, hosts=4, options={"grace": "1"}))
    second = plane.folder("job") / "algo-2"
    sign = second / ("host.json" if plane.backend == "process" else "log")
    die_when(plane, sign.exists, "the second host")
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    check_counter(plane.store, "job", 100, hosts=4)
    check_nothing_is_left(plane)


def test_killed_while_it_trains(plane: Plane) -> None:
    plane.start()
    plane.submit(plane.request("job", env={"LINES": "400", "PAUSE": "0.01"}, hosts=2))
    for lines in (5, 100, 200):
        plane.wait_for_lines("job", lines)
        plane.die()
        plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    assert job.attempt == 1
    check_counter(plane.store, "job", 400, hosts=2)
    check_nothing_is_left(plane)


def test_metrics_keep_the_times_they_came_at(plane: Plane) -> None:
    plane.start()
    plane.submit(plane.request("job", env={"LINES": "200", "PAUSE": "0.01"}))
    plane.wait(lambda: len(plane.store.metrics.series("job", "loss")) > 50, "some metrics")
    plane.die()
    before = plane.store.metrics.series("job", "loss")
    plane.start()
    plane.wait_over("job")
    after = plane.store.metrics.series("job", "loss")
    assert [datum.value for datum in after] == [float(number) for number in range(200)]
    for old, new in zip(before, after, strict=False):
        assert new.time == pytest.approx(old.time, abs=0.002)


def test_a_job_that_ends_while_nobody_watches(plane: Plane) -> None:
    plane.start()
    plane.submit(plane.request("job", env=SECOND))
    plane.wait_for_lines("job", 5)
    plane.die()
    plane.wait(lambda: not running(plane), "the end of its script")
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    check_counter(plane.store, "job", 100)
    check_nothing_is_left(plane)


def running(plane: Plane) -> bool:
    return any("train.py" in command for command in left_behind(plane.home))


def test_a_job_that_fails_while_nobody_watches_is_failed(plane: Plane) -> None:
    plane.start()
    script = "import time\nprint('line 0', flush=True)\ntime.sleep(1)\nraise ValueError('oh')\n"
    plane.submit(plane.request("job", script))
    plane.wait_for_lines("job", 1)
    plane.die()
    plane.wait(lambda: not running(plane), "the end of its script")
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*USUAL[:-1], "Failed"]
    assert "oh" in (job.life.failure_reason or "")
    check_nothing_is_left(plane)


def test_killed_while_it_packs_the_model(plane: Plane) -> None:
    plane.start()
    plane.submit(plane.request("job", env={"BLOCKS": "3000"}))
    part = plane.home.parent / "out" / "job" / "output" / ".model.tar.gz.part"
    for size in (1, 50_000_000):
        die_when(
            plane, lambda n=size: part.exists() and part.stat().st_size >= n, "half of an archive"
        )
        assert plane.job("job").life.secondary == "Uploading"
        assert not (part.parent / "model.tar.gz").exists()
        plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    check_model(plane.store, "job")
    assert [v.job for v in plane.store.models.published()] == ["job"]
    check_nothing_is_left(plane)


@pytest.mark.parametrize("how", ["as it is stored", "in the grace"])
def test_killed_while_a_job_stops(plane: Plane, how: str) -> None:
    plane.start(die_at="Stopping" if how == "as it is stored" else None)
    plane.submit(plane.request("job", env={"LINES": "100000", "PAUSE": "0.01", "LEAVE": "1"}))
    plane.wait_for_lines("job", 20)
    if how == "as it is stored":
        plane.ask_and_see_it_die("stop", "job")
    else:
        plane.stop("job")
        log = plane.store.home.log("job", "algo-1")
        die_when(plane, lambda: b"told to stop" in log.read_bytes(), "the signal")
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*USUAL[:3], "Stopping", "Uploading", "Stopped"]
    assert plane.store.home.log("job", "algo-1").read_bytes().count(b"told to stop") == 1
    lines = counted(plane.store, "job")
    assert len(lines) >= 20
    check_counter(plane.store, "job", len(lines))
    check_nothing_is_left(plane)


def test_a_stop_that_was_stored_is_heard_after_a_kill(plane: Plane) -> None:
    """Both by one that trains and by one that waits, which needs no room for it."""
    plane.start(most=1)
    plane.submit(plane.request("first", SLEEPER, options={"grace": "0"}))
    plane.wait_for_lines("first", 1)
    plane.submit(plane.request("second", BLINK))
    plane.submit(plane.request("third", BLINK))
    plane.die()
    plane.store.training_jobs.request_stop("second", time.time())
    plane.start(most=1)
    (second,) = plane.wait_over("second")
    assert statuses(second) == ["Pending", "Stopping", "Stopped"]
    assert plane.job("first").life.secondary == "Training"
    plane.die()
    plane.store.training_jobs.request_stop("first", time.time())
    plane.start(most=1)
    first, third = plane.wait_over("first", "third")
    assert (first.life.secondary, third.life.secondary) == ("Stopped", "Completed")
    check_nothing_is_left(plane)


def test_a_wait_that_was_exceeded_meanwhile_ends_at_once(plane: Plane) -> None:
    plane.start(most=1)
    plane.submit(plane.request("first", SLEEPER, options={"grace": "0"}))
    spot = {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 3},
    }
    plane.submit(plane.request("spot", BLINK, **spot))
    plane.die()
    assert plane.job("spot").life.secondary == "Pending"
    until = plane.job("spot").created + 3
    plane.wait(lambda: time.time() > until, "the time it had")
    plane.start(most=1)
    (job,) = plane.wait_over("spot")
    assert statuses(job) == ["Pending", "Stopping", "MaxWaitTimeExceeded"]
    plane.kill("first")
    plane.wait_over("first")
    check_nothing_is_left(plane)


def test_a_machine_that_lost_its_gpus_keeps_nobody_from_going_on(
    plane: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if plane.backend == "docker":
        pytest.skip("a container needs a real driver")
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'GPU 0: Paper'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    plane.start()
    plane.submit(plane.request("runs", env=SECOND, options={"gpus": "1"}))
    plane.submit(plane.request("waits", BLINK, options={"gpus": "1"}))
    plane.wait_for_lines("runs", 1)
    plane.die()
    program.unlink()
    plane.start()
    plane.submit(plane.request("new", BLINK))
    runs, waits, new = plane.wait_over("runs", "waits", "new")
    assert (runs.life.secondary, new.life.secondary) == ("Completed", "Completed")
    assert statuses(waits) == ["Pending", "Failed"]
    assert "asks for 1 GPU(s)" in (waits.life.failure_reason or "")
    check_nothing_is_left(plane)


def test_killed_as_an_attempt_is_given_up(plane: Plane) -> None:
    if plane.backend == "docker":
        pytest.skip("only processes have a shim to kill")
    plane.start(die_at="Restarting")
    retry = {"RetryStrategy": {"MaximumRetryAttempts": 1}}
    plane.submit(plane.request("job", env=SECOND, **retry))
    plane.wait_for_lines("job", 5)
    os.kill(shim_of(plane, "job"), signal.SIGKILL)
    plane.wait_for_death()
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == [*USUAL[:3], "Restarting", *USUAL]
    assert job.attempt == 2
    check_counter(plane.store, "job", 100)
    check_nothing_is_left(plane)


#: Counts what comes through the pipe: a record of 64 KiB begins with its number. All of them are
#: far more than a pipe holds.
READER = """
import hashlib, os, pathlib, time
base = os.path.dirname(os.environ["SM_MODEL_DIR"])
for epoch in range(2):
    with open(f"{base}/input/data/train_{epoch}", "rb") as pipe:
        while record := pipe.read(1 << 16):
            number = int(record[:8]) + 200 * epoch
            os.write(1, f"line {number} loss={number};\\n".encode())
            time.sleep(0.005)
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
(model / "weights").write_bytes(b"w")
(model / "sum").write_text(hashlib.sha256(b"w").hexdigest())
"""


def piped(plane: Plane, folder: Path) -> dict[str, object]:
    folder.mkdir()
    for number in range(20):
        records = (f"{number * 10 + each:08}".encode().ljust(1 << 16) for each in range(10))
        (folder / f"{number:03}").write_bytes(b"".join(records))
    source = {"S3DataType": "S3Prefix", "S3Uri": f"file://{folder}"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}, "InputMode": "Pipe"}
    return plane.request("job", READER, InputDataConfig=[channel])


def test_killed_while_a_pipe_is_read(plane: Plane, tmp_path: Path) -> None:
    plane.start()
    plane.submit(piped(plane, tmp_path / "data"))
    for lines in (5, 150, 250):
        plane.wait_for_lines("job", lines)
        plane.die()
        plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    assert job.attempt == 1
    check_counter(plane.store, "job", 400)
    check_nothing_is_left(plane)


def test_a_feeder_ends_although_nobody_watches(plane: Plane, tmp_path: Path) -> None:
    plane.start()
    plane.submit(piped(plane, tmp_path / "data"))
    plane.wait_for_lines("job", 5)
    assert any("feeder.json" in command for command in left_behind(plane.home))
    plane.die()
    plane.wait(
        lambda: not any("feeder.json" in command for command in left_behind(plane.home)),
        "the end of the script and of its feeder",
    )
    plane.start()
    (job,) = plane.wait_over("job")
    assert statuses(job) == USUAL
    check_counter(plane.store, "job", 400)
    check_nothing_is_left(plane)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_over_and_over_every_job_comes_to_its_right_end(plane: Plane) -> None:
    """Some twenty kills at random moments, over jobs at all their stages at once."""
    rng = random.Random(int.from_bytes(os.urandom(4)))
    kills, names = 0, []
    right = {"good": "Completed", "bad": "Failed", "stop": "Stopped", "wide": "Completed"}
    plane.start(most=3)
    while kills < 22 or not all(plane.job(name).life.over for name in names):
        waiting = [name for name in names if not plane.job(name).life.over]
        if len(waiting) < 3 and kills < 22:
            for kind in right:
                names.append(f"{kind}-{len(names)}")
                plane.submit(of_kind(plane, kind, names[-1]))
        for name in names:
            if wants_its_stop(plane, name):
                plane.stop(name)
        time.sleep(rng.uniform(0.02, 1.2))  # not for a state: for any moment whatever
        if kills < 22:
            plane.die()
            kills += 1
            plane.start(most=3)
    for name in names:
        job = plane.job(name)
        assert job.life.secondary == right[name.split("-")[0]], (name, job.life, job.notes)
        if name.startswith("stop") and not plane.store.home.log(name, "algo-1").exists():
            # Killed before it was stored that its hosts ran: begun again, and stopped then.
            assert list(plane.folder(name).glob("attempts/*/algo-1.log")), name
            assert not job.artifacts, name
            continue
        lines = len(counted(plane.store, name))
        check_counter(plane.store, name, lines, job.host_count)
        assert lines == 60 or name.startswith("stop")
    check_nothing_is_left(plane)


def wants_its_stop(plane: Plane, name: str) -> bool:
    if not name.startswith("stop") or plane.job(name).life.secondary != "Training":
        return False
    log = plane.store.home.log(name, "algo-1")
    return log.exists() and log.read_bytes().count(b"\nline ") > 2


def of_kind(plane: Plane, kind: str, name: str) -> dict[str, object]:
    env = {"LINES": "100000" if kind == "stop" else "60", "PAUSE": "0.01", "BLOCKS": "200"}
    if kind == "bad":
        env["FAIL"] = "no good"
    return plane.request(name, env=env, hosts=2 if kind == "wide" else 1)
