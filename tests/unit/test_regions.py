"""One home, several regions: each sees its own; listings and final values against plain Python."""

import itertools
import json
import math
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.experiments import component_of, outputs_of
from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.metrics import Datum
from sagelet.domain.training import TrainingJob
from sagelet.domain.warm_pool import WarmPoolStatus, pool_of, warm_pool
from sagelet.store import database as database_module
from sagelet.store import open_store
from sagelet.store.database import Database
from sagelet.store.training_jobs import Filter

ACCOUNT = "123456789012"
TO_THE_END = (Event.PREPARED, Event.STAGED, Event.HOSTS_SUCCEEDED, Event.STORED)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One home for all examples: each takes a region of its own, which is a test in itself."""
    store = open_store(tmp_path_factory.mktemp("regions") / "home", "eu-west-1")
    yield store
    store.database.close()


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "home", "eu-west-1")
    yield store
    store.database.close()


@pytest.fixture
def other(store):
    return store.in_region("us-east-1")


@pytest.fixture(scope="session")
def add(request_of):
    def add(view, name, created=100.0, **members):
        request = request_of(TrainingJobName=name, **members)
        job = TrainingJob(request, ACCOUNT, view.region, created, begin(created))
        view.training_jobs.add(job)
        return job

    return add


def lived(created, *events):
    life = begin(created)
    for second, event in enumerate(events, start=1):
        life, _ = advance(life, event, created + second, "why")
    return life


def everything(view, **wanted):
    rows = view.training_jobs.select(
        Filter(**wanted), "CreationTime", descending=False, limit=99, after=None, now=0.0
    )
    return [row.name for row in rows]


def test_a_name_is_free_in_another_region(store, other, add):
    add(store, "a")
    add(other, "a", 200.0)
    with pytest.raises(ResourceInUse, match="eu-west-1"):
        add(store, "a")
    assert store.training_jobs.get("a").created == 100.0
    assert other.training_jobs.get("a").created == 200.0
    assert ":us-east-1:" in other.training_jobs.get("a").arn


def test_names_differ_in_more_than_case(store, other, add):
    """ARNs have them in lower case."""
    add(store, "Job")
    with pytest.raises(ResourceInUse):
        add(store, "job")
    add(other, "job")
    assert store.training_jobs.has("JOB")


def test_a_region_sees_its_own_jobs_only(store, other, add):
    add(store, "a")
    add(other, "b")
    assert (everything(store), everything(other)) == (["a"], ["b"])
    assert not store.training_jobs.has("b")
    with pytest.raises(ValidationException, match="Requested resource not found"):
        other.training_jobs.get("a")


def test_what_runs_is_asked_over_all_regions(store, other, add):
    add(store, "a", 3.0)
    add(other, "a", 1.0)
    add(store, "b", 2.0)
    assert [(j.region, j.name) for j in other.training_jobs.live()] == [
        ("us-east-1", "a"),
        ("eu-west-1", "b"),
        ("eu-west-1", "a"),
    ]
    store.training_jobs.save_life("a", lived(3.0, *TO_THE_END), 9.0)
    assert other.training_jobs.counts() == {"InProgress": 2, "Completed": 1}
    assert store.training_jobs.counts("us-east-1") == other.job_table.counts() == {"InProgress": 1}


def test_no_change_reaches_another_region(store, other, add):
    for view in (store, other):
        add(view, "a", ResourceConfig={"InstanceCount": 1, "KeepAlivePeriodInSeconds": 60})
        view.metrics.append("a", "algo-1", [Datum("m", 1.0, 1.0)])
        view.models.reserve("digits", "a", 1.0)
    before = other.training_jobs.get("a")
    jobs = store.training_jobs
    jobs.save_life("a", lived(100.0, *TO_THE_END), 500.0)
    jobs.save_backend("a", "docker")
    jobs.save_admission("a", [["0"]])
    jobs.save_launch("a", 7.0)
    jobs.save_attempt("a", 2)
    jobs.save_artifacts("a", {"model": "file:///m"}, 200.0)
    jobs.save_request("a", {**before.request, "RoleArn": "x"}, 1)
    jobs.save_reuse("a", "b", 8.0)
    jobs.note("a", "note")
    jobs.request_stop("a", 9.0)
    store.metrics.append("a", "algo-1", [Datum("m", 2.0, 2.0)])
    store.metrics.forget("a", "algo-1")
    store.models.publish("a", 1)
    assert other.training_jobs.get("a") == before
    assert [d.value for d in other.metrics.series("a", "m")] == [1.0]
    assert other.models.of_job("a") is None
    jobs.delete("a")
    assert other.training_jobs.get("a") == before
    assert other.metrics.final("a") == [Datum("m", 1.0, 1.0)]


def test_models_are_numbered_over_all_regions_but_belong_to_one(store, other):
    assert store.models.reserve("digits", "a", 1.0) == 1
    assert other.models.reserve("digits", "a", 1.0) == 2
    for view in (store, other):
        view.models.publish("a", 1)
    assert [(v.version, v.region) for v in store.models.published()] == [
        (1, "eu-west-1"),
        (2, "us-east-1"),
    ]
    assert other.models.of_job("a").version == 2


def test_folders_are_apart_and_the_database_is_shared(store, other):
    assert store.home.job("a") != other.home.job("a")
    assert store.home.log("a", "algo-1").is_relative_to(store.home.root / "jobs" / "eu-west-1")
    assert store.home.root == other.home.root
    assert store.database is other.database
    assert store.in_region("eu-west-1") is store


@pytest.mark.parametrize("name", ["", "..", "a/b", "US-EAST-1", "-x", "a" * 64, "us east", "é"])
def test_what_is_no_region_is_refused(store, name):
    with pytest.raises(ValidationException, match="is not a region's name"):
        store.in_region(name)
    assert {path.name for path in store.home.root.iterdir()} >= {"jobs", "models"}
    assert {path.name for path in (store.home.root / "jobs").iterdir()} == {"eu-west-1"}


def test_warm_pools_come_as_they_end_and_stay_in_their_region(store, other, add):
    for view, name, keep, ended in (
        (store, "long", 900, 100.0),
        (store, "short", 60, 120.0),
        (store, "over", 60, 10.0),
        (store, "taken", 900, 100.0),
        (other, "elsewhere", 900, 100.0),
    ):
        add(
            view, name, ended - 4,
            ResourceConfig={"InstanceCount": 1, "KeepAlivePeriodInSeconds": keep},
        )  # fmt: skip
        view.training_jobs.save_life(name, lived(ended - 4, *TO_THE_END), ended)
    add(store, "cold")
    add(store, "alive", ResourceConfig={"InstanceCount": 1, "KeepAlivePeriodInSeconds": 60})
    store.training_jobs.save_reuse("taken", "x", 101.0)
    assert [job.name for job in store.training_jobs.warm(130.0)] == ["short", "long"]


def listing(view, wanted, sort_by, *, descending, size, now):
    """All pages, one after the other."""
    found, after = [], None
    while True:
        rows = view.training_jobs.select(
            wanted, sort_by, descending=descending, limit=size, after=after, now=now
        )
        found += rows
        if len(rows) < size:
            return found
        after = (rows[-1].sort, rows[-1].name)


TIMES = st.integers(0, 6).map(float)
PLAN_A = "arn:aws:sagemaker:eu-west-1:123456789012:training-plan/a"
JOBS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text("abAB-9", min_size=1, max_size=4).map(lambda text: f"j{text}9"),
            "created": TIMES,
            "events": st.sampled_from(
                [(), TO_THE_END[:2], (Event.FAULTED,), TO_THE_END, (Event.STOP_REQUESTED,)]
            ),
            "changed": TIMES,
            "keep": st.sampled_from([0, 0, 1, 3]),
            "reused": st.booleans(),
            "plan": st.sampled_from([None, None, PLAN_A]),
        }
    ),
    unique_by=lambda job: job["name"].lower(),
    max_size=12,
)
FILTERS = st.builds(
    Filter,
    name_contains=st.none() | st.sampled_from(["a", "B", "-", "9", "ab", "zz", "%", "_"]),
    created_after=st.none() | TIMES,
    created_before=st.none() | TIMES,
    modified_after=st.none() | TIMES,
    modified_before=st.none() | TIMES,
    status=st.none() | st.sampled_from(["InProgress", "Completed", "Failed", "Stopping"]),
    warm_pool=st.none() | st.sampled_from(sorted(WarmPoolStatus)),
    training_plan=st.none() | st.just(PLAN_A),
)
REGIONS = (f"r-{number}" for number in itertools.count())


def is_wanted(job, wanted, now):
    pool = warm_pool(job, now)
    plan = job.request["ResourceConfig"].get("TrainingPlanArn")
    return all(
        (
            wanted.name_contains is None or wanted.name_contains.lower() in job.name.lower(),
            wanted.created_after is None or job.created > wanted.created_after,
            wanted.created_before is None or job.created < wanted.created_before,
            wanted.modified_after is None or job.modified > wanted.modified_after,
            wanted.modified_before is None or job.modified < wanted.modified_before,
            wanted.status is None or job.life.primary == wanted.status,
            wanted.warm_pool is None or (pool is not None and pool.status == wanted.warm_pool),
            wanted.training_plan is None or plan == wanted.training_plan,
        )
    )


@settings(deadline=None, max_examples=150)
@given(
    JOBS,
    FILTERS,
    st.sampled_from(["Name", "CreationTime", "Status"]),
    st.booleans(),
    st.integers(1, 5),
    TIMES.map(lambda time: time + 3),
)
def test_a_listing_is_what_plain_python_makes_of_it(
    home, add, jobs, wanted, sort_by, descending, size, now
):
    view = home.in_region(next(REGIONS))
    for job in jobs:
        resources = {"InstanceCount": 1, "KeepAlivePeriodInSeconds": job["keep"]}
        if job["plan"]:
            resources["TrainingPlanArn"] = job["plan"]
        add(view, job["name"], job["created"], ResourceConfig=resources)
        life = lived(job["created"], *job["events"])
        view.training_jobs.save_life(job["name"], life, job["changed"])
        if job["reused"] and life.over:
            view.training_jobs.save_reuse(job["name"], "next", 50.0)
    kept = [view.training_jobs.get(job["name"]) for job in jobs]
    column = {
        "Name": lambda job: job.name,
        "CreationTime": lambda job: job.created,
        "Status": lambda job: job.life.primary,
    }[sort_by]
    expected = sorted(
        (job for job in kept if is_wanted(job, wanted, now)),
        key=lambda job: (column(job), job.name),
        reverse=descending,
    )
    rows = listing(view, wanted, sort_by, descending=descending, size=size, now=now)
    assert [row.name for row in rows] == [job.name for job in expected]
    for row, job in zip(rows, expected, strict=True):
        assert (row.created, row.modified, row.status, row.secondary, row.ended) == (
            job.created, job.modified, job.life.primary, job.life.secondary, job.life.ended(),
        )  # fmt: skip
        assert row.sort == column(job)
        assert row.arn(view.region) == job.arn
        assert warm_pool(job, now) == pool_of(
            row.keep_alive, row.ended, row.reused_by, row.reused_at, row.pool_ended, now
        )


def test_a_page_goes_on_where_the_last_one_ended_whatever_came_meanwhile(store, add):
    for number in range(6):
        add(store, f"j{number}", float(number // 2))
    first = store.training_jobs.select(
        Filter(), "CreationTime", descending=True, limit=3, after=None, now=0.0
    )
    add(store, "newer", 99.0)
    store.training_jobs.delete("j3")
    rest = store.training_jobs.select(
        Filter(), "CreationTime", descending=True, limit=9, now=0.0,
        after=(first[-1].sort, first[-1].name),
    )  # fmt: skip
    assert [row.name for row in (*first, *rest)] == ["j5", "j4", "j3", "j2", "j1", "j0"]


NAMES = ["loss", "acc", "", "ü", "loss2"]
#: SQLite keeps no negative zero.
VALUES = st.floats(allow_nan=True).map(lambda value: value + 0.0) | st.just(math.nan)
HOSTS = st.sampled_from(["algo-1", "algo-2"])
BATCHES = st.lists(
    st.tuples(
        HOSTS,
        st.none()  # this host's data are told anew
        | st.lists(st.tuples(st.sampled_from(NAMES), VALUES, st.floats(0, 9)), max_size=5),
    ),
    max_size=12,
)


def same(found, expected):
    assert [(d.name, repr(d.value), d.time) for d in found] == [
        (d.name, repr(d.value), d.time) for d in expected
    ]


@settings(deadline=None, max_examples=150)
@given(BATCHES)
def test_final_metrics_are_the_last_of_each_name(home, add, batches):
    view = home.in_region(next(REGIONS))
    kept = []
    for job in ("a", "b"):  # a second job of the same data must not show
        add(view, job)
    view.metrics.append("b", "algo-1", [Datum("loss", 9.0, 9.0), Datum("zz", 9.0, 9.0)])
    for host, data in batches:
        if data is None:
            view.metrics.forget("a", host)
            kept = [(h, d) for h, d in kept if h != host]
        else:
            batch = [Datum(*item) for item in data]
            view.metrics.append("a", host, batch)
            kept += [(host, datum) for datum in batch]
    final = {datum.name: datum for _, datum in kept}
    same(view.metrics.final("a"), [final[name] for name in sorted(final)])
    for name in NAMES:
        same(view.metrics.series("a", name), [d for _, d in kept if d.name == name])


OLD = Path(database_module.__file__).with_name("migrations") / "0001_training.sql"


def old_request(request_of, name):
    given = {"lr": "0.5", "optimizer": '"sgd"', "mixed": "1x"}
    return request_of(TrainingJobName=name, HyperParameters=given)


def an_old_database(path, request_of):
    """What the first version wrote: (name, region, secondary, ending, over)."""
    connection = sqlite3.connect(path)
    connection.executescript(OLD.read_text())
    connection.execute("PRAGMA user_version = 1")
    for number, (name, region, ending, *statuses) in enumerate(
        [
            ("done", "eu-west-1", "Completed", "Starting", "Uploading", "Completed"),
            ("late", "eu-west-1", "MaxRuntimeExceeded", "Stopping", "MaxRuntimeExceeded"),
            ("broken", "us-east-1", "Failed", "Starting", "Failed"),
            ("live", "eu-west-1", None, "Starting", "Downloading", "Training"),
            ("leaving", "eu-west-1", "Stopped", "Stopping", "Uploading"),
        ]
    ):
        steps = [[status, 10.0 + n, 11.0 + n, "m"] for n, status in enumerate(statuses)]
        over = statuses[-1] == ending
        connection.execute(
            "INSERT INTO training_jobs VALUES (?, ?, ?, ?, 10, 99, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                name,
                json.dumps(old_request(request_of, name)),
                ACCOUNT,
                region,
                statuses[-1],
                ending,
                "AlgorithmError: x" if ending == "Failed" else None,
                json.dumps(steps),
                int(over),
                "process",
                50.0 + number if name == "leaving" else None,
                '{"model": "file:///m"}' if over else "{}",
            ),
        )
    connection.executemany(
        "INSERT INTO metrics VALUES (?, ?, ?, 'algo-1', ?, ?)",
        [("done", "m", 0, 1.0, 0.5), ("done", "m", 1, 2.0, None), ("broken", "m", 0, 1.0, 7.0)],
    )
    connection.executemany(
        "INSERT INTO model_versions VALUES ('digits', ?, ?, 20, ?)",
        [(1, "done", 42), (2, "late", 43), (3, "leaving", None)],
    )
    connection.commit()
    connection.close()


@pytest.fixture
def migrated(tmp_path, request_of):
    root = tmp_path / "home"
    root.mkdir()
    an_old_database(root / "sagelet.db", request_of)
    store = open_store(root, "eu-west-1")
    yield store
    store.database.close()


def test_an_old_home_s_jobs_are_kept_each_in_its_region(migrated, request_of):
    assert everything(migrated) == ["done", "late", "leaving", "live"]
    assert everything(migrated.in_region("us-east-1")) == ["broken"]
    done = migrated.training_jobs.get("done")
    assert done.request == old_request(request_of, "done")
    assert [step.status for step in done.life.steps] == ["Starting", "Uploading", "Completed"]
    assert (done.created, done.modified, done.backend) == (10.0, 99.0, "process")
    assert (done.artifacts, done.attempt, done.keep_alive) == ({"model": "file:///m"}, 1, 0)
    assert migrated.training_jobs.get("leaving").stop_requested == 54.0
    broken = migrated.in_region("us-east-1").training_jobs.get("broken")
    assert broken.life.failure_reason == "AlgorithmError: x"


def test_the_columns_of_an_old_job_say_what_its_life_says(migrated):
    for view in (migrated, migrated.in_region("us-east-1")):
        rows = view.training_jobs.select(
            Filter(), "Name", descending=False, limit=9, after=None, now=0.0
        )
        for row in rows:
            life = view.training_jobs.get(row.name).life
            assert (row.status, row.secondary, row.ended) == (
                life.primary, life.secondary, life.ended(),
            )  # fmt: skip
    assert [job.name for job in migrated.training_jobs.live()] == ["live", "leaving"]
    assert migrated.training_jobs.counts() == {
        "Completed": 1, "Stopped": 1, "Failed": 1, "InProgress": 1, "Stopping": 1,
    }  # fmt: skip


def test_an_old_job_s_hosts_count_as_launched_with_its_type_s_limits(migrated):
    live = migrated.training_jobs.get("live")
    assert live.launched is not None
    assert live.simulate


def test_an_old_home_s_metrics_and_models_are_kept(migrated):
    series = migrated.metrics.series("done", "m")
    assert [(repr(d.value), d.time) for d in series] == [("0.5", 1.0), ("nan", 2.0)]
    assert migrated.in_region("us-east-1").metrics.final("broken") == [Datum("m", 7.0, 1.0)]
    versions = migrated.models.published("digits")
    assert [(v.version, v.job, v.region, v.size) for v in versions] == [
        (1, "done", "eu-west-1", 42),
        (2, "late", "eu-west-1", 43),
    ]
    assert migrated.models.reserve("digits", "leaving", 1.0) == 3
    assert migrated.models.reserve("digits", "new", 1.0) == 4


def test_keys_between_the_tables_hold_after_the_migration(migrated):
    migrated.metrics.append("nobody", "algo-1", [Datum("m", 1.0, 1.0)])
    assert migrated.metrics.final("nobody") == []
    migrated.training_jobs.delete("done")
    assert migrated.metrics.final("done") == []
    check = migrated.database.connection().execute("PRAGMA foreign_key_check")
    assert check.fetchall() == []


def test_an_old_job_gets_the_component_that_a_new_one_has(migrated):
    for view in (migrated, migrated.in_region("us-east-1")):
        for job in view.training_jobs.newest(9):
            made = component_of(job)
            found = view.trial_components.get(made.name, job.account)
            assert found.component.parameters == made.parameters
            document = {**made.document, "OutputArtifacts": outputs_of(job)}
            assert found.component.document == {k: v for k, v in document.items() if v}
            assert found.component.created == job.created
    ((name, summary),) = migrated.trial_components.get("done-aws-training-job", "1").metrics
    assert (name, summary.count, summary.numbers) == ("m", 2, 1)
    assert (summary.least, summary.mean, summary.deviation) == (0.5, 0.5, 0.0)
    assert (repr(summary.last), summary.time) == ("nan", 2.0)


def test_a_migrated_file_has_the_schema_of_a_fresh_one(migrated, tmp_path):
    fresh = Database(tmp_path / "fresh.db")

    def schema(database):
        rows = database.connection().execute("SELECT type, name, sql FROM sqlite_schema")
        return sorted(map(tuple, rows), key=repr)

    assert schema(migrated.database) == schema(fresh)
    fresh.close()
