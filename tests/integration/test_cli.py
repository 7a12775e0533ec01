"""The command line and the control planes it finds, starts and loses."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import (
    COMMAND,
    Trainer,
    alive,
    describe,
    kill_plane,
    log_of,
    planes_of,
    read_until,
    sagelet,
    serving,
    start,
    wait_until,
)


@pytest.fixture
def trainer(home: Path, tmp_path: Path) -> Trainer:
    return Trainer("process", str, tmp_path / "code")


def gone(home: Path) -> None:
    wait_until(lambda: not planes_of(home), "the control plane's end")


SLOW = """
import os, pathlib, time
print("ready", flush=True)
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
for i in range(3):
    print("line", i, flush=True)
"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A script made from SLOW goes on once this file is there."""
    return tmp_path / "gate"


def test_a_control_plane_for_a_call_ends_by_itself(home: Path) -> None:
    assert sagelet("jobs").returncode == 0
    gone(home)
    assert not (home / "control.sock").exists()
    assert (home / "control.log").read_text() == ""


def test_a_command_that_fails_before_it_asks_leaves_nothing_running(home: Path) -> None:
    assert sagelet("train", "/no/such.py", "--framework", "pytorch").returncode == 2
    gone(home)


def test_many_commands_at_once_share_one_control_plane(home: Path) -> None:
    running = [start("jobs", "--json") for _ in range(6)]
    for command in running:
        output, _ = command.communicate(timeout=120)
        assert command.returncode == 0, output
        assert json.loads(output) == {"TrainingJobSummaries": []}
    gone(home)


def test_a_killed_command_line_leaves_the_job_running(
    trainer: Trainer, home: Path, gate: Path
) -> None:
    running = trainer.start(SLOW.format(gate=str(gate)), "--name", "left")
    wait_until(lambda: b"ready" in log_of(home, "left"), "the script")
    (plane,) = [pid for pid in planes_of(home) if is_plane(pid)]
    running.kill()
    running.communicate()
    gate.touch()
    wait_until(lambda: b"line 2" in log_of(home, "left"), "the script's end")
    wait_until(lambda: not alive(plane), "the control plane's end")
    assert describe("left")["TrainingJobStatus"] == "Completed"


def is_plane(pid: int) -> bool:
    return b"--for-call" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_job_is_followed_beyond_the_death_of_its_control_plane(
    trainer: Trainer, home: Path, gate: Path
) -> None:
    running = trainer.start(SLOW.format(gate=str(gate)), "--name", "followed")
    said = read_until(running, "| ready")
    kill_plane(home)
    gate.touch()
    rest, _ = running.communicate(timeout=120)
    assert running.returncode == 0, rest
    lines = [line for line in (said + rest).splitlines() if "| line" in line or "| ready" in line]
    assert lines == ["algo-1 | ready", *(f"algo-1 | line {i}" for i in range(3))]
    assert "Completed" in rest


def test_a_control_plane_that_runs_is_used(trainer: Trainer, home: Path) -> None:
    with serving() as (plane, _):
        done = trainer.run("print('served')", "--name", "served")
        assert "algo-1 | served" in done.stdout, done.stderr
        assert not [pid for pid in planes_of(home) if is_plane(pid)]
        assert plane.poll() is None


def test_why_no_control_plane_starts_is_told(home: Path) -> None:
    home.mkdir()
    (home / "sagelet.db").write_bytes(b"this is no database" * 100)
    done = sagelet("jobs")
    assert done.returncode == 2
    assert "the database in SAGELET_HOME cannot be used: file is not a database" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_control_plane_that_crashes_while_it_starts_says_its_last_words(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of that name that dies at once takes the interpreter's place."""
    (tmp_path / "sagelet").mkdir()
    (tmp_path / "sagelet" / "__init__.py").touch()
    (tmp_path / "sagelet" / "__main__.py").write_text("raise SystemExit('no room on the moon')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    program = f"import sys; sys.path.remove({str(tmp_path)!r}); sys.argv = ['sagelet', 'jobs']\n"
    program += "from sagelet.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "ended while it started. It said: no room on the moon" in done.stderr


def test_a_home_may_have_a_long_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """Longer than the address of a Unix socket may be."""
    long = tmp_path.joinpath(*["far-away-from-everything"] * 6)
    monkeypatch.setenv("SAGELET_HOME", str(long))
    assert sagelet("jobs").stdout.startswith("No jobs yet")
    gone(long)


def test_each_call_has_its_own_settings(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """Although the control plane of the call before may still be there."""
    for value in ("first", "second", "third"):
        monkeypatch.setenv("PIP_EXTRA", value)
        done = trainer.run("import os; print(os.environ['PIP_EXTRA'])")
        assert f"algo-1 | {value}" in done.stdout, done.stderr


def test_settings_that_cannot_count_are_named(
    trainer: Trainer, home: Path, gate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control plane of another call is busy, and there is only one for a home."""
    running = trainer.start(SLOW.format(gate=str(gate)), "--name", "busy")
    wait_until(lambda: b"ready" in log_of(home, "busy"), "the script")
    monkeypatch.setenv("PIP_EXTRA", "other")
    done = trainer.run("print('done')", "--name", "guest")
    assert done.returncode == 0, done.stderr
    assert "PIP_EXTRA of this one do not count" in done.stderr
    gate.touch()
    running.communicate(timeout=60)


def test_regions_are_kept_apart(
    trainer: Trainer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert trainer.run("print(1)", "--name", "far").returncode == 0
    assert describe("far")["TrainingJobArn"].startswith("arn:aws:sagemaker:eu-west-1:")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    done = sagelet("describe", "far")
    assert done.returncode == 2
    assert "There is no training job named 'far' in us-east-1" in done.stderr
    assert json.loads(sagelet("jobs", "--json").stdout) == {"TrainingJobSummaries": []}


def test_logs_in_every_form(trainer: Trainer, home: Path) -> None:
    script = "import os\nprint('one')\nprint()\nprint('three', os.environ['SM_CURRENT_HOST'])"
    assert trainer.run(script, "--name", "said", "--hosts", "2").returncode == 0
    shown = sagelet("logs", "said").stdout.splitlines()
    assert [line for line in shown if "SUCCESS" not in line and "Invoking" not in line] == [
        "algo-1 | one", "algo-1 | ", "algo-1 | three algo-1",
        "algo-2 | one", "algo-2 | ", "algo-2 | three algo-2",
    ]  # fmt: skip
    documents = [json.loads(line) for line in sagelet("logs", "said", "--json").stdout.splitlines()]
    assert {d["host"] for d in documents} == {"algo-1", "algo-2"}
    assert all(isinstance(d["timestamp"], int) for d in documents)
    only = sagelet("logs", "said", "--host", "algo-2").stdout
    assert "algo-1 |" not in only
    assert "three algo-2" in only
    raw = subprocess.run(
        [*COMMAND, "logs", "said", "--raw", "--host", "algo-1"], capture_output=True, check=True
    )
    assert raw.stdout == log_of(home, "said")
    assert "choose it with --host" in sagelet("logs", "said", "--raw").stderr
    assert "has no host 'algo-3'" in sagelet("logs", "said", "--host", "algo-3").stderr


def test_a_page_of_jobs_at_a_time(trainer: Trainer, home: Path) -> None:
    with serving():
        for number in range(3):
            assert trainer.run("print(1)", "--name", f"job-{number}").returncode == 0
        two = json.loads(sagelet("jobs", "--limit", "2", "--json").stdout)["TrainingJobSummaries"]
        most = sagelet("jobs", "--limit", "9" * 20)
        assert most.returncode == 2
        assert "is not a number that counts" in most.stderr
        assert [job["TrainingJobName"] for job in two] == ["job-2", "job-1"]
        table = sagelet("jobs").stdout.splitlines()
        assert table[0].split() == [
            "JOB", "STATUS", "BACKEND", "HOSTS", "CREATED", "SECONDS", "METRICS"
        ]  # fmt: skip
        assert [line.split()[:3] for line in table[1:]] == [
            [f"job-{number}", "Completed", "process"] for number in (2, 1, 0)
        ]


def test_a_third_ctrl_c_leaves_the_job_to_itself(trainer: Trainer, home: Path, gate: Path) -> None:
    """A job that stores its outputs hears neither the first nor the second."""
    running = trainer.start(
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\ntime.sleep(3)\n",
        "--name", "third", "--grace", "30",
    )  # fmt: skip
    said = read_until(running, "| ready")
    running.send_signal(signal.SIGINT)
    said += read_until(running, "stopping third")
    assert "gets 30 s to end" in said
    os.kill(running.pid, signal.SIGINT)
    os.kill(running.pid, signal.SIGTERM)  # another signal: equal ones may be heard as one
    rest, _ = running.communicate(timeout=60)
    assert running.returncode == 130, rest
    wait_until(lambda: describe("third")["TrainingJobStatus"] == "Stopped", "the stop")
