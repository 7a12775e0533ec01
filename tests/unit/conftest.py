"""A CreateTrainingJob request to vary, and the job it makes."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from sagelet.aws.operation import OPERATIONS, Context
from sagelet.aws.services import (  # noqa: F401  they register
    cloudwatch,
    ecr,
    iam,
    logs,
    sagemaker_metrics,
    sts,
)
from sagelet.aws.services.sagemaker import lineage, search, tags  # noqa: F401
from sagelet.domain.lifecycle import begin
from sagelet.domain.training import TrainingJob
from sagelet.store import open_store
from support.tuning import Bench

ACCOUNT = "123456789012"


def _request(**members):
    document = {
        "TrainingJobName": "digits-2024-01-02-03-04-05-006",
        "AlgorithmSpecification": {"TrainingImage": "mine:1", "TrainingInputMode": "File"},
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/sagelet",
        "OutputDataConfig": {"S3OutputPath": "file:///out"},
        "ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    return {key: value for key, value in {**document, **members}.items() if value is not ...}


def _channel(name, uri="file:///data", source=(), **members):
    location = {"S3DataType": "S3Prefix", "S3Uri": uri, **dict(source)}
    return {"ChannelName": name, "DataSource": {"S3DataSource": location}, **members}


@pytest.fixture(scope="session")
def request_of():
    """``request_of(Member=value)``; ``...`` as the value leaves the member out."""
    return _request


@pytest.fixture(scope="session")
def channel_of():
    return _channel


@pytest.fixture(scope="session")
def job_of():
    def make(**members):
        return TrainingJob(_request(**members), ACCOUNT, "eu-west-1", 100.0, begin(100.0))

    return make


@pytest.fixture
def unprivileged():
    """A folder of one who is not root: root may read and remove everything."""
    folder = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        yield folder
        os.seteuid(0)
    else:
        yield folder
    subprocess.run(["chmod", "-R", "u+rwX", folder], check=False)
    shutil.rmtree(folder)


@pytest.fixture
def ask(tmp_path):
    """``ask(service, Operation, Member=value)``: a handler's answer, over a fresh store."""
    store = open_store(tmp_path / "home", "eu-west-1")

    def call(service, name, *, region="eu-west-1", key="AKIA", confined=False, **request):
        context = Context(
            ACCOUNT, region, key, "request", store.in_region(region), None, confined=confined
        )
        return OPERATIONS[service, name].handler(context, request)

    call.store = store
    yield call
    store.database.close()


@pytest.fixture
def bench(tmp_path):
    """What tuners submit their training jobs to, over a fresh store."""
    store = open_store(tmp_path / "home", "eu-west-1")
    yield Bench(store)
    store.database.close()
