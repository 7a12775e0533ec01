"""kill -9 of the control plane amid a tuning job: it goes on where it was."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plane import check_nothing_is_left, plane_on
from support.tuning import Searcher


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def searcher(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Searcher]:
    plane = plane_on(request, home, tmp_path / "code")
    yield Searcher(plane)
    plane.close()


def test_no_training_job_comes_twice_and_none_is_lost(searcher: Searcher) -> None:
    """Killed at other moments of a training job's life each time."""
    plane = searcher.plane
    plane.start()
    searcher.submit(most=8, parallel=2, static={"epochs": "3"}, env={"PAUSE": "0.1"})
    for round_, done in enumerate((1, 2, 4, 5, 7)):
        plane.wait(lambda done=done: searcher.settled() >= done, f"{done} training jobs", 240)
        time.sleep(0.07 * round_)
        plane.die()
        plane.start()
    job = searcher.wait_over()
    assert (job.status, job.failure_reason) == ("Completed", None)
    tuned = searcher.tuned()
    assert [each.name for each in tuned] == [job.training_job_name(n) for n in range(1, 9)]
    assert {each.status for each in tuned} == {"Completed"}
    assert [each.epochs for each in tuned] == [3] * 8
    assert {j.name for j in plane.store.training_jobs.newest(100)} == {t.name for t in tuned}
    check_nothing_is_left(plane)
    searcher.submit("again", most=8, parallel=4, static={"epochs": "1"})
    searcher.wait_over("again")
    assert [each.tuned for each in searcher.tuned("again")] == [each.tuned for each in tuned]


def test_killed_as_its_training_job_begins(searcher: Searcher) -> None:
    plane = searcher.plane
    plane.start(die_at="Training")
    plane._ask("tuning.create", [[searcher.request(most=3, parallel=1), {}]], "us-east-1")
    plane.wait_for_death()
    plane.start()
    assert searcher.wait_over().status == "Completed"
    assert [each.status for each in searcher.tuned()] == ["Completed"] * 3
    assert len(plane.store.training_jobs.newest(100)) == 3


def test_a_stop_that_was_asked_for_is_remembered(searcher: Searcher) -> None:
    plane = searcher.plane
    plane.start()
    searcher.submit(most=9, parallel=2, static={"epochs": "10000"}, env={"PAUSE": "0.1"})
    plane.wait(lambda: [t.submitted for t in searcher.tuned()] == [True] * 2, "two jobs")
    plane.die()
    plane.store.tuning_jobs.save_ending("search", "Stopped", None, time.time())
    plane.start()
    assert searcher.wait_over().status == "Stopped"
    assert [each.status for each in searcher.tuned()] == ["Stopped", "Stopped"]
    check_nothing_is_left(plane)
