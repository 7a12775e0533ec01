"""One training job whose control plane or hosts are killed, on every way to run a host.

What holds at every stage of a job, with many jobs and over many kills, is in test_crash.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.archives import members
from support.cli import (
    Trainer,
    describe,
    folder_of,
    kill_plane,
    log_of,
    running_with,
    sagelet,
    wait_until,
)


def test_a_job_outlives_its_killed_control_plane_and_is_adopted(
    trainer: Trainer, home: Path
) -> None:
    running = trainer.start(
        """
import os, time
for i in range(30):
    print(f"line {i} loss={i}", flush=True)
    time.sleep(0.1)
open(os.path.join(os.environ["SM_MODEL_DIR"], "m"), "w").write("x")
""",
        "--name",
        "orphan",
        "--metric",
        "loss=loss=([0-9.]+)",
    )
    wait_until(lambda: b"line 3" in log_of(home, "orphan"), "the script to run")
    running.kill()
    running.communicate()
    kill_plane(home)
    assert describe("orphan")["TrainingJobStatus"] == "InProgress"
    wait_until(lambda: describe("orphan")["TrainingJobStatus"] == "Completed", "the end")
    lines = [line for line in log_of(home, "orphan").decode().splitlines() if "line " in line]
    assert lines == [f"line {i} loss={i}" for i in range(30)]
    assert describe("orphan")["FinalMetricDataList"][0]["Value"] == 29
    assert members(home / "models" / "orphan" / "1" / "model.tar.gz") == ["m"]


def test_hosts_that_died_unseen_fail_the_job_truthfully(trainer: Trainer, home: Path) -> None:
    running = trainer.start(
        "import time\nprint('ready', flush=True)\ntime.sleep(100)",
        "--name",
        "lost",
        "--env",
        "MARK=lost-mark",
    )
    wait_until(lambda: b"ready" in log_of(home, "lost"), "the script to run")
    running.kill()
    running.communicate()
    kill_plane(home)
    if trainer.backend == "docker":
        found = subprocess.run(
            ["docker", "ps", "-q", "--filter", "label=sagelet.job=lost"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        subprocess.run(["docker", "rm", "-f", *found], check=True, capture_output=True)
    else:
        started = folder_of(home, "lost") / "algo-1" / "started.json"
        pid = json.loads(started.read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: describe("lost")["TrainingJobStatus"] == "Failed", "the verdict", 20)
    assert "InternalServerError" in describe("lost")["FailureReason"]
    assert not running_with("lost-mark")


def test_a_control_plane_killed_while_archiving_leaves_nothing_half_written(
    trainer: Trainer, home: Path
) -> None:
    running = trainer.start(
        """
import os
with open(os.path.join(os.environ["SM_MODEL_DIR"], "weights"), "wb") as file:
    for _ in range(300):
        file.write(os.urandom(1 << 20))
""",
        "--name",
        "big",
    )
    output = home / "output" / "big" / "output"
    wait_until(lambda: any(output.glob(".*.part")), "the archive to be begun", 60)
    running.kill()
    running.communicate()
    kill_plane(home)
    assert not (output / "model.tar.gz").exists()
    wait_until(lambda: describe("big")["TrainingJobStatus"] == "Completed", "the adopter", 60)
    assert members(output / "model.tar.gz") == ["weights"]
    assert not any(output.glob(".*"))
    assert (home / "models" / "big" / "latest" / "model.tar.gz").samefile(output / "model.tar.gz")


@pytest.mark.parametrize("seconds", [0.2, 0.35, 0.5, 0.8, 1.2, 1.6])
def test_killed_at_any_moment_the_job_ends_and_nothing_is_half_written(
    trainer: Trainer, home: Path, seconds: float
) -> None:
    running = trainer.start(
        """
import os, time
for i in range(5):
    print("line", i, flush=True)
    time.sleep(0.1)
open(os.environ["SM_MODEL_DIR"] + "/w", "wb").write(os.urandom(20_000_000))
""",
        "--name", "victim", "--env", f"MARK={home}/victim",
    )  # fmt: skip
    time.sleep(seconds)
    running.kill()
    running.communicate()
    kill_plane(home)
    if sagelet("describe", "victim").returncode == 2:
        return  # killed before the job was remembered: there is nothing
    wait_until(
        lambda: describe("victim")["TrainingJobStatus"] in ("Completed", "Failed"), "the end"
    )
    assert not running_with(f"MARK={home}/victim")
    assert list(home.rglob("*.part")) == []
    versions = json.loads(sagelet("models", "--json").stdout)
    if describe("victim")["TrainingJobStatus"] == "Completed":
        assert members(home / "models/victim/1/model.tar.gz") == ["w"]
    else:
        assert versions == []
        assert "InternalServerError" in describe("victim")["FailureReason"]
