"""Which job a spare is fit for, and when one is made."""

import dataclasses
from dataclasses import replace

import pytest

from sagelet.domain.hosts import plan
from sagelet.domain.lifecycle import Event, advance
from sagelet.domain.spares import Spare, can_wait, installs, keeps_hosts, key_of, waiting

SCRIPT = {"sagemaker_program": '"train.py"', "epochs": "1"}


def planned(job, folder="/jobs/a", sources=None):
    return plan(job, folder, sources or {"": f"{folder}/code", "train": "/data"}, None)


def key(job, folder="/jobs/a", made_of="image", identities=None, *, preload=False):
    found = planned(job, folder)
    return key_of(found, folder, made_of, identities or {"/data": (1, 2)}, preload=preload)


@pytest.fixture
def job(job_of, channel_of):
    def make(**members):
        given = {"HyperParameters": SCRIPT, "InputDataConfig": [channel_of("train")], **members}
        return job_of(**given)

    return make


def test_a_key_does_not_depend_on_what_a_host_can_still_be_told(job):
    usual = key(job())
    other = job(
        TrainingJobName="another",
        HyperParameters={**SCRIPT, "epochs": "2", "sagemaker_submit_directory": '"file:///x"'},
        OutputDataConfig={"S3OutputPath": "file:///elsewhere"},
        StoppingCondition={"MaxRuntimeInSeconds": 1},
    )
    assert key(other, "/jobs/b") == usual


@pytest.mark.parametrize(
    "members",
    [
        {"Environment": {"A": "1"}},
        {"HyperParameters": {**SCRIPT, "sagemaker_program": '"other.py"'}},
        {"HyperParameters": {**SCRIPT, "sagemaker_torch_distributed_enabled": "true"}},
        {"ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 1}},
        {"ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large"}},
        {"InputDataConfig": []},
        {"EnableNetworkIsolation": True},
        {"AlgorithmSpecification": {"TrainingImage": "tensorflow-training:2.10-cpu"}},
        {"Tags": [{"Key": "sagelet:grace", "Value": "5"}]},
        {"Tags": [{"Key": "sagelet:memory", "Value": "1g"}]},
    ],
)
def test_a_key_depends_on_what_shapes_the_hosts(job, members):
    assert key(job(**members)) != key(job())


def test_a_key_depends_on_input_mode_image_folders_and_preload(job, channel_of):
    keys = {
        key(job()),
        key(job(), made_of="another image"),
        key(job(), identities={"/data": (1, 3)}),
        key(job(), preload=True),
        key(job(InputDataConfig=[channel_of("train", InputMode="FastFile")])),
    }
    assert len(keys) == 5


def test_a_key_depends_on_the_gpus(job):
    assert key(replace(job(), devices=(("0",),))) != key(replace(job(), devices=(("1",),)))


def test_a_spare_knows_no_job(job):
    made = waiting(planned(job()), "warm.1")
    assert made.known_as == "warm.1"
    assert not [name for name in made.hosts[0].environment if name.startswith("TRAINING_JOB")]
    assert planned(job()).known_as == job().name


@pytest.mark.parametrize(
    ("members", "can"),
    [
        ({}, True),
        ({"AlgorithmSpecification": {"TrainingImage": "i", "ContainerEntrypoint": ["/e"]}}, False),
        ({"AlgorithmSpecification": {"TrainingImage": "i", "ContainerArguments": ["a"]}}, False),
        ({"AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "Pipe"}}, False),
    ],
)
def test_who_can_wait(job, members, can):
    assert can_wait(planned(job(**members))) is can


def test_code_that_is_installed():
    assert installs(["train.py", "requirements.txt"])
    assert installs(["setup.py"])
    assert not installs(["train.py"])


def ended(job, event=Event.HOSTS_SUCCEEDED, reason=None):
    life = job.life
    for step in (Event.PREPARED, Event.STAGED):
        life, _ = advance(life, step, 150.0)
    if event is Event.STOP_REQUESTED:
        life, _ = advance(life, event, 190.0)
        event = Event.HOSTS_FAILED
    life, _ = advance(life, event, 200.0, reason)
    life, _ = advance(life, Event.STORED, 200.0)
    return replace(job, life=life, launched=160.0)


def pooled(job, seconds=60):
    resources = {"InstanceCount": 1, "KeepAlivePeriodInSeconds": seconds}
    return job(ResourceConfig=resources)


@pytest.mark.parametrize(
    ("event", "reason", "kept"),
    [
        (Event.HOSTS_SUCCEEDED, None, True),
        (Event.HOSTS_FAILED, "AlgorithmError: the script", True),
        (Event.HOSTS_FAILED, "InternalServerError: algo-1 is gone", False),
        (Event.STOP_REQUESTED, None, True),
        (Event.TIME_EXCEEDED, None, True),
    ],
)
def test_hosts_are_kept_unless_something_was_amiss(job, event, reason, kept):
    if event is Event.TIME_EXCEEDED:
        life = pooled(job).life
        for step in (Event.PREPARED, Event.STAGED, event, Event.HOSTS_FAILED, Event.STORED):
            life, _ = advance(life, step, 200.0)
        done = replace(pooled(job), life=life, launched=160.0)
    else:
        done = ended(pooled(job), event, reason)
    assert keeps_hosts(done, 201.0) is kept


def test_no_hosts_are_kept_without_a_pool(job):
    done = ended(pooled(job))
    assert keeps_hosts(done, 257.0)
    assert not keeps_hosts(done, 259.0)  # too near its end
    assert not keeps_hosts(replace(done, launched=None), 201.0)
    assert not keeps_hosts(replace(done, pool_ended=200.5), 201.0)
    assert not keeps_hosts(pooled(job), 201.0)
    assert not keeps_hosts(ended(job()), 201.0)


def test_a_job_that_wants_a_warm_interpreter_keeps_its_hosts_for_a_while(job):
    tags = [{"Key": "sagelet:warm", "Value": "on"}]
    assert job(Tags=tags).keep_alive == 1800
    assert job(Tags=tags, ResourceConfig={"KeepAlivePeriodInSeconds": 0}).keep_alive == 0
    assert job(Tags=tags, ResourceConfig={"KeepAlivePeriodInSeconds": 9}).keep_alive == 9
    assert job().keep_alive == 0


def test_a_spare_fits_its_key_in_its_time():
    spare = Spare("warm.1", "r", "j", "docker", ("algo-1",), (), "k", 100.0, 1.0, made=True)
    assert spare.fits("r", "docker", "k", 50.0)
    assert not spare.fits("r", "docker", "k", 99.0)
    assert not spare.fits("r", "process", "k", 50.0)
    assert not spare.fits("other", "docker", "k", 50.0)
    assert not spare.fits("r", "docker", "other", 50.0)
    assert not dataclasses.replace(spare, made=False).fits("r", "docker", "k", 50.0)
