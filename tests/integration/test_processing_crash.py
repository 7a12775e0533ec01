"""kill -9 of the control plane amid a processing job: another one goes on, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plane import Plane, left_behind, left_in_docker, statuses
from support.processing import KIND, Processor, files, source, target

#: Copies its input slowly, a line at a time.
COPY = """
import time
place = "/opt/ml/processing"
for number in range(100):
    with open(f"{place}/out/{number}", "w") as file:
        file.write(open(place + "/data/a.txt").read())
    print("line", number, flush=True)
    time.sleep(0.01)
open("/opt/ml/output/message", "w").write("copied")
"""
USUAL = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def processor(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Processor]:
    plane = Plane(home, tmp_path / "code")
    if request.param == "docker":
        plane.backend, plane.image = "docker", request.getfixturevalue("image")
    yield Processor(plane)
    plane.close()


def request(processor: Processor, tmp_path: Path, mode: str = "EndOfJob") -> dict[str, object]:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("one")
    return processor.request(
        "job",
        COPY,
        inputs=(source(data, "data"),),
        outputs=(target(tmp_path / "out", "out", mode),),
    )


def check(processor: Processor, tmp_path: Path) -> None:
    job = processor.wait_over("job")
    assert statuses(job) == USUAL, job.life.failure_reason
    assert files(tmp_path / "out") == {str(number): "one" for number in range(100)}
    assert processor.log("job").splitlines() == [f"line {number}" for number in range(100)]
    assert job.exit_message == "copied"
    shown = processor.plane.store.trial_components.get("job-aws-processing-job", job.account)
    document = shown.component.document
    assert document["Status"] == {
        "PrimaryStatus": "Completed",
        "Message": "Status: Completed, exit message: copied, failure reason: null",
    }
    assert document["OutputArtifacts"] == {"out": {"Value": f"file://{tmp_path}/out"}}
    processor.plane.wait(lambda: left_behind(processor.plane.home) == [], "nothing left")
    if processor.plane.backend == "docker":
        assert left_in_docker(processor.plane.home) == []


@pytest.mark.parametrize("state", ["Downloading", "Training", "Uploading"])
def test_killed_as_a_state_is_stored(processor: Processor, tmp_path: Path, state: str) -> None:
    processor.plane.start(die_at=state)
    processor.plane.ask_and_see_it_die("submit", request(processor, tmp_path), kind=KIND)
    processor.plane.start()
    check(processor, tmp_path)


def test_killed_while_hosts_run_and_outputs_go(processor: Processor, tmp_path: Path) -> None:
    processor.plane.start()
    processor.plane.submit(request(processor, tmp_path, "Continuous"), kind=KIND)
    processor.wait_for_word("job", "line 5")
    processor.plane.die()
    processor.plane.start()
    check(processor, tmp_path)


def test_killed_while_it_waits_beside_a_training_job(processor: Processor, tmp_path: Path) -> None:
    plane = processor.plane
    plane.start(most=1)
    plane.submit(plane.request("job", env={"LINES": "100", "PAUSE": "0.01"}))
    plane.submit(request(processor, tmp_path), kind=KIND)
    plane.wait_for_lines("job", 5)
    plane.die()
    assert processor.job("job").life.secondary == "Pending"
    plane.start(most=1)
    (trained,) = plane.wait_over("job")
    assert trained.life.primary == "Completed"
    job = processor.wait_over("job")
    assert statuses(job) == ["Pending", *USUAL]
    assert (trained.life.ended() or 0.0) <= job.life.steps[1].start
