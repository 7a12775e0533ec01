"""What wakes a page that listens, and what it is told."""

from dataclasses import replace

import pytest

from sagelet.aws.witness import changes_storage, changes_tracking
from sagelet.domain.metrics import Datum
from sagelet.domain.usage import Sample
from sagelet.store.calls import Call, Calls
from sagelet.store.usage import Owner
from sagelet.web.events import Cursor, Reader, Watch

REGION = "eu-west-1"


def call(operation, status=200):
    return Call(
        time=1.0,
        took=0.1,
        id="1",
        service="sagemaker",
        operation=operation,
        method="POST",
        path="/",
        region=REGION,
        agent="",
        door="loopback",
        status=status,
        error="",
        request=b"",
        request_size=0,
        response=b"",
        response_size=0,
    )


@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        ("BatchPutMetrics", True),
        ("CreateTrialComponent", True),
        ("DisassociateTrialComponent", True),
        ("AddAssociation", True),
        ("DeleteTags", True),
        ("DescribeTrialComponent", False),
        ("ListTags", False),
        ("CreateTrainingJob", False),
        ("Search", False),
    ],
)
def test_calls_that_change_what_is_tracked(operation, changes):
    assert changes_tracking(call(operation)) is changes
    assert not changes_tracking(call(operation, 400))


@pytest.mark.parametrize(
    ("service", "operation", "changes"),
    [
        ("s3", "PutObject", True),
        ("s3", "DeleteObjects", True),
        ("s3", "CompleteMultipartUpload", True),
        ("s3", "CreateBucket", True),
        ("s3", "UploadPart", False),
        ("s3", "GetObject", False),
        ("sagemaker", "CreateTrainingJob", False),
    ],
)
def test_calls_that_change_what_is_stored(service, operation, changes):
    assert changes_storage(replace(call(operation), service=service)) is changes
    assert not changes_storage(replace(call(operation, 404), service=service))


def test_a_page_of_storage_hears_of_objects_and_of_jobs_of_all_regions(ask):
    watch = Watch(REGION, stored=True)
    assert watch.wants(("storage",))
    assert watch.wants(("job", "us-east-1", "j"))
    assert not watch.wants(("metrics", REGION, "j"))
    assert not Watch(REGION, jobs=True, tracked=True, tuning="s").wants(("storage",))
    reader = Reader(ask.store, Calls(), watch, Cursor())
    assert reader.read(None) == []
    assert reader.read({("storage",)}) == [("stored", {})]


def test_a_page_of_experiments_hears_of_calls_and_of_jobs_of_its_region():
    watch = Watch(REGION, tracked=True)
    assert watch.wants(("tracked", REGION))
    assert watch.wants(("metrics", REGION, "job"))
    assert not watch.wants(("tracked", "us-east-1"))
    assert not watch.wants(("log", REGION, "job", "algo-1"))
    assert not Watch(REGION, jobs=True).wants(("tracked", REGION))


def test_what_is_tracked_is_told_when_it_changed_and_not_else(ask):
    reader = Reader(ask.store, Calls(), Watch(REGION, tracked=True), Cursor())
    assert reader.read(None) == []
    assert reader.read(set()) == []
    assert reader.read({("tracked", REGION)}) == [("tracked", {})]


def test_a_job_s_values_come_once_with_their_steps(ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    ask.store.metrics.append("j", "algo-1", [Datum("m", 0.5, 1.0, 10)])
    reader = Reader(ask.store, Calls(), Watch(REGION, job="j"), Cursor())
    [(kind, found), (_, job)] = reader.read(None)
    assert kind == "metrics"
    assert found["series"]["m"]["step"] == [10]
    assert job["metrics"]["m"]["last"] == 0.5
    assert reader.read({("metrics", REGION, "j")}) == []
    again = Reader(ask.store, Calls(), Watch(REGION, job="j"), Cursor.read(reader.cursor.write()))
    assert [kind for kind, _ in again.read(None)] == ["job"]


@pytest.mark.parametrize("hosts", [("algo-1",), ("algo-1", "algo-2")])
def test_of_very_many_values_a_page_gets_what_it_can_draw(ask, job_of, hosts):
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    count = 20_000 // len(hosts)
    for host in hosts:
        data = [Datum("m", float(at % 7), float(at)) for at in range(count)]
        ask.store.metrics.append("j", host, data)
    reader = Reader(ask.store, Calls(), Watch(REGION, job="j"), Cursor(metrics={"m": 100}))
    found = dict(reader.read(None))["metrics"]["series"]["m"]
    assert len(found["place"]) < 6000
    assert found["place"][0] >= 100
    assert found["place"][-1] == 19_999
    assert found["count"] == 19_900
    if len(hosts) > 1:
        assert found["turn"][-1] == count - 1
    assert reader.cursor.metrics == {"m": 20_000}
    ask.store.metrics.append("j", hosts[0], [Datum("m", 1.0, 1.0)])
    found = dict(reader.read({("metrics", REGION, "j")}))["metrics"]["series"]["m"]
    assert found["place"] == [20_000]


def test_of_very_many_looks_at_hosts_a_page_gets_what_it_can_draw(ask, job_of, monkeypatch):
    monkeypatch.setattr("sagelet.web.events._VALUES", 200)
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    for at in range(300):
        look = Sample("algo-1", float(at), float(at % 7), 2.0, 10, 100)
        ask.store.usage.append({Owner(REGION, "TrainingJob", "j"): [look]})
    reader = Reader(ask.store, Calls(), Watch(REGION, job="j", usage=True), Cursor())
    found = dict(reader.read(None))["usage"]["series"]["cpu"]
    assert len(found["place"]) <= 102
    assert found["time"][-1] == 299.0
    assert reader.cursor.usage == 300


def test_calls_come_once_with_what_is_not_served(ask):
    calls = Calls()
    reader = Reader(ask.store, calls, Watch(REGION, calls=True), Cursor())
    calls.add(call("ListTags"))
    calls.add(call("CreateEndpoint", 501))
    [(kind, found)] = reader.read({("calls",)})
    assert kind == "calls"
    assert [row["operation"] for row in found["rows"]] == ["ListTags", "CreateEndpoint"]
    assert found["missing"] == {"sagemaker CreateEndpoint": 1}
    assert reader.read({("calls",)}) == []


def test_calls_go_on_where_a_page_was_however_many_they_are(ask):
    calls = Calls(before=5000)
    for _ in range(700):
        calls.add(call("ListTags"))
    reader = Reader(ask.store, calls, Watch(REGION, calls=True), Cursor(call=1500))
    [(_, found)] = reader.read(None)
    assert len(found["rows"]) == 700
    assert not found["anew"]
    assert reader.cursor.call == 5700


def test_a_page_that_knows_later_calls_than_there_are_begins_anew(ask):
    calls = Calls()
    reader = Reader(ask.store, calls, Watch(REGION, calls=True), Cursor(call=1500))
    assert [(found["rows"], found["anew"]) for _, found in reader.read(None)] == [([], True)]
    calls.add(call("ListTags"))
    [(_, found)] = reader.read({("calls",)})
    assert [row["number"] for row in found["rows"]] == [1]
    assert not found["anew"]


def test_what_hosts_do_is_told_as_they_do_it(ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    states = {"algo-1": "Waiting", "algo-2": "Waiting"}
    watch = Watch(REGION, job="j")
    reader = Reader(ask.store, Calls(), watch, Cursor(), lambda job: dict(states))
    topic = ("hosts", REGION, "j")
    assert watch.wants(topic)
    assert not Watch(REGION, jobs=True, tracked=True, tuning="s").wants(topic)
    assert [job["hostStates"] for _, job in reader.read(None)] == [states]
    assert reader.read({topic}) == []
    states["algo-2"] = "Running"
    assert [job["hostStates"] for _, job in reader.read({topic})] == [states]


def test_what_hosts_use_comes_once_and_only_to_who_asks(ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="j"))
    owner = Owner(REGION, "TrainingJob", "j")
    topic = ("usage", REGION, "j")

    def look(time):
        found = [Sample(host, time, 50.0, 2.0, 10, 100) for host in ("algo-1", "algo-2")]
        ask.store.usage.append({owner: found})

    look(1.0)
    watch = Watch(REGION, job="j", usage=True)
    assert watch.wants(topic)
    assert not Watch(REGION, job="j", jobs=True, tracked=True, tunings=True).wants(topic)
    assert "usage" not in [
        kind for kind, _ in Reader(ask.store, Calls(), Watch(REGION, job="j"), Cursor()).read(None)
    ]
    reader = Reader(ask.store, Calls(), watch, Cursor())
    found = dict(reader.read(None))["usage"]
    assert found["series"]["cpu"]["value"] == [50.0, 50.0]
    assert found["limits"]["algo-2"] == {
        "cpu": 200.0,
        "memory": 100,
        "gpu": 0.0,
        "gpuMemory": None,
        "disk": 100.0,
    }
    assert reader.read({topic}) == []
    look(3.0)
    again = Reader(ask.store, Calls(), watch, Cursor.read(reader.cursor.write()))
    assert dict(again.read({topic}))["usage"]["series"]["memory"]["time"] == [3.0, 3.0]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"t": "x"}', '{"l": 3}', '{"m": {"a": null}}', '{"c": [1]}']
)
def test_a_cursor_that_cannot_be_read_is_a_new_one(text):
    assert Cursor.read(text) == Cursor()


def test_a_cursor_is_no_further_than_can_be_counted():
    cursor = Cursor.read('{"c": 1e300, "l": {"algo-1-1": -5}, "m": {"loss": 7}}')
    assert (cursor.call, cursor.log, cursor.metrics) == (1 << 62, {"algo-1-1": 0}, {"loss": 7})
