"""The people's door behind the gateway: pages, their questions, the token of writes."""

import json
import threading
from contextlib import contextmanager

from sagelet import __version__
from sagelet.aws.operation import Registered
from sagelet.domain.errors import ValidationException
from sagelet.domain.lifecycle import begin
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.training import TrainingJob
from sagelet.engine.bus import Bus
from sagelet.store import open_store
from sagelet.store.calls import Calls
from support.wire import plane


def describe(_context, _request):
    raise ValidationException("Requested resource not found.")


OPERATIONS = [Registered("sagemaker", "DescribeTrainingJob", describe, quick=True)]
PROCESSING = {
    "ProcessingJobName": "j",
    "RoleArn": "r",
    "AppSpecification": {"ImageUri": "mine:2"},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large"}},
    "ProcessingInputs": [
        {"InputName": "raw", "S3Input": {"S3Uri": "s3://b/raw", "LocalPath": "/opt/ml/p/raw"}}
    ],
}


@contextmanager
def people(cache, tmp_path, **more):
    """The people's door over a store with a job of each kind of one name, and a model."""
    from sagelet.web.routes import create_web
    from sagelet.web.sources import Sources

    store = open_store(tmp_path / "web")
    request = {
        "TrainingJobName": "j",
        "RoleArn": "r",
        "AlgorithmSpecification": {"TrainingImage": "mine:1"},
    }
    store.training_jobs.add(TrainingJob(request, "123456789012", "us-east-1", 1.0, begin(1.0)))
    store.processing_jobs.add(
        ProcessingJob(PROCESSING, "123456789012", "us-east-1", 2.0, begin(2.0))
    )
    store.models.reserve("m", "j", 1.0)
    store.models.publish("j", 3)
    calls = Calls()
    sources = Sources(
        account="123456789012",
        region="us-east-1",
        home=tmp_path,
        context_for=lambda region: (store.in_region(region), None),
        bus=Bus(),
        calls=calls,
        about={"Url": "http://here"},
        settings=lambda: [("SAGELET_HOME", "x", "SAGELET_HOME")],
        **more,
    )
    with plane(
        cache, tmp_path, OPERATIONS, web=lambda: create_web(sources), witness=calls.add
    ) as served:
        yield served, sources
    store.database.close()


def test_settings_and_the_machine(cache, tmp_path):
    gpu = {"check": "GPU", "state": "note", "detail": "none", "fix": "buy one"}
    examined = []

    def findings():
        examined.append(threading.current_thread() is threading.main_thread())
        return [gpu]

    silent = ("docker", "no engine answers")
    with people(cache, tmp_path, findings=findings, backend=lambda: silent) as (served, _):
        assert json.loads(served.ask("GET", "/_api/backend")[2]) == {
            "name": "docker",
            "ready": False,
            "why": "no engine answers",
        }
        assert json.loads(served.ask("GET", "/_api/settings")[2])["settings"] == [
            {"name": "SAGELET_HOME", "value": "x", "set": True, "origin": "SAGELET_HOME"}
        ]
        assert examined == []  # not before somebody asks
        assert json.loads(served.ask("GET", "/_api/doctor")[2]) == {"findings": [gpu]}
        assert examined == [False]  # not where requests are answered


def test_people_s_pages(cache, tmp_path):
    cleared = []
    with people(cache, tmp_path, reset=lambda: cleared.append(1)) as (served, _):
        health = json.loads(served.ask("GET", "/_api/health")[2])
        assert health == {
            "status": "ok",
            "version": __version__,
            "account": "123456789012",
            "region": "us-east-1",
            "test_mode": True,
            "training_jobs": {"InProgress": 1},
        }
        assert json.loads(served.ask("GET", "/_api/models?name=m")[2])[0]["size"] == 3
        assert served.ask("GET", "/_api/models?name=x")[0] == 404
        assert served.ask("GET", "/_api/nothing")[0] == 404
        rows = json.loads(served.ask("GET", "/_api/jobs?filter=j")[2])
        assert [(row["kind"], row["name"]) for row in rows["rows"]] == [
            ("processing", "j"),
            ("training", "j"),
        ]
        rows = json.loads(served.ask("GET", "/_api/jobs?filter=kind:training")[2])
        assert (rows["total"], rows["rows"][0]["image"]) == (1, "mine:1")
        rows = json.loads(served.ask("GET", "/_api/jobs?filter=kind:processing&sort=hosts")[2])
        assert [(row["hosts"], row["image"]) for row in rows["rows"]] == [(2, "mine:2")]
        assert served.ask("GET", "/_api/processing-jobs/j/lines")[0] == 200
        assert json.loads(served.ask("GET", "/_api/jobs?filter=k")[2])["rows"] == []
        for path in ("about", "settings", "token", "jobs/j/series", "jobs/j/lines", "tuning-jobs"):
            assert served.ask("GET", f"/_api/{path}")[0] == 200, path
        status, headers, body = served.ask("GET", "/_ui/jobs/j")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b'<div id="app">' in body
        assert served.ask("GET", "/_ui")[0] == 308
        assert served.ask("HEAD", "/_ui/jobs/j")[0] == 200
        assert served.ask("POST", "/_api/reset")[0] == 204
        assert cleared == [1]


def test_a_page_writes_with_a_token_only(cache, tmp_path):
    with people(cache, tmp_path) as (served, sources):
        sources.region_of(None)[0].objects.create_bucket("bucket", "us-east-1")
        path = "/_api/storage/bucket?key=a.txt"
        for headers in ({}, {"X-Sagelet-Token": "guess"}):
            assert served.ask("PUT", path, b"x", headers)[0] == 403
        token = json.loads(served.ask("GET", "/_api/token")[2])["token"]
        assert served.ask("PUT", path, b"hello", {"X-Sagelet-Token": token})[0] == 201
        shown = json.loads(served.ask("GET", "/_api/storage/bucket/preview?key=a.txt")[2])
        assert shown["preview"] == {"kind": "text", "text": "hello", "cut": False}
        status, headers, body = served.ask("GET", "/_api/storage/bucket/raw?key=a.txt")
        assert (status, body) == (200, b"hello")
        assert headers["content-disposition"].startswith("attachment")
        assert "sandbox" in headers["content-security-policy"]
        for job in ("jobs/j", "processing-jobs/j", "tuning-jobs/t"):
            assert served.ask("POST", f"/_api/{job}/stop")[0] == 403


def test_calls_are_remembered(cache, tmp_path):
    with people(cache, tmp_path) as (served, _):
        served.call("SageMaker.DescribeTrainingJob", {"TrainingJobName": "unknown"})
        served.call("SageMaker.NoSuchThing", {})
        rows = json.loads(served.ask("GET", "/_api/calls")[2])["rows"]
        assert [(row["operation"], row["status"]) for row in rows] == [
            ("DescribeTrainingJob", 400),
            ("NoSuchThing", 501),
        ]
        assert rows[0]["error"] == "ValidationException"
        call = json.loads(served.ask("GET", f"/_api/calls/{rows[0]['number']}")[2])
        assert json.loads(call["request"]) == {"TrainingJobName": "unknown"}
        assert "Requested resource not found" in call["response"]
        assert served.ask("GET", "/_api/calls/99")[0] == 404
