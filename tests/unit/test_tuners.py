"""The tuners of a home: who drives which tuning job, and what becomes of one that breaks."""

import threading

import pytest

from sagelet.engine import tuners
from sagelet.engine.tuners import Tuners, Tuning
from support.cli import wait_until
from support.tuning import Bench, tuning_request

ACCOUNT, REGION = "123456789012", "eu-west-1"


@pytest.fixture
def store(bench):
    return bench.store


@pytest.fixture
def home(store, bench, monkeypatch):
    monkeypatch.setattr(tuners, "RETRY", 0.01)
    made = Tuners(store, lambda region: (store.in_region(region), bench))
    yield made
    made.stop_all()
    assert made.drain(20)


def test_a_fault_of_ours_fails_a_tuning_job(store, bench, home):
    bench.refusal = RuntimeError("a bug")
    tuning = Tuning(store, Bench(store), home, ACCOUNT)
    tuning.create(tuning_request(), {})
    assert home.drain(20)
    job = store.tuning_jobs.get("search")
    assert job.status == "Failed"
    assert job.failure_reason == "InternalServerError: RuntimeError: a bug"
    assert store.tuning_jobs.tuned("search") == []


def test_what_may_pass_is_waited_for(store, bench, home):
    bench.refusal = OSError("no space left on device")
    tuning = Tuning(store, Bench(store), home, ACCOUNT)
    tuning.create(tuning_request(most=1, parallel=1), {})
    wait_until(lambda: store.tuning_jobs.tuned("search"), "a training job that is to be launched")
    assert store.tuning_jobs.get("search").ending is None
    bench.refusal = None
    wait_until(bench.live, "a training job")
    bench.finish(bench.live()[0].name, 0.5)
    assert home.drain(20)
    assert store.tuning_jobs.get("search").status == "Completed"


def test_one_that_has_the_name_of_one_that_leaves_is_not_taken_for_it(store, bench):
    held, asked = threading.Event(), []

    def in_region(region):
        asked.append(region)
        if len(asked) == 1:
            assert held.wait(20)
        return store.in_region(region), bench

    home = Tuners(store, in_region)
    tuning = Tuning(store, bench, home, ACCOUNT)
    tuning.create(tuning_request(most=1, parallel=1), {})
    (first,) = (thread for thread in threading.enumerate() if thread.name == "tuner-search")
    store.tuning_jobs.delete("search")
    again = tuning.create(tuning_request(most=1, parallel=1), {})
    held.set()
    first.join(20)
    assert not home.idle()
    wait_until(bench.live, "a training job")
    bench.finish(bench.live()[0].name, 0.5)
    home.wake(again.arn)
    assert home.drain(20)
    assert store.tuning_jobs.get("search").status == "Completed"
    assert len(bench.all()) == 1


def test_tuning_jobs_of_one_name_in_two_regions(store):
    benches = {region: Bench(store.in_region(region)) for region in (REGION, "us-east-1")}
    home = Tuners(store, lambda region: (benches[region].store, benches[region]))
    for number, bench in enumerate(benches.values(), start=1):
        tuning = Tuning(bench.store, bench, home, ACCOUNT)
        tuning.create(tuning_request(most=number, parallel=number), {})
    for number, bench in enumerate(benches.values(), start=1):
        wait_until(lambda: len(bench.live()) >= number, "all training jobs")  # noqa: B023
        for job in bench.live():
            bench.finish(job.name, number / 10)
    assert home.drain(20)
    for number, bench in enumerate(benches.values(), start=1):
        assert bench.store.tuning_jobs.get("search").status == "Completed"
        tuned = bench.store.tuning_jobs.tuned("search")
        assert [each.objective for each in tuned] == [number / 10] * number
