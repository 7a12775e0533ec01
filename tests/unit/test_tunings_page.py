"""What pages are told of tuning jobs."""

import dataclasses

import pytest

from sagelet.domain.jobs import OBJECTIVE_METRIC, Job
from sagelet.domain.metrics import Datum
from sagelet.engine.bus import Bus
from sagelet.engine.tuner import Tuner
from sagelet.store.calls import Calls
from sagelet.web.events import Cursor, Reader, Watch
from sagelet.web.routes import create_web
from sagelet.web.sources import Sources
from sagelet.web.tuning_views import course, tuning_row
from support.asgi import ask as asgi
from support.tuning import ACCOUNT, REGION, Bench, tuning_job


@pytest.fixture
def bench(ask):
    return Bench(ask.store)


@pytest.fixture
def web(bench, tmp_path):
    app = create_web(
        Sources(
            account=ACCOUNT,
            region=REGION,
            home=tmp_path,
            context_for=lambda region: (bench.store.in_region(region), None),
            bus=Bus(),
            calls=Calls(),
            about={},
            settings=list,
        )
    )
    return lambda path, **query: asgi(app, f"/_api/{path}", **query)


def launch(bench: Bench, bus: Bus | None = None, **given) -> tuple[Tuner, list[Job]]:
    """A tuning job whose first two training jobs run."""
    bench.store.tuning_jobs.add(tuning_job(**given), {})
    tuner = Tuner(bench.store, bench, "search", clock=lambda: bench.now, bus=bus)
    tuner.step()
    return tuner, bench.all()


def test_a_tuning_job_and_its_training_jobs(bench, web):
    tuner, jobs = launch(bench)
    bench.finish(jobs[0].name, 0.5, 0.75)
    bench.emit(jobs[1].name, 0.25)
    tuner.step()
    status, found = web("tuning-jobs/search")
    assert status == 200
    assert found["best"]["name"] == jobs[0].name
    assert found["objective"] == {"name": "acc", "low": False}
    assert (found["launched"], found["most"]) == (3, 6)
    first, second, _ = found["jobs"]
    assert (first["objective"], first["counts"], first["settled"]) == (0.75, True, True)
    assert (second["objective"], second["counts"], second["settled"]) == (0.25, False, False)
    assert isinstance(first["parameters"]["lr"], float)
    assert first["parameters"]["way"] in ("adam", "sgd")
    assert {each["name"] for each in found["definitions"][0]["ranges"]} == {"lr", "hidden", "way"}
    [row] = web("tuning-jobs")[1]["rows"]
    assert (row["name"], row["course"]) == ("search", [0.75])
    assert web("tuning-jobs", names="true")[1] == {"more": False, "rows": [{"name": "search"}]}
    assert web("tuning-jobs", filter="nothing")[1]["rows"] == []
    assert web("tuning-jobs/other")[0] == 400
    assert web(f"jobs/{jobs[0].name}/series")[0] == 200


def test_a_region_is_one_with_anything_to_look_at(bench, web):
    assert web("about")[1]["regions"] == [REGION]
    there = bench.store.in_region("us-east-1")
    there.tuning_jobs.add(dataclasses.replace(tuning_job(), region="us-east-1"), {})
    launch(bench)
    assert bench.store.regions() == there.regions() == [REGION, "us-east-1"]
    assert web("about")[1]["regions"] == [REGION, "us-east-1"]
    assert web("about", region="us-east-1")[1]["counts"] == {}
    assert web("about")[1]["counts"] == {"InProgress": 2}


def test_training_jobs_tell_whose_they_are_and_their_objective_once(bench, web):
    tuner, jobs = launch(bench)
    for name in ("acc", OBJECTIVE_METRIC):
        bench.store.metrics.append(jobs[0].name, "algo-1", [Datum(name, 0.5, 1.0)])
    assert list(web(f"jobs/{jobs[0].name}/series")[1]["series"]) == ["acc"]
    assert web("about")[1]["metrics"] == ["acc"]
    assert [row["tuning"] for row in web("jobs")[1]["rows"]] == ["search"] * 2
    reader = Reader(bench.store, Calls(), Watch(REGION, job=jobs[0].name), Cursor())
    assert [list(found["series"]) for kind, found in reader.read(None) if kind == "metrics"] == [
        ["acc"]
    ]
    columns = web("components")[1]["columns"]
    assert [each["name"] for each in columns["metrics"]] == ["acc"]
    bench.store.metrics.append(jobs[1].name, "algo-1", [Datum(OBJECTIVE_METRIC, 0.5, 1.0)])
    columns = web("components")[1]["columns"]
    assert [each["name"] for each in columns["metrics"]] == ["acc", OBJECTIVE_METRIC]
    assert not tuner.step()


def test_only_what_is_new_is_told(bench):
    tuner, jobs = launch(bench)
    reader = Reader(bench.store, Calls(), Watch(REGION, tuning="search"), Cursor())
    [(kind, whole)] = reader.read(None)
    assert (kind, [job["number"] for job in whole["jobs"]]) == ("tuning", [1, 2])
    assert reader.read({("tuning", REGION, "search")}) == []
    bench.emit(jobs[1].name, 0.25)
    [(_, event)] = reader.read({("metrics", REGION, jobs[1].name)})
    assert [(job["number"], job["objective"]) for job in event["jobs"]] == [(2, 0.25)]
    bench.finish(jobs[0].name, 0.5)
    tuner.step()
    [(_, event)] = reader.read({("job", REGION, jobs[0].name)})
    assert [job["number"] for job in event["jobs"]] == [1, 3]
    assert event["best"]["number"] == 1
    bench.store.tuning_jobs.delete("search")
    assert reader.read({("tuning", REGION, "search")}) == [("gone", {"tuning": "search"})]


def test_a_page_hears_of_its_tuning_job_only():
    watch = Watch(REGION, tuning="search")
    assert watch.wants(("tuning", REGION, "search"))
    assert watch.wants(("metrics", REGION, "search-001-abcdef12"))
    assert not watch.wants(("job", REGION, "searching"))
    assert not watch.wants(("tuning", REGION, "other"))
    assert not watch.wants(("tuning", "us-east-1", "search"))
    assert Watch(REGION, tunings=True).wants(("tuning", REGION, "other"))
    assert not Watch(REGION, jobs=True).wants(("tuning", REGION, "other"))


def test_a_tuner_says_what_it_stored(bench):
    bus = Bus()
    with bus.listen(lambda topic: topic[0] == "tuning", lambda: None) as listener:
        tuner, jobs = launch(bench, bus, most=2)
        assert listener.take() == {("tuning", REGION, "search")}
        tuner.step()
        assert listener.take() == set()
        for job in jobs:
            bench.finish(job.name, 0.5)
        while not tuner.step():
            pass
        assert listener.take() == {("tuning", REGION, "search")}


def test_a_course_is_the_best_so_far(bench):
    tuner, jobs = launch(bench)
    bench.finish(jobs[0].name, 0.5)
    tuner.step()
    [one, *_] = bench.store.tuning_jobs.tuned("search")
    rows = [
        dataclasses.replace(one, number=number, objective=value)
        for number, value in enumerate([0.5, 0.25, None, 0.75], 1)
    ]
    assert course(rows, maximize=True) == [0.5, 0.5, 0.75]
    assert course(rows, maximize=False) == [0.5, 0.25, 0.25]
    assert len(course(rows * 100, maximize=True)) == 60
    assert tuning_row(tuning_job(), [])["best"] is None
