"""Jobs of all kinds in one table, in any order."""

import dataclasses

import pytest

from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.training import TRAINING
from sagelet.store.calls import Calls
from sagelet.store.wishes import Wanted
from sagelet.web.events import Cursor, Reader, Watch
from sagelet.web.rows import job_rows, jobs_of_components
from sagelet.web.views import job_document, read_filter

ACCOUNT, REGION = "123456789012", "eu-west-1"


def processing(name, created, hosts=1, **more):
    request = {
        "ProcessingJobName": name,
        "RoleArn": "r",
        "AppSpecification": {"ImageUri": f"{name}:1"},
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": hosts}},
        **more,
    }
    return ProcessingJob(request, ACCOUNT, REGION, created, begin(created))


@pytest.fixture
def table(ask, job_of):
    """Two training jobs and two processing jobs; ``same`` is a name of both."""
    for name in ("same", "train"):
        ask.store.training_jobs.add(job_of(TrainingJobName=name))
    ask.store.processing_jobs.add(processing("same", 50.0, hosts=3))
    ask.store.processing_jobs.add(processing("prepare", 150.0))
    return ask.store.job_table


def keys(table, wanted, start=0, limit=10):
    return [job.key for job in table.rows(wanted, start, limit)]


def test_all_kinds_in_one_order(table):
    newest = ["processing.prepare", "train", "same", "processing.same"]
    assert keys(table, Wanted()) == newest
    assert keys(table, Wanted(), 1, 2) == newest[1:3]
    assert keys(table, Wanted(descending=False)) == newest[::-1]
    assert keys(table, Wanted(sort="hosts"))[0] == "processing.same"
    assert keys(table, Wanted(sort="image", descending=False))[-1] == "processing.same"
    assert keys(table, Wanted(sort="metric.loss"))[0] == "processing.prepare"
    assert table.count(Wanted()) == 4


def test_one_kind(table):
    wanted = read_filter("kind:processing same")
    assert keys(table, wanted) == ["processing.same"]
    assert table.count(wanted) == 1
    assert keys(table, Wanted(kinds=(TRAINING.name,))) == ["train", "same"]
    assert keys(table, read_filter("kind:other")) == []
    assert table.count(read_filter("kind:other")) == 0


def test_a_key_finds_one_job_of_one_kind(table):
    assert table.find("same").kind is TRAINING
    assert table.find("processing.same").host_count == 3
    for unknown in ("SAME", "processing.train", "processing.", "prepare", ""):
        assert table.find(unknown) is None, unknown
    assert table.counts() == {"InProgress": 4}


def test_rows_know_their_kind_and_component(ask, table):
    rows = {row["key"]: row for row in job_rows(ask.store, table.rows(Wanted(), 0, 10))}
    assert rows["processing.same"]["kind"] == "processing"
    assert rows["same"]["kind"] == "training"
    marks = {row["mark"] for row in rows.values()}
    assert len(marks) == 4
    numbers = ask.store.component_table.named(["same", "processing.same"])
    assert numbers == {key: rows[key]["mark"] for key in ("same", "processing.same")}
    jobs = jobs_of_components(ask.store, list(numbers.values()))
    assert {job.key: number for number, job in jobs.items()} == numbers


def test_a_processing_job_s_page(ask, table):
    job = processing(
        "one",
        1.0,
        ProcessingInputs=[
            {"InputName": "raw", "S3Input": {"S3Uri": "s3://b/raw", "LocalPath": "/opt/ml/in"}}
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "clean",
                    "S3Output": {
                        "S3Uri": "s3://b/clean",
                        "LocalPath": "/opt/ml/out",
                        "S3UploadMode": "Continuous",
                    },
                }
            ]
        },
    )
    document = job_document(job, None, None)
    assert document["inputs"][0] == {
        "name": "raw",
        "uri": "s3://b/raw",
        "path": "/opt/ml/in",
        "mode": "File",
        "distribution": "FullyReplicated",
    }
    assert document["outputs"][0]["continuous"] is True


def test_what_trains_in_a_training_job_is_processing_in_the_other_kind(job_of):
    for job, phase in ((job_of(), "Training"), (processing("one", 1.0), "Processing")):
        life = job.life
        for event in (Event.PREPARED, Event.STAGED):
            life, _ = advance(life, event, 2.0)
        document = job_document(dataclasses.replace(job, life=life), None, None)
        assert document["secondary"] == document["steps"][-1]["status"] == phase


def test_a_page_of_a_processing_job_hears_of_no_other_kind(ask, table):
    ask.store.processing_jobs.save_exit_message("same", "all good")
    watch = Watch(REGION, job="processing.same")
    assert not watch.wants(("job", REGION, "same"))
    reader = Reader(ask.store, Calls(), watch, Cursor())
    [(kind, document)] = reader.read(None)
    assert (kind, document["exitMessage"]) == ("job", "all good")
    ask.store.processing_jobs.delete("same")
    assert reader.read({("job", REGION, "processing.same")}) == [
        ("gone", {"key": "processing.same"})
    ]


def test_a_table_hears_which_job_is_gone(ask, table):
    reader = Reader(ask.store, Calls(), Watch(REGION, jobs=True), Cursor())
    ask.store.processing_jobs.delete("same")
    topics = {("job", REGION, "processing.same"), ("job", REGION, "same")}
    [(_, event)] = reader.read(topics)
    assert [row["key"] for row in event["rows"]] == ["same"]
    assert event["gone"] == ["processing.same"]
