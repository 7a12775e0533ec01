"""Exports are what their formats' own libraries read."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.cli import COMMAND, Trainer
from support.clients import client_python, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SCRIPT = """
for step, loss in enumerate((4.0, 2.0, float("nan"), 1.0)):
    print(f"loss={loss}")
"""

READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
place = sys.argv[1]
import pyarrow.parquet as parquet
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
points = parquet.read_table(place + "/points.parquet").to_pylist()
(component,) = parquet.read_table(place + "/components.parquet").to_pylist()
client = MlflowClient("sqlite:///" + place + "/mlflow.db")
experiment = client.get_experiment_by_name("mnist").experiment_id
(run,) = client.search_runs([experiment], "params.lr = '0.25'")
history = client.get_metric_history(run.info.run_id, "train:loss")
multiplexer = EventMultiplexer().AddRunsFromDirectory(place)
multiplexer.Reload()
(name,) = multiplexer.Runs()
curve = multiplexer.GetAccumulator(name).Tensors("train:loss")
print(json.dumps({
    "parquet": [repr(point["value"]) for point in points],
    "lr": component["parameters.lr"], "least": component["metrics.train:loss.min"],
    "mlflow": [[m.step, repr(m.value)] for m in history], "status": run.info.status,
    "optimizer": run.data.params["optimizer"], "run": name,
    "tensorboard": [[t.step, repr(t.tensor_proto.float_val[0])] for t in curve],
}))
"""


def test_the_libraries_read_what_was_exported(home: Path, tmp_path: Path) -> None:
    trainer = Trainer("process", str, tmp_path / "code")
    belongs = ["--name", "job", "--experiment", "mnist", "--trial", "one"]
    numbers = ["--hp", "lr=0.25", "--hp", "optimizer=sgd"]
    done = trainer.run(SCRIPT, *belongs, *numbers, "--metric", "train:loss=loss=([0-9.nae]+)")
    assert done.returncode == 0, done.stderr
    libraries = client_python("mlflow")
    (packages,) = environment("mlflow").glob("lib/python3*/site-packages")
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(packages)]))
    place = tmp_path / "exported"
    for form in ("parquet", "mlflow", "tensorboard") * 2:  # again: what was written is replaced
        done = subprocess.run(
            [*COMMAND, "export", "mnist", "--format", form, "-o", str(place)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    read = subprocess.run(
        [str(libraries), "-c", READ, str(place)],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    said = json.loads(read.stdout.splitlines()[-1])
    values = ["4.0", "2.0", "nan", "1.0"]
    assert said == {
        "parquet": values,
        "lr": 0.25,
        "least": 1.0,
        "mlflow": [[step, value] for step, value in enumerate(values)],
        "status": "FINISHED",
        "optimizer": "sgd",
        "run": "one/job-aws-training-job",
        "tensorboard": [[step, value] for step, value in enumerate(values)],
    }
