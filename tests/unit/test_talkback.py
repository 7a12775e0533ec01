"""Whose access key a key is: that of a job that runs, and of nobody else."""

import dataclasses

import pytest

from sagelet.domain.hosts import plan
from sagelet.domain.lifecycle import Event, advance
from sagelet.engine.talkback import PREFIX, TalkBack
from sagelet.store import open_store


@pytest.fixture
def talkback(tmp_path):
    store = open_store(tmp_path / "home", "eu-west-1")
    yield TalkBack(store, b"secret", lambda a: f"http://{a}:4580", lambda: tmp_path / "no bundle")
    store.database.close()


@pytest.fixture
def key_of(talkback, job_of):
    """The access key and the secret that a new job's host gets; ``None``: it has no backend."""

    def key_of(name, backend):
        job = job_of(TrainingJobName=name)
        talkback.store.training_jobs.add(job)
        if backend:
            talkback.store.training_jobs.save_backend(name, backend)
        joined = talkback.join(job, plan(job, "/jobs/j", {}, None), "172.17.0.1")
        given = joined.hosts[0].environment
        return given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]

    return key_of


@pytest.mark.parametrize(("backend", "confined"), [("docker", True), ("process", False)])
def test_a_job_that_runs_is_known_by_its_key(talkback, key_of, backend, confined):
    key, secret = key_of("one", backend)
    other, _ = key_of("two", backend)
    assert other != key
    assert talkback.key_of(key) == (secret, confined)


def test_nobody_else_is(talkback, key_of, job_of):
    key, _ = key_of("one", "docker")
    waiting, _ = key_of("two", None)
    for unknown in (waiting, PREFIX, PREFIX + "0" * 10, PREFIX + "é", key[:-1], "AKIA", ""):
        assert talkback.key_of(unknown) is None
    job = talkback.store.training_jobs.get("one")
    over, _ = advance(job.life, Event.FAULTED, 200.0, "ClientError: no")
    while not over.over:
        over, _ = advance(over, Event.ABANDONED, 201.0)
    talkback.store.training_jobs.save_life("one", over, 202.0)
    assert talkback.key_of(key) is None
    assert dataclasses.replace(talkback, secret=b"other").key_of(key) is None
