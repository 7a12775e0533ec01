"""What a CreateHyperParameterTuningJob request is refused for, and in which words."""

from dataclasses import replace

import pytest

from sagelet.domain.errors import ResourceLimitExceeded, ValidationException
from sagelet.domain.tuning_rules import check
from support.tuning import LR, RANGES, WAY, definition, tuning_job

TWO = {"ParameterRanges": ..., "HyperParameterTuningJobObjective": ...}
OBJECTIVE = {"Type": "Maximize", "MetricName": "acc"}


def named(name, **members):
    own = {
        "HyperParameterRanges": {"ContinuousParameterRanges": [LR]},
        "TuningObjective": OBJECTIVE,
    }
    return definition(DefinitionName=name, **{**own, **members})


def several(*definitions):
    return {"TrainingJobDefinition": ..., "TrainingJobDefinitions": list(definitions)}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"strategy": "Bayesian", "config": {"TrainingJobEarlyStoppingType": "Auto"}},
        {"strategy": "Hyperband"},  # MaxResource is told by epochs
        {"strategy": "Grid", "most": ..., "ranges": {"CategoricalParameterRanges": [WAY]}},
        {"most": ..., "limits": {"MaxRuntimeInSeconds": 600}},
        {"config": TWO, **several(named("a"), named("b"))},
        {
            "Autotune": {"Mode": "Enabled"},
            "most": ...,
            "ranges": {"AutoParameters": [{"Name": "lr", "ValueHint": "0.01"}]},
        },
        {
            "TrainingJobDefinition": definition(
                ResourceConfig=...,
                HyperParameterTuningResourceConfig={
                    "InstanceConfigs": [
                        {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
                    ]
                },
            )
        },
    ],
)
def test_what_is_right_is_taken(given):
    check(tuning_job(**given), [])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"TrainingJobDefinition": ...}, "Exactly one of TrainingJobDefinition and"),
        ({"TrainingJobDefinitions": [named("a")]}, "Exactly one of TrainingJobDefinition and"),
        ({"parallel": 7}, r"MaxParallelTrainingJobs \[7\] must be less than or equal to"),
        ({"most": ...}, "give MaxNumberOfTrainingJobs, or MaxRuntimeInSeconds"),
        (
            {"ranges": {"CategoricalParameterRanges": [WAY]}},
            r"You don't have enough combinations .* \[2.0\] must be .* MaxNumberOfJobs, \[6\]",
        ),
        ({"ranges": {}}, "nothing to tune"),
        (
            {"config": {"HyperParameterTuningJobObjective": {**OBJECTIVE, "MetricName": "f1"}}},
            "A metric is required for this hyperparameter tuning job objective. .*'f1'.*acc",
        ),
        ({"config": {"HyperParameterTuningJobObjective": ...}}, "an objective is required"),
        (
            {"TrainingJobDefinition": definition(StaticHyperParameters={"lr": "1"})},
            "'lr' has a range, too",
        ),
        (
            {
                "TrainingJobDefinition": definition(
                    StaticHyperParameters={"_tuning_objective_metric": ""}
                )
            },
            "_tuning_objective_metric is reserved",
        ),
        (
            {"strategy": "Grid", "most": ...},
            "Grid strategy takes categorical ranges only; 'hidden'",
        ),
        (
            {"strategy": "Hyperband", "config": {"TrainingJobEarlyStoppingType": "Auto"}},
            "TrainingJobEarlyStoppingType must be Off",
        ),
        (
            {
                "strategy": "Hyperband",
                "TrainingJobDefinition": definition(StaticHyperParameters={}),
            },
            "MaxResource .--epochs. is required",
        ),
        (
            {
                "strategy": "Hyperband",
                "config": {
                    "StrategyConfig": {
                        "HyperbandStrategyConfig": {"MinResource": 9, "MaxResource": 3}
                    }
                },
            },
            "MinResource 9 must not be greater than MaxResource 3",
        ),
        ({"config": {"StrategyConfig": {"HyperbandStrategyConfig": {}}}}, "only be given with"),
        (
            {"ranges": {"AutoParameters": [{"Name": "lr", "ValueHint": "1"}]}},
            "can only be given with Autotune",
        ),
        (
            {"TrainingJobDefinition": definition(ResourceConfig=...)},
            "exactly one of ResourceConfig",
        ),
        (
            {
                "TrainingJobDefinition": definition(
                    ResourceConfig=...,
                    HyperParameterTuningResourceConfig={
                        "VolumeSizeInGB": 5,
                        "InstanceConfigs": [
                            {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
                        ],
                    },
                )
            },
            "InstanceConfigs cannot be combined with VolumeSizeInGB",
        ),
        (several(named("a"), named("b")), "cannot be combined with TrainingJobDefinitions"),
        ({"config": TWO, **several(named("a"), named("a"))}, "the name 'a' is given twice"),
        ({"config": TWO, **several(definition())}, "DefinitionName is required"),
        (
            {
                "config": TWO,
                **several(
                    named("a"),
                    named("b", TuningObjective={"Type": "Minimize", "MetricName": "acc"}),
                ),
            },
            "Type must be the same",
        ),
    ],
)
def test_what_is_wrong_is_refused(given, words):
    with pytest.raises(ValidationException, match=words):
        check(tuning_job(**given), [])


@pytest.mark.parametrize("given", [{"most": 751}, {"most": 200, "parallel": 101}])
def test_there_are_limits(given):
    with pytest.raises(ResourceLimitExceeded):
        check(tuning_job(**given), [])


def warm(kind="TransferLearning", **given):
    config = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": kind,
    }
    return tuning_job(WarmStartConfig=config, **given)


def parent(status="Completed", **given):
    return replace(tuning_job("parent", **given), status=status)


CHANNEL = {
    "ChannelName": "training",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/d"}},
}


@pytest.mark.parametrize("kind", ["TransferLearning", "IdenticalDataAndAlgorithm"])
def test_a_parent_may_have_other_ranges(kind):
    ranges = {**RANGES, "CategoricalParameterRanges": [{**WAY, "Values": ["sgd", "rms"]}]}
    check(warm(kind), [parent(ranges=ranges)])


def test_other_data_is_for_transfer_learning():
    other = parent(TrainingJobDefinition=definition(InputDataConfig=[CHANNEL]))
    check(warm(), [other])
    with pytest.raises(ValidationException, match=r"needs the input data of parent; .*Transfer"):
        check(warm("IdenticalDataAndAlgorithm"), [other])


@pytest.mark.parametrize(
    ("older", "words"),
    [
        (parent("InProgress"), "is InProgress; a parent must have ended"),
        (
            parent(ranges={"ContinuousParameterRanges": [LR]}),
            "The set of tunable plus static HyperParameter names is not the same",
        ),
        (
            parent(
                config={
                    "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "acc"}
                }
            ),
            "the objective must be that of all parents; parent has Minimize acc",
        ),
    ],
)
def test_parents_that_do_not_fit_are_refused(older, words):
    with pytest.raises(ValidationException, match=words):
        check(warm(), [older])
