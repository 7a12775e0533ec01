"""Hosts that are kept after a job, and the next job that gets them. With Docker and without."""

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
from support.buckets import fill, read
from support.cli import Trainer, wait_until
from support.image import FRAMEWORK
from support.plane import (
    COUNTER,
    Plane,
    Refused,
    check_counter,
    left_behind,
    left_in_docker,
    shim_of,
    statuses,
)
from support.serve import Plane as ServedPlane

#: Tells what it finds before it changes anything, then leaves its mark wherever it can.
LOOKER = """
import sys
ready = "torch" in sys.modules
import json, os, pathlib
base = pathlib.Path(os.environ["SM_MODEL_DIR"]).parent
seen = {
    "ready": ready,
    "job": os.environ["TRAINING_JOB_NAME"],
    "argv": sys.argv[1:],
    "ml": sorted(str(p.relative_to(base)) for p in base.rglob("*") if p.is_file()),
    "strange": sorted(name for name in os.environ if "SAGELET" in name and "HOME" not in name),
    "left": os.path.exists("/var/tmp/left-by-a-job"),
}
print("SEEN", json.dumps(seen), flush=True)
for place in ("model", "output/data", "checkpoints", "code"):
    (base / place / "mark").write_text("x")
if "CONTAINED" in os.environ:
    pathlib.Path("/var/tmp/left-by-a-job").write_text("x")
"""

USUAL = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(home, tmp_path / "code")
    if request.param == "docker":
        plane.backend, plane.image = "docker", request.getfixturevalue("image")
    yield plane
    try:
        if plane._process is None:
            plane.start()
        for job in plane.store.training_jobs.live():
            plane.kill(job.name)
            plane.wait_over(job.name)
        plane.settle()
        end_spares(plane)
        if plane.backend == "docker":
            assert left_in_docker(plane.home) == []
        assert left_behind(plane.home) == []
    finally:
        plane.close()


def kept(plane: Plane) -> list[dict[str, Any]]:
    """The records of the spares that can be taken."""
    found = []
    for path in (plane.home / "warm").glob("*/spare.json"):
        record = json.loads(path.read_text())
        if record["made"]:
            found.append(record)
    return found


def end_spares(plane: Plane) -> None:
    for record in kept(plane):
        pool = warm_pool(plane.job(record["job"]), time.time())
        if pool and pool.status == WarmPoolStatus.AVAILABLE:
            plane.keep_alive(record["job"], 0)
        else:
            plane.delete(record["job"])
    plane.wait(lambda: not list((plane.home / "warm").glob("*")), "the end of all spares")


def warm(plane: Plane, name: str, script: str = LOOKER, **given: Any) -> dict[str, Any]:
    """A request that keeps its hosts; ``preload``: with the framework."""
    count = given.pop("hosts", 1)
    env = dict(given.pop("env", {}))
    options = dict(given.pop("options", {}))
    if given.pop("preload", False):
        options["warm"] = "on"
    if plane.backend == "docker":
        env |= {"PYTHONPATH": "/opt/framework", "CONTAINED": "yes"}
        env["SAGEMAKER_TRAINING_MODULE"] = "sagemaker_pytorch_container.training:main"
    else:
        folder = plane.home.parent / "framework"
        folder.mkdir(exist_ok=True)
        if not (folder / "torch.py").exists():
            (folder / "torch.py").write_text(FRAMEWORK)
        env["PYTHONPATH"] = str(folder)
    resources = {
        "InstanceCount": count,
        "VolumeSizeInGB": 1,
        "KeepAlivePeriodInSeconds": given.pop("seconds", 600),
    }
    return plane.request(name, script, env=env, options=options, ResourceConfig=resources, **given)


def run(plane: Plane, name: str, script: str = LOOKER, **given: Any) -> str:
    """Run such a job to its end; its log."""
    plane.submit(warm(plane, name, script, **given))
    plane.wait_over(name)
    return log_of(plane, name)


def log_of(plane: Plane, name: str, host: str = "algo-1") -> str:
    log = plane.store.home.log(name, host)
    return log.read_text() if log.exists() else ""


def seen(log: str) -> dict[str, Any]:
    (line,) = [line for line in log.splitlines() if line.startswith("SEEN ")]
    found: dict[str, Any] = json.loads(line.removeprefix("SEEN "))
    return found


def wait_for_spare(plane: Plane, after: str) -> dict[str, Any]:
    plane.wait(lambda: any(r["job"] == after for r in kept(plane)), f"hosts kept after {after}")
    return next(record for record in kept(plane) if record["job"] == after)


def wait_for_import(plane: Plane, record: dict[str, Any]) -> None:
    """Until the framework is imported in the hosts that wait."""
    folder = plane.home / "warm" / record["name"] / "algo-1"

    def imported() -> bool:
        if plane.backend == "docker":
            said = subprocess.run(
                ["docker", "logs", container_of(record["name"])], capture_output=True, check=True
            )
            return b"framework imported" in said.stderr
        return "framework imported" in (folder / "log").read_text()

    plane.wait(imported, "the framework's import")


def container_of(name: str) -> str:
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=sagelet.job={name}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.strip()


def took(plane: Plane, name: str) -> str | None:
    """The name of the spare whose hosts the job ran in."""
    path = plane.folder(name) / "spare.json"
    return json.loads(path.read_text())["name"] if path.exists() else None


def test_the_next_job_runs_in_the_kept_hosts_and_finds_nothing_of_the_last(plane: Plane) -> None:
    plane.start()
    first = seen(run(plane, "one"))
    record = wait_for_spare(plane, "one")
    second = seen(run(plane, "two", LOOKER + "print('edited')\n", env={}))
    assert took(plane, "two") == record["name"]
    assert "edited" in log_of(plane, "two")
    assert first == {**second, "job": "one"}
    assert second["job"] == "two"
    assert not second["ready"]
    assert second["strange"] == []
    assert not second["left"]
    assert [statuses(plane.job(name)) for name in ("one", "two")] == [USUAL, USUAL]
    pool = warm_pool(plane.job("one"), time.time())
    assert pool
    assert (pool.status, pool.reused_by) == (WarmPoolStatus.REUSED, "two")
    assert wait_for_spare(plane, "two")["name"] != record["name"]


def test_a_kept_interpreter_has_the_framework_before_the_first_line(plane: Plane) -> None:
    plane.start()
    cold = run(plane, "one", preload=True)
    assert not seen(cold)["ready"]
    assert "framework imported" not in cold
    wait_for_import(plane, wait_for_spare(plane, "one"))
    script = LOOKER + "import torch\nprint('token', torch.TOKEN)\n"
    log = run(plane, "two", script, preload=True)
    assert seen(log) == {**seen(cold), "job": "two", "ready": True}
    assert log.count("framework imported") == 1
    assert log.index("framework imported") < log.index("Invoking user script")
    # The next one has an interpreter of its own.
    wait_for_spare(plane, "two")
    again = run(plane, "three", script, preload=True)
    assert seen(again)["ready"]
    tokens = {line for text in (log, again) for line in text.splitlines() if "token" in line}
    assert len(tokens) == 2


def test_a_spare_may_be_taken_while_its_import_runs(plane: Plane) -> None:
    if plane.backend == "docker":
        pytest.skip("the framework is part of the image")
    slow = FRAMEWORK + "import time\nwhile not os.path.exists(os.environ['GO']): time.sleep(0.01)\n"
    folder = plane.home.parent / "framework"
    folder.mkdir()
    (folder / "torch.py").write_text(slow)
    go = plane.home.parent / "go"
    plane.start()
    run(plane, "one", preload=True, env={"GO": str(go)})
    wait_for_import(plane, wait_for_spare(plane, "one"))
    plane.submit(warm(plane, "two", preload=True, env={"GO": str(go)}))
    plane.wait(lambda: "Invoking" in log_of(plane, "two"), "its host to be told", every=0.01)
    go.touch()
    plane.wait_over("two")
    assert seen(log_of(plane, "two"))["ready"]


def test_a_framework_that_changed_is_imported_anew(plane: Plane) -> None:
    if plane.backend == "docker":
        pytest.skip("another framework is another image")
    plane.start()
    run(plane, "one", preload=True)
    wait_for_import(plane, wait_for_spare(plane, "one"))
    (plane.home.parent / "framework" / "torch.py").write_text(FRAMEWORK + "VERSION = 2\n")
    log = run(plane, "two", LOOKER + "import torch\nprint(torch.VERSION + 1)\n", preload=True)
    assert took(plane, "two")
    assert not seen(log)["ready"]
    assert log.splitlines()[-2] == "3"


FAILING = (
    "import os\ndef inner():\n    raise KeyError(os.environ['TRAINING_JOB_NAME'][:0])\ninner()\n"
)


def test_a_failure_is_told_as_after_a_cold_start(plane: Plane) -> None:
    plane.start()
    texts, logs = [], []
    for name in ("one", "two"):
        log = run(plane, name, FAILING, preload=True)
        assert plane.job(name).life.primary == "Failed"
        texts.append(plane.job(name).life.failure_reason)
        logs.append([line[24:] if line[:2] == "20" else line for line in log.splitlines()])
        wait_for_import(plane, wait_for_spare(plane, name))
    assert took(plane, "two")
    assert texts[0] == texts[1]
    assert logs[0] == [line for line in logs[1] if line != "framework imported"]


CHANGES = {
    "environment": {"env": {"MORE": "1"}},
    "grace": {"options": {"grace": "19"}},
    "preload": {"preload": True},
    "hosts": {"hosts": 2},
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_kind_of_job_starts_cold(plane: Plane, change: str) -> None:
    plane.start()
    run(plane, "one")
    record = wait_for_spare(plane, "one")
    log = run(plane, "two", **CHANGES[change])
    assert statuses(plane.job("two")) == USUAL
    assert took(plane, "two") is None
    assert seen(log)["job"] == "two"
    assert record["name"] in [each["name"] for each in kept(plane)]


def channel(folder: Path) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"file://{folder}"}
    return {"InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]}


READER = """
import os, pathlib
folder = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
print("DATA", {p.name: p.read_text() for p in sorted(folder.iterdir())}, flush=True)
(folder / "mine").write_text("x")
"""


def test_a_channel_is_read_as_it_is_when_the_job_runs(plane: Plane, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("1")
    (data / "b").write_text("1")
    plane.start()
    assert "DATA {'a': '1', 'b': '1'}" in run(plane, "one", READER, **channel(data))
    wait_for_spare(plane, "one")
    (data / "a").write_text("2")
    (data / "b").unlink()
    (data / "c").write_text("2")
    assert "DATA {'a': '2', 'c': '2'}" in run(plane, "two", READER, **channel(data))
    assert took(plane, "two")
    wait_for_spare(plane, "two")
    # Another folder in its place is another channel.
    data.rename(tmp_path / "before")
    data.mkdir()
    (data / "d").write_text("3")
    assert "DATA {'d': '3'}" in run(plane, "three", READER, **channel(data))
    assert took(plane, "three") is None
    # A link that leads out of it has to be laid over it, which a running host cannot have done.
    wait_for_spare(plane, "three")
    (data / "e").symlink_to(tmp_path / "before" / "a")
    assert "DATA {'d': '3', 'e': '2'}" in run(plane, "four", READER, **channel(data))
    assert took(plane, "four") is None
    assert sorted(path.name for path in data.iterdir()) == ["d", "e"]


KEEPER = """
import os, pathlib
base = pathlib.Path(os.environ["SM_MODEL_DIR"]).parent
folder = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
print("DATA", {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*"))
               if p.is_file()}, flush=True)
place = base / "checkpoints"
print("CHECKPOINTS", sorted(p.name for p in place.iterdir()), flush=True)
(place / os.environ["TRAINING_JOB_NAME"]).write_text("x")
(folder / "a").write_text("mine")
"""


def test_objects_and_checkpoints_come_into_kept_hosts(plane: Plane, tmp_path: Path) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data/"}
    given = {
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints/"},
    }
    fill(plane.store, "bucket", {"data/a": b"1", "data/sub/b": b"1"}, tmp_path)
    plane.start()
    log = run(plane, "one", KEEPER, **given)
    assert "DATA {'a': '1', 'sub/b': '1'}" in log
    assert "CHECKPOINTS []" in log
    wait_for_spare(plane, "one")
    fill(plane.store, "bucket", {"data/a": b"2", "data/new/c": b"2"}, tmp_path)
    log = run(plane, "two", KEEPER, **given)
    assert took(plane, "two")
    assert "DATA {'a': '2', 'new/c': '2', 'sub/b': '1'}" in log
    assert "CHECKPOINTS ['one']" in log
    assert read(plane.store, "bucket", "checkpoints/two", tmp_path) == b"x"
    assert read(plane.store, "bucket", "data/a", tmp_path) == b"2"


def test_code_that_has_to_be_installed_starts_cold(plane: Plane) -> None:
    plane.start()
    run(plane, "one")
    wait_for_spare(plane, "one")
    request = warm(plane, "two", LOOKER + "print('needs nothing')\n")
    source = request["HyperParameters"]["sagemaker_submit_directory"].removeprefix("file://")
    (Path(source) / "requirements.txt").write_text("# nothing\n")
    plane.submit(request)
    plane.wait_over("two")
    assert took(plane, "two") is None
    assert "Installing dependencies" in log_of(plane, "two")
    if plane.backend == "process":  # the image of these tests has no pip
        assert "needs nothing" in log_of(plane, "two")


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
    assert kept(plane)[0]["until"] == pytest.approx((plane.job("one").life.ended() or 0) + 900)
    plane.keep_alive("one", 0)
    assert kept(plane) == []
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
    plane = ServedPlane(home.parent, "--test-mode")
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{plane.url}/_api/reset", method="POST")
        opener.open(request, timeout=60).close()
    finally:
        plane.stop()
    assert list((home / "warm").glob("*")) == []
