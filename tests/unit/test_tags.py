"""Tags of resources."""

import pytest

from sagelet.domain.errors import ResourceLimitExceeded, ValidationException

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/My-Job"


@pytest.fixture
def ask(ask, job_of):
    ask.store.training_jobs.add(job_of(TrainingJobName="My-Job"))
    return ask


def pairs(**tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_tags_are_set_listed_and_dropped(ask):
    assert ask("sagemaker", "AddTags", ResourceArn=ARN.lower(), Tags=pairs(b="1", a="2")) == {
        "Tags": pairs(b="1", a="2")
    }
    ask("sagemaker", "AddTags", ResourceArn=ARN, Tags=pairs(b="3"))
    assert ask("sagemaker", "ListTags", ResourceArn=ARN) == {"Tags": pairs(a="2", b="3")}
    ask("sagemaker", "DeleteTags", ResourceArn=ARN, TagKeys=["a", "zz"])
    assert ask("sagemaker", "ListTags", ResourceArn=ARN) == {"Tags": pairs(b="3")}
    ask.store.tags.forget(ARN)
    assert ask("sagemaker", "ListTags", ResourceArn=ARN) == {"Tags": []}


def test_there_is_no_second_page_of_tags(ask):
    with pytest.raises(ValidationException, match="Invalid pagination token"):
        ask("sagemaker", "ListTags", ResourceArn=ARN, NextToken="bogus")


def test_a_resource_has_at_most_fifty_tags(ask):
    ask("sagemaker", "AddTags", ResourceArn=ARN, Tags=pairs(**{f"k{n}": "" for n in range(50)}))
    ask("sagemaker", "AddTags", ResourceArn=ARN, Tags=pairs(k7="again"))
    with pytest.raises(ResourceLimitExceeded):
        ask("sagemaker", "AddTags", ResourceArn=ARN, Tags=pairs(one="too many", k8="not set"))
    tags = ask.store.tags.of(ARN)
    assert (len(tags), tags["k7"], tags["k8"]) == (50, "again", "")


@pytest.mark.parametrize(
    "arn",
    [
        ARN + "x",
        ARN.replace("training-job", "model"),
        ARN.replace("eu-west-1", "us-east-1"),
        ARN.replace("123456789012", "210987654321"),
        "arn:aws:sagemaker:eu-west-1:123456789012:nothing",
    ],
)
def test_what_is_not_there_has_no_tags(ask, arn):
    with pytest.raises(ValidationException, match="Could not find resource"):
        ask("sagemaker", "ListTags", ResourceArn=arn)


def test_bad_keys_are_refused(ask):
    with pytest.raises(ValidationException, match="each key once"):
        ask("sagemaker", "AddTags", ResourceArn=ARN, Tags=pairs(a="1") + pairs(a="2"))
    with pytest.raises(ValidationException, match="aws: prefixed"):
        ask("sagemaker", "AddTags", ResourceArn=ARN, Tags=pairs(**{"aws:x": "1"}))
