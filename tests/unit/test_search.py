"""What a search expression means: the reference semantics, and what is refused."""

import pytest

from sagelet.domain.errors import ValidationException
from sagelet.domain.search import matches, parse, sort_value
from sagelet.domain.search_properties import RESOURCES, known_names, property_of, resource_of

COMPONENT = RESOURCES["ExperimentTrialComponent"]
JOB = RESOURCES["TrainingJob"]

DOCUMENT = {
    "TrialComponentName": "Digits-aws-training-job",
    "DisplayName": "Training",
    "CreationTime": 1577836800.5,
    "Source": {"SourceArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/digits"},
    "Status": {"PrimaryStatus": "Completed"},
    "Parameters": {
        "lr": {"NumberValue": 0.5},
        "optimizer": {"StringValue": "sgd"},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "depth": {"StringValue": "10"},
    },
    "Metrics": [
        {"MetricName": "test:accuracy", "Max": 0.9, "Min": 0.1, "Last": float("nan"), "Count": 3},
        {"MetricName": "a.max", "Max": 2.0, "Last": 2.0},
    ],
    "InputArtifacts": {"training": {"Value": "s3://digits/train", "MediaType": "text/csv"}},
    "OutputArtifacts": {"SageMaker.ModelArtifact": {"Value": "s3://out/model.tar.gz"}},
    "Parents": [
        {"TrialName": "one", "ExperimentName": "Mnist"},
        {"TrialName": "two", "ExperimentName": "other"},
    ],
    "Tags": [{"Key": "team", "Value": "blue"}],
}


def holds(*filters, resource=COMPONENT, document=DOCUMENT, **expression):
    return matches(parse(resource, {"Filters": [one(*f) for f in filters], **expression}), document)


def one(name, operator=None, value=None):
    members = {"Name": name, "Operator": operator, "Value": value}
    return {key: text for key, text in members.items() if text is not None}


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("DisplayName", "Equals", "Training", True),
        ("DisplayName", None, "Training", True),
        ("displayname", "Equals", "Training", True),
        ("TrialComponent.DisplayName", "Equals", "Training", True),
        ("DisplayName", "Equals", "training", False),
        ("DisplayName", "NotEquals", "training", True),
        ("DisplayName", "Contains", "rain", True),
        ("DisplayName", "In", "Test, Training", True),
        ("TrialComponentName", "Equals", "digits-AWS-training-job", True),
        ("Source.SourceArn", "Contains", "TRAINING-JOB/digits", True),
        ("Status.PrimaryStatus", "In", "Failed,Stopped", False),
        ("Status.Message", "Exists", None, False),
        ("Status.Message", "NotEquals", "x", True),
        ("EndTime", "NotExists", None, True),
        ("CreationTime", "GreaterThan", "2020-01-01T00:00:00", True),
        ("CreationTime", "LessThanOrEqualTo", "2020-01-01T02:00:00+02:00", False),
        ("CreationTime", "LessThan", "1577836801", True),
        ("Parameters.lr", "Equals", "0.50", True),
        ("Parameters.lr.NumberValue", "GreaterThanOrEqualTo", "5e-1", True),
        ("Parameters.lr", "LessThan", "0.5", False),
        ("Parameters.lr", "Contains", "0", False),
        ("Parameters.optimizer", "In", "adam,sgd", True),
        ("Parameters.optimizer", "GreaterThan", "0", False),
        ("Parameters.depth", "GreaterThan", "9", False),
        ("Parameters.depth", "Equals", "10", True),
        ("Parameters.depth", "Equals", "10.0", False),
        ("Parameters.SageMaker.InstanceType", "Contains", "m5", True),
        ("Parameters.LR", "Exists", None, False),
        ("metrics.test:accuracy.max", "GreaterThan", "0.89", True),
        ("Metrics.test:accuracy.Min", "LessThan", "0.1", False),
        ("Metrics.test:accuracy", "GreaterThan", "-1e9", False),
        ("Metrics.test:accuracy", "Exists", None, True),
        ("Metrics.test:accuracy.StdDev", "Exists", None, False),
        ("Metrics.a.max.max", "Equals", "2", True),
        ("Metrics.a.max", "Exists", None, False),
        ("InputArtifacts.training.Value", "Contains", "s3://digits", True),
        ("InputArtifacts.training.MediaType", "Equals", "text/csv", True),
        ("OutputArtifacts.SageMaker.ModelArtifact", "Contains", "model.tar.gz", True),
        ("InputArtifacts", "Contains", "train", True),
        ("Parents.ExperimentName", "Equals", "mnist", True),
        ("Parents.TrialName", "Equals", "two", True),
        ("Parents.TrialName", "NotEquals", "two", False),
        ("Tags.team", "Equals", "blue", True),
        ("Tags.crew", "NotExists", None, True),
        ("Tags", "Contains", "lue", True),
    ],
)
def test_a_filter(name, operator, value, expected):
    assert holds((name, operator, value)) is expected


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("HyperParameters.lr", "LessThan", "0.5", True),
        ("HyperParameters.depth", "GreaterThan", "9", True),
        ("HyperParameters.steps", "Equals", "7", True),  # AWS: beside an integer, so are decimals
        ("HyperParameters.steps", "Equals", "7.0", False),
        ("HyperParameters.optimizer", "Equals", '"sgd"', True),
        ("Metrics.accuracy", "GreaterThan", "0.9", True),
        ("EnableManagedSpotTraining", "Equals", "False", True),
        ("InputDataConfig.ChannelName", "Equals", "test", True),
    ],
)
def test_a_filter_on_training_jobs(name, operator, value, expected):
    document = {
        "HyperParameters": {"lr": "0.25", "depth": "10", "steps": "7.9", "optimizer": '"sgd"'},
        "FinalMetricDataList": [{"MetricName": "accuracy", "Value": 0.95}],
        "EnableManagedSpotTraining": False,
        "InputDataConfig": [{"ChannelName": "training"}, {"ChannelName": "test"}],
    }
    assert holds((name, operator, value), resource=JOB, document=document) is expected


def test_one_element_satisfies_all_filters_of_a_nested_filter():
    def nested(trial, experiment):
        names = [
            one("Parents.TrialName", "Equals", trial),
            one("ExperimentName", "Equals", experiment),
        ]
        expression = {"NestedFilters": [{"NestedPropertyName": "parents", "Filters": names}]}
        return matches(parse(COMPONENT, expression), DOCUMENT)

    assert nested("one", "Mnist")
    assert not nested("one", "other")


def test_and_or_and_deeper_ones():
    yes, no = one("DisplayName", None, "Training"), one("DisplayName", None, "x")
    assert not matches(parse(COMPONENT, {"Filters": [yes, no]}), DOCUMENT)
    assert matches(parse(COMPONENT, {"Filters": [yes, no], "Operator": "Or"}), DOCUMENT)
    inner = {"Operator": "Or", "Filters": [no], "SubExpressions": [{"Filters": [yes]}]}
    assert matches(parse(COMPONENT, {"Filters": [yes], "SubExpressions": [inner]}), DOCUMENT)
    inner = {"Filters": [yes], "SubExpressions": [{"Filters": [no]}]}
    assert not matches(parse(COMPONENT, {"Filters": [yes], "SubExpressions": [inner]}), DOCUMENT)


@pytest.mark.parametrize(
    ("tags", "seen"), [([], True), ([("team", "blue")], True), ([("team", "red")], False)]
)
def test_visibility_hides_what_has_another_value(tags, seen):
    condition = parse(COMPONENT, None, [{"Key": "Tags.team", "Value": "blue"}])
    document = {"Tags": [{"Key": key, "Value": value} for key, value in tags]}
    assert matches(condition, document) is seen


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([one("Colour", "Exists")], "Unknown property name: 'Colour'"),
        ([one("Parameters.", "Exists")], "Unknown property name"),
        ([one("Parents.Colour", "Exists")], "Unknown property name"),
        ([one("DisplayName", "GreaterThan", "a")], "not supported for text properties"),
        ([one("TrialComponentName", "LessThan", "a")], "not supported for text properties"),
        ([one("CreationTime", "Contains", "2020")], "only supported for text properties"),
        ([one("Metrics.a.Max", "In", "1,2")], "only supported for text properties"),
        ([one("Metrics.a.Max", "Equals", "high")], "no integer or floating-point decimal"),
        ([one("Metrics.a.Max", "Equals", "nan")], "no integer or floating-point decimal"),
        ([one("Parameters.lr", "LessThan", "small")], "compares numbers"),
        ([one("CreationTime", "LessThan", "yesterday")], "YYYY-mm-dd'T'HH:MM:SS"),
        ([one("DisplayName", "Contains")], "needs a Value"),
        (
            [one("Parameters.a", "Contains", "1"), one("Parameters.b", "Contains", "1")],
            "'CONTAINS' operator usage limit of 1 exceeded.",
        ),
        ([one("DisplayName", "Exists")] * 51, "more than 50"),
    ],
)
def test_what_is_refused(filters, message):
    with pytest.raises(ValidationException, match=message.replace("(", "\\(")):
        parse(COMPONENT, {"Filters": filters})


def test_names_may_be_in_many_contains():
    both = [one("DisplayName", "Contains", "T"), one("InputArtifacts.training", "Contains", "s3")]
    assert matches(parse(COMPONENT, {"Filters": both}), DOCUMENT)


def test_an_empty_expression_and_an_unheld_resource_are_refused():
    with pytest.raises(ValidationException, match="at least one of Filters"):
        parse(COMPONENT, {})
    with pytest.raises(ValidationException, match="Search over Endpoint is not supported here"):
        resource_of("Endpoint")
    with pytest.raises(ValidationException, match="is no list of"):
        parse(COMPONENT, {"NestedFilters": [{"NestedPropertyName": "Status", "Filters": []}]})


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=str)
def test_every_name_that_is_told_is_a_property(resource):
    for name in known_names(resource):
        for choice in ("Min", "Value"):
            told = name.replace("<name>", "x").replace("<key>", "x")
            told = told.replace("(" + "|".join(resource.statistics or ("",)) + ")", choice)
            assert property_of(resource, told).name == told


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("metrics.test:accuracy.max", (0, 0.9)),
        ("Metrics.test:accuracy", None),  # NaN
        ("Parameters.optimizer", (1, "sgd")),
        ("TrialComponentName", (1, "digits-aws-training-job")),
        ("Parents.TrialName", (1, "one")),
        ("EndTime", None),
    ],
)
def test_what_is_sorted_by(name, key):
    assert sort_value(property_of(COMPONENT, name), DOCUMENT) == key
