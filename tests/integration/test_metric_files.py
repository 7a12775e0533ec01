"""What a job notes in metric files and prints: the metrics of its trial component, all once."""

from pathlib import Path

import pytest

from sagelet.store import open_store
from support.cli import Trainer, describe, kill_plane, wait_until

ACCOUNT = "123456789012"

NOTES = """
import json, os, sys, time
path = os.path.join(os.environ["SAGEMAKER_METRICS_DIRECTORY"], f"{os.getpid()}.json")
with open(path, "a", buffering=1) as file:
    for step in range(int(os.environ.get("STEPS", 30))):
        record = {"MetricName": "noted", "Value": step / 4, "Timestamp": time.time(),
                  "IterationNumber": step}
        file.write(json.dumps(record) + "\\n")
        print(f"printed={step}", flush=True)
        time.sleep(float(os.environ.get("PAUSE", 0)))
    file.write(json.dumps({**record, "Value": float("nan"), "IterationNumber": 99}))
"""


def steps_of(home: Path, job: str, metric: str) -> list[tuple[str, int | None]]:
    store = open_store(home)
    try:
        return [(repr(d.value), d.step) for d in store.metrics.series(job, metric)]
    finally:
        store.database.close()


@pytest.mark.timeout(180)
def test_notes_become_metrics_with_their_steps(trainer: Trainer, home: Path) -> None:
    done = trainer.run(NOTES, "--name", "notes", "--metric", "printed=printed=([0-9]+)")
    assert done.returncode == 0, done.stderr
    expected = [(repr(step / 4), step) for step in range(30)]
    assert steps_of(home, "notes", "noted") == [*expected, ("nan", 99)]
    assert steps_of(home, "notes", "printed") == [(f"{step}.0", None) for step in range(30)]
    store = open_store(home)
    record = store.trial_components.get("notes-aws-training-job", ACCOUNT)
    store.database.close()
    assert record.component.document["Status"]["PrimaryStatus"] == "Completed"
    assert "SageMaker.ModelArtifact" in record.component.document["OutputArtifacts"]
    (noted, printed) = (summary for _, summary in record.metrics)
    assert (noted.count, noted.numbers, noted.greatest) == (31, 30, 29 / 4)
    assert (printed.count, printed.mean) == (30, 14.5)


@pytest.mark.timeout(180)
def test_notes_are_told_once_by_a_control_plane_that_adopts_the_job(
    trainer: Trainer, home: Path
) -> None:
    running = trainer.start(
        NOTES, "--name", "orphan", "--metric", "printed=printed=([0-9]+)", "--env", "PAUSE=0.15"
    )
    wait_until(lambda: len(steps_of(home, "orphan", "noted")) > 3, "the first notes")
    running.kill()
    running.communicate()
    kill_plane(home)
    wait_until(lambda: describe("orphan")["TrainingJobStatus"] == "Completed", "the end")
    expected = [(repr(step / 4), step) for step in range(30)]
    assert steps_of(home, "orphan", "noted") == [*expected, ("nan", 99)]
    assert len(steps_of(home, "orphan", "printed")) == 30
