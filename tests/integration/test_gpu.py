"""Jobs on NVIDIA cards, without Docker. GPU_PYTHON: an interpreter whose torch sees one."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from sagelet.execution.machine import list_gpus
from support.cli import Trainer, describe, log_of, read_until, sagelet, steps, wait_until
from support.warm import kept

EXAMPLES = Path(__file__).parents[2] / "examples/mnist"
PYTHON = os.environ.get("GPU_PYTHON") or shutil.which("python3") or sys.executable

pytestmark = pytest.mark.gpu

LOOK = """
import os, torch
print("devices", os.environ["SM_NUM_GPUS"], torch.cuda.device_count(), flush=True)
"""

#: Holds memory of the card until the gate is there.
HOLD = """
import pathlib, sys, time
import torch
block = torch.ones(1 << 28, device="cuda")
print("holding", block.sum().item() / (1 << 28), flush=True)
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
"""


@pytest.fixture(scope="module", autouse=True)
def _card() -> None:
    if not list_gpus():
        pytest.skip("needs an NVIDIA GPU: nvidia-smi lists none")
    seen = subprocess.run(
        [PYTHON, "-c", "import torch; print(torch.cuda.is_available())"],
        capture_output=True,
        text=True,
        check=False,
    )
    if seen.stdout.strip() != "True":
        pytest.skip(f"needs an interpreter whose torch sees the GPU (GPU_PYTHON): {PYTHON}")


class GpuTrainer(Trainer):
    def where(self) -> list[str]:
        return ["--backend", "process", "--python", PYTHON]


@pytest.fixture
def trainer(home: Path, tmp_path: Path) -> Trainer:
    return GpuTrainer("process", str, tmp_path / "code")


def memory_in_use() -> set[int]:
    """Processes that hold memory of a card."""
    listed = subprocess.run(
        ["nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {int(pid) for pid in listed.stdout.split() if pid.isdigit()}


def keeps(home: Path, after: str) -> bool:
    """Whether hosts are kept after a job."""
    return any(record["job"] == after for record in kept(home))


def test_the_doctor_names_the_card(home: Path) -> None:
    found = json.loads(sagelet("doctor", "--json").stdout)
    (card,) = [finding for finding in found if finding["check"] == "GPU"]
    assert card["state"] == "ok"
    assert card["detail"].startswith(f"{len(list_gpus())}: GPU 0: ")


@pytest.mark.parametrize("namespaces", ["on", "off"])
def test_digits_train_on_the_card(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespaces: str
) -> None:
    monkeypatch.setenv("SAGELET_NAMESPACES", namespaces)
    data = tmp_path / "digits"
    subprocess.run([sys.executable, str(EXAMPLES / "data.py"), str(data)], check=True)
    done = sagelet(
        *("train", str(EXAMPLES / "pytorch_mnist.py"), "--name", "digits"),
        *("--backend", "process", "--python", PYTHON, "--gpus", "1"),
        *("--channel", f"training={data}", "--hp", "epochs=3"),
        *("--metric", "test:accuracy=test_accuracy=([0-9.]+)", "--json"),
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert b" on cuda, worker 1 of 1: 10000 images" in log_of(home, "digits")
    (metric,) = json.loads(done.stdout)["FinalMetricDataList"]
    assert metric["Value"] > 0.95
    assert (home / "models/digits/latest/model.tar.gz").is_file()


@pytest.mark.parametrize(
    ("asked", "devices"),
    [
        (["--gpus", "0"], 0),
        (["--gpus", "1"], 1),
        (["--gpus", "all"], len(list_gpus())),
        ([], 0),
        (["--instance-type", "ml.p3.2xlarge"], 1),
        (["--instance-type", "ml.m5.xlarge"], 0),
    ],
)
def test_a_job_sees_the_cards_it_asks_for(trainer: Trainer, asked: list[str], devices: int) -> None:
    done = trainer.run(LOOK, *asked)
    assert done.returncode == 0, done.stderr
    assert f"devices {devices} {devices}" in done.stdout


def test_more_cards_than_there_are_is_refused(trainer: Trainer) -> None:
    done = trainer.run(LOOK, "--gpus", str(len(list_gpus()) + 1))
    assert done.returncode == 2
    assert "GPU" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_card_in_use_is_waited_for(trainer: Trainer, home: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    hold = HOLD.format(gate=str(gate))
    first = trainer.start(hold, "--gpus", "all", "--name", "first")
    read_until(first, "holding 1.0")
    assert (
        sagelet(*trainer.arguments(LOOK, "--gpus", "1", "--name", "second", "--detach")).returncode
        == 0
    )
    assert describe("second")["SecondaryStatus"] == "Pending"
    # One that needs no card goes past it.
    assert trainer.run(LOOK, "--gpus", "0", "--name", "third").returncode == 0
    gate.touch()
    assert "Completed" in first.communicate(timeout=60)[0]
    wait_until(lambda: describe("second")["TrainingJobStatus"] == "Completed", "its turn", 60)
    assert steps(describe("second")["SecondaryStatusTransitions"])[0] == "Pending"
    assert b"devices 1 1" in log_of(home, "second")


def test_a_stopped_job_lets_the_card_go(trainer: Trainer, tmp_path: Path) -> None:
    before = memory_in_use()
    running = trainer.start(
        HOLD.format(gate=str(tmp_path / "never")), "--gpus", "1", "--name", "held", "--grace", "1"
    )
    read_until(running, "holding 1.0")
    assert sagelet("stop", "held").returncode == 0
    running.communicate(timeout=60)
    assert describe("held")["TrainingJobStatus"] == "Stopped"
    wait_until(lambda: memory_in_use() <= before, "the card to be free")


def test_a_script_processes_on_the_card(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "square.py"
    script.write_text(
        """
import pathlib
import torch
place = pathlib.Path("/opt/ml/processing/output/squares")
numbers = torch.arange(4.0, device="cuda") ** 2
place.joinpath("numbers.txt").write_text(f"{numbers.tolist()} {torch.cuda.device_count()}")
"""
    )
    done = sagelet(
        *("process", str(script), "--backend", "process", "--python", PYTHON, "--gpus", "1"),
        *("--output", f"squares={tmp_path / 'out'}"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/numbers.txt").read_text() == "[0.0, 1.0, 4.0, 9.0] 1"


def test_a_search_takes_turns_on_the_cards(trainer: Trainer, home: Path, tmp_path: Path) -> None:
    turns = tmp_path / "turns"
    turns.mkdir()
    script = trainer.script(
        f"""
import argparse, os, pathlib, sys, time
import torch
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
x = torch.tensor(parser.parse_known_args()[0].rate, device="cuda")
place = pathlib.Path({str(turns)!r}, os.environ["CUDA_VISIBLE_DEVICES"])
place.mkdir()  # fails if another job has this card
time.sleep(0.3)
print(f"score={{(1 - (x - 0.5) ** 2).item():.6f}}", flush=True)
place.rmdir()
"""
    )
    more = len(list_gpus()) + 1
    done = sagelet(
        *("tune", script, "--backend", "process", "--python", PYTHON, "--gpus", "1"),
        *("--range", "rate=0.0:1.0", "--objective", "score", "--strategy", "random"),
        *("--max-jobs", str(more + 2), "--parallel", str(more), "--json"),
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    counters = json.loads(done.stdout)["TrainingJobStatusCounters"]
    assert counters["Completed"] == more + 2


def test_hosts_are_kept_warm_beside_the_card(trainer: Trainer, home: Path) -> None:
    script = """
import sys
ready = "torch" in sys.modules
import torch
print("ready", ready, torch.ones(3, device="cuda").sum().item(), flush=True)
"""
    options = ("--framework", "pytorch", "--gpus", "1", "--warm")
    before = memory_in_use()
    for name in ("one", "two"):
        assert trainer.run(script, *options, "--name", name).returncode == 0
        wait_until(partial(keeps, home, name), f"hosts kept after {name}", 60)
        assert memory_in_use() <= before  # those hold no memory of the card
    assert b"ready True 3.0" in log_of(home, "two")
    # A job that wants the card gets it, whoever waits.
    done = trainer.run(LOOK, "--gpus", "all", "--name", "three")
    assert done.returncode == 0, done.stderr
    assert not list((home / "warm").glob("*/spare.json"))
