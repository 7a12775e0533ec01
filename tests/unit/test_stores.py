"""Jobs, metrics and model versions in a real database; places in a home."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.metrics import Datum
from sagelet.domain.training import TrainingJob
from sagelet.store import open_store
from sagelet.store.home import remove_tree


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "home", "eu-west-1")
    yield store
    store.database.close()


@pytest.fixture
def add(store, request_of):
    def add(name, created=100.0):
        job = TrainingJob(
            request_of(TrainingJobName=name, HyperParameters={"ü": '"1"'}),
            "123456789012",
            "eu-west-1",
            created,
            begin(created),
        )
        store.training_jobs.add(job)
        return job

    return add


def lived(*events):
    life = begin(100.0)
    for second, event in enumerate(events, start=101):
        life, _ = advance(life, event, float(second), "why")
    return life


def test_a_job_comes_back_as_it_was(store, add):
    job = add("a")
    back = store.training_jobs.get("a")
    assert (back.request, back.arn, back.created, back.life) == (
        job.request, job.arn, job.created, job.life,
    )  # fmt: skip
    assert (back.backend, back.stop_requested, back.artifacts) == (None, None, {})


@pytest.mark.parametrize(
    "events",
    [
        (),
        (Event.PREPARED, Event.STAGED, Event.STOP_REQUESTED, Event.HOSTS_FAILED),
        (Event.PREPARED, Event.STAGED, Event.HOSTS_FAILED, Event.STORED),
    ],
)
def test_a_life_comes_back_as_it_was(store, add, events):
    add("a")
    life = lived(*events)
    store.training_jobs.save_life("a", life, 500.0)
    back = store.training_jobs.get("a")
    assert (back.life, back.modified) == (life, 500.0)


def test_what_is_learned_of_a_job_is_kept(store, add):
    add("a")
    jobs = store.training_jobs
    jobs.save_backend("a", "docker")
    jobs.save_artifacts("a", {"model": "file:///m"}, 200.0)
    jobs.save_admission("a", [["0", "GPU-1"], []])
    jobs.save_launch("a", 7.0)
    jobs.save_attempt("a", 2)
    jobs.save_reuse("a", "b", 8.0)
    jobs.note("a", 'it\'s "so"')
    jobs.note("a", "ü")
    back = jobs.get("a")
    assert (back.backend, back.artifacts) == ("docker", {"model": "file:///m"})
    assert (back.devices, back.launched, back.attempt) == ((("0", "GPU-1"), ()), 7.0, 2)
    assert (back.reused_by, back.reused_at, back.notes) == ("b", 8.0, ('it\'s "so"', "ü"))
    jobs.save_launch("a", None)
    assert jobs.get("a").launched is None


def test_what_a_job_is_made_with_is_kept(store, request_of):
    job = TrainingJob(
        request_of(TrainingJobName="a"), "1" * 12, "eu-west-1", 1.0, begin(1.0, waiting=True),
        simulate=True, confined=True, devices=(("0",),),
    )  # fmt: skip
    store.training_jobs.add(job)
    back = store.training_jobs.get("a")
    assert (back.simulate, back.confined, back.devices, back.life) == (
        True, True, (("0",),), job.life,
    )  # fmt: skip


def test_a_deleted_job_s_name_is_free_and_its_metrics_are_gone(store, add):
    add("a")
    store.metrics.append("a", "algo-1", [Datum("m", 1.0, 1.0)])
    store.training_jobs.delete("a")
    assert not store.training_jobs.has("a")
    add("a")
    assert store.metrics.final("a") == []


def test_a_name_is_taken_once(store, add):
    add("a")
    store.training_jobs.save_backend("a", "docker")
    with pytest.raises(ResourceInUse, match="training-job/a"):
        add("a")
    assert store.training_jobs.get("a").backend == "docker"


def test_of_many_that_want_one_name_one_gets_it(store, add):
    def attempt(_):
        try:
            add("a")
        except ResourceInUse:
            return 0
        finally:
            store.database.close()
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_an_unknown_job_is_sagemaker_s_validation_error(store):
    with pytest.raises(ValidationException, match="Requested resource not found"):
        store.training_jobs.get("nobody")
    assert not store.training_jobs.has("nobody")


def test_live_jobs_come_in_the_order_they_came(store, add):
    for name, created in (("z", 2.0), ("old", 1.0), ("new", 3.0), ("over", 2.0), ("a", 2.0)):
        add(name, created)
    store.training_jobs.save_life("over", lived(Event.FAULTED), 9.0)
    assert [job.name for job in store.training_jobs.live()] == ["old", "z", "a", "new"]


def test_the_first_stop_request_counts(store, add):
    add("a")
    store.training_jobs.request_stop("a", 5.0)
    store.training_jobs.request_stop("a", 6.0)
    assert store.training_jobs.get("a").stop_requested == 5.0


def test_metrics_keep_their_order_over_batches_and_hosts(store, add):
    add("a")
    store.metrics.append("a", "algo-1", [Datum("m", 1.0, 10.0), Datum("n", 7.0, 10.0)])
    store.metrics.append("a", "algo-2", [Datum("m", 3.0, 9.0), Datum("m", 2.0, 9.0)])
    store.metrics.append("a", "algo-1", [])
    assert [d.value for d in store.metrics.series("a", "m")] == [1.0, 3.0, 2.0]
    assert store.metrics.final("a") == [Datum("m", 2.0, 9.0), Datum("n", 7.0, 10.0)]


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e-308, -0.5, 2.0**60])
def test_any_number_comes_back(store, add, value):
    add("a")
    store.metrics.append("a", "algo-1", [Datum("m", value, 1.0)])
    assert repr(store.metrics.final("a")[0].value) == repr(value)


def test_nan_comes_back_as_nan(store, add):
    add("a")
    store.metrics.append("a", "algo-1", [Datum("m", 1.0, 1.0), Datum("m", math.nan, 2.0)])
    (final,) = store.metrics.final("a")
    assert (math.isnan(final.value), final.time) == (True, 2.0)


def test_a_host_s_metrics_can_be_told_anew(store, add):
    add("a")
    store.metrics.append("a", "algo-1", [Datum("m", 1.0, 1.0)])
    store.metrics.append("a", "algo-2", [Datum("m", 2.0, 2.0)])
    store.metrics.forget("a", "algo-1")
    store.metrics.append("a", "algo-1", [Datum("m", 1.0, 1.0)])
    assert [d.value for d in store.metrics.series("a", "m")] == [2.0, 1.0]


def test_jobs_have_metrics_of_their_own(store, add):
    add("a")
    add("b")
    store.metrics.append("a", "algo-1", [Datum("m", 1.0, 1.0)])
    assert store.metrics.final("b") == []


def test_a_job_keeps_the_version_it_reserved(store):
    assert store.models.reserve("m", "job-1", 1.0) == 1
    assert store.models.reserve("m", "job-2", 2.0) == 2
    assert store.models.reserve("m", "job-1", 3.0) == 1
    assert store.models.reserve("other", "job-3", 4.0) == 1


def test_reserving_at_once_gives_each_job_its_own_version(store):
    def reserve(number):
        try:
            return store.models.reserve("m", f"job-{number}", 1.0)
        finally:
            store.database.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(reserve, range(24))) == list(range(1, 25))


def test_a_version_counts_once_it_is_published(store):
    store.models.reserve("m", "job-1", 1.0)
    assert (store.models.published(), store.models.of_job("job-1")) == ([], None)
    store.models.publish("job-1", 42)
    (version,) = store.models.published("m")
    assert (version.name, version.version, version.job, version.size) == ("m", 1, "job-1", 42)
    assert store.models.of_job("job-1") == version
    assert store.models.published("other") == []


def test_a_released_version_is_free_again_but_a_published_one_stays(store):
    store.models.reserve("m", "job-1", 1.0)
    store.models.release("job-1")
    assert store.models.reserve("m", "job-2", 2.0) == 1
    store.models.publish("job-2", 1)
    store.models.release("job-2")
    assert store.models.reserve("m", "job-3", 3.0) == 2


def test_versions_are_sorted_as_numbers(store):
    for number in range(1, 12):
        store.models.reserve("m", f"job-{number}", 1.0)
        store.models.publish(f"job-{number}", 1)
    assert [v.version for v in store.models.published("m")] == list(range(1, 12))


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://bucket/a/b", "s3/bucket/a/b"),
        ("s3://bucket/../../etc/passwd", "s3/bucket/etc/passwd"),
        ("s3://bucket//a/./b/", "s3/bucket/a/b"),
        ("s3://bucket/a%20b", "s3/bucket/a%20b"),
    ],
)
def test_s3_lies_under_the_home(store, uri, place):
    assert store.home.path_of(uri) == store.home.root / place


@pytest.mark.parametrize(
    ("uri", "path"),
    [("file:///a%20b/%C3%BC", "/a b/ü"), ("file:///a b/ü", "/a b/ü"), ("file:///a%2525", "/a%25")],
)
def test_file_uris_are_unquoted(store, uri, path):
    assert store.home.path_of(uri) == Path(path)


@given(st.text())
def test_no_s3_uri_leaves_the_home(tmp_path_factory, text):
    root = tmp_path_factory.getbasetemp() / "shared-home"
    from sagelet.store.home import Home

    place = Path(os.path.normpath(Home(root, "eu-west-1").path_of(f"s3://{text}")))
    assert place.is_relative_to(root / "s3")


def test_removing_follows_no_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    doomed = tmp_path / "doomed"
    doomed.mkdir()
    (doomed / "link").symlink_to(outside)
    remove_tree(doomed)
    assert (outside / "precious").exists()
    (tmp_path / "link").symlink_to(outside)
    remove_tree(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["outside"]
    assert (outside / "precious").exists()


def test_removing_what_is_not_there_is_done_already(tmp_path):
    remove_tree(tmp_path / "nothing")
    remove_tree(tmp_path / "no" / "thing")


def test_unreadable_folders_are_removed_too(unprivileged):
    doomed = unprivileged / "doomed"
    (doomed / "a" / "b").mkdir(parents=True)
    (doomed / "a" / "b" / "file").write_text("x")
    for folder in (doomed / "a" / "b", doomed / "a", doomed):
        folder.chmod(0)
    remove_tree(doomed)
    assert not doomed.exists()
