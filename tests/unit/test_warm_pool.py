"""Warm pools: their statuses by the clock, and who may take one over."""

from dataclasses import replace

import pytest

from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.warm_pool import WarmPool, WarmPoolStatus, matches, warm_pool

RESOURCES = {
    "InstanceType": "ml.m5.large",
    "InstanceCount": 1,
    "VolumeSizeInGB": 30,
    "KeepAlivePeriodInSeconds": 60,
}


def pooled(job_of, **members):
    return job_of(**{"ResourceConfig": RESOURCES, **members})


def ended(job, at=200.0):
    life, _ = advance(begin(100.0), Event.FAULTED, at, "why")
    return replace(job, life=life)


def test_a_job_that_asked_for_none_has_none(job_of):
    assert warm_pool(ended(job_of()), 201.0) is None


def test_a_pool_is_in_use_while_its_job_lives(job_of):
    assert warm_pool(pooled(job_of), 9e9) == WarmPool(WarmPoolStatus.IN_USE)


@pytest.mark.parametrize(
    ("now", "status", "retained"),
    [
        (200.0, WarmPoolStatus.AVAILABLE, 0.0),
        (259.9, WarmPoolStatus.AVAILABLE, pytest.approx(59.9)),
        (260.0, WarmPoolStatus.TERMINATED, 60.0),
        (9e9, WarmPoolStatus.TERMINATED, 60.0),
    ],
)
def test_a_pool_lives_as_long_as_was_asked_for(job_of, now, status, retained):
    assert warm_pool(ended(pooled(job_of)), now) == WarmPool(status, retained)


def test_a_reused_pool_says_by_whom_for_ever(job_of):
    job = replace(ended(pooled(job_of)), reused_by="next", reused_at=230.0)
    for now in (231.0, 9e9):
        assert warm_pool(job, now) == WarmPool(WarmPoolStatus.REUSED, 30.0, "next")


def test_the_names_are_the_api_s(tmp_path):
    from sagelet.aws.model import load_operation

    shapes = load_operation("sagemaker", "DescribeTrainingJob", tmp_path).shapes
    assert set(WarmPoolStatus) == set(shapes["WarmPoolResourceStatus"]["enum"])


def test_a_job_of_another_name_and_period_matches(job_of):
    other = {**RESOURCES, "KeepAlivePeriodInSeconds": 3600}
    assert matches(
        pooled(job_of),
        pooled(job_of, TrainingJobName="x", ResourceConfig=other, HyperParameters={"a": "1"}),
    )


@pytest.mark.parametrize(
    "members",
    [
        {"RoleArn": "arn:aws:iam::123456789012:role/another"},
        {"ResourceConfig": {**RESOURCES, "InstanceCount": 2}},
        {"ResourceConfig": {**RESOURCES, "InstanceType": "ml.m5.xlarge"}},
        {"ResourceConfig": {**RESOURCES, "VolumeSizeInGB": 31}},
        {"ResourceConfig": {**RESOURCES, "VolumeKmsKeyId": "k"}},
        {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
        {"EnableNetworkIsolation": True},
        {"EnableInterContainerTrafficEncryption": True},
    ],
)
def test_a_job_that_needs_something_else_does_not_match(job_of, members):
    assert not matches(pooled(job_of), pooled(job_of, **members))


@pytest.mark.parametrize(
    "member", ["EnableNetworkIsolation", "EnableInterContainerTrafficEncryption"]
)
def test_what_is_off_by_default_may_be_said_or_not(job_of, member):
    assert matches(pooled(job_of), pooled(job_of, **{member: False}))
