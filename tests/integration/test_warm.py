"""Hosts that are kept after a job, and the next job that gets them. With Docker and without."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelet.app import environments
from sagelet.domain.warm_pool import WarmPoolStatus, warm_pool
from sagelet.settings import Settings
from support.buckets import fill, read
from support.image import FRAMEWORK
from support.plane import (
    Plane,
    statuses,
)
from support.warm import (
    LOOKER,
    USUAL,
    end_spares,
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
    assert record["name"] in [each["name"] for each in kept(plane.home)]


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


TORCH = """
import torch
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
data = TensorDataset(torch.arange(8.0))
for (batch,) in DataLoader(data, batch_size=4, num_workers=1, shuffle=True):
    print("GOT", batch.tolist(), torch.rand(1).item(), torch.get_num_threads())
layer = torch.nn.Linear(2, 1)
torch.nn.functional.mse_loss(layer(torch.ones(4, 2)), torch.zeros(4, 1)).backward()
print("GOT", layer.weight.grad.tolist())
"""

TENSORFLOW = """
import tensorflow as tf
tf.keras.utils.set_random_seed(0)
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
history = model.fit(tf.ones((8, 2)), tf.zeros((8, 1)), verbose=0)
print("GOT", history.history, tf.config.threading.get_intra_op_parallelism_threads())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "script"), [("pytorch", TORCH), ("tensorflow", TENSORFLOW)], ids=lambda x: x[:10]
)
def test_real_frameworks_compute_the_same(home: Path, tmp_path: Path, framework, script) -> None:
    made = environments(Settings.from_environ({}))
    if not made.ready(framework):
        pytest.skip(f"the {framework} environment is not made yet: make train-torch, train-tf")
    plane = Plane(home, tmp_path / "code")
    plane.image = f"{framework}-training"
    found = []
    try:
        plane.start()
        for name in ("one", "two"):
            options = {"python": str(made.python(framework)), "memory": "1g"}
            log = run(plane, name, LOOKER + script, preload=True, options=options, framework=True)
            assert plane.job(name).life.primary == "Completed", log
            found.append([line for line in log.splitlines() if line.startswith("GOT")])
            wait_for_spare(plane, name)
        assert took(plane, "two")
        assert found[0] == found[1]
        assert found[0]
        assert seen(log)["ready"]
    finally:
        plane.settle()
        end_spares(plane)
        plane.close()
