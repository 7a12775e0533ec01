"""What a tuning job learns from its parents."""

from dataclasses import replace

from sagelet.domain.tuning import TunedJob
from sagelet.domain.warm_start import Parent, told_by
from support.tuning import tuning_job


def tuned(number, objective, **point):
    return TunedJob(
        number,
        f"job-{number}",
        0,
        {"lr": "0.01", "hidden": "4", "way": "sgd", **point},
        submitted=True,
        settled=True,
        status="Completed",
        objective=objective,
    )


PARENT = Parent(
    replace(tuning_job("parent"), status="Completed"),
    [
        tuned(1, 0.5),
        tuned(2, 0.9, hidden="8"),
        tuned(3, 0.7, hidden="16"),
        tuned(4, 0.8, hidden="8"),
        tuned(5, 0.6, hidden="32"),
        tuned(6, 0.99, lr="7"),  # beyond the range
        tuned(7, None),
    ],
)


def test_the_same_data_makes_their_jobs_ones_own():
    tried, first = told_by("IdenticalDataAndAlgorithm", [PARENT], tuning_job().definitions[0])
    assert [each.objective for each in tried] == [0.5, 0.9, 0.7, 0.8, 0.6]
    assert first == []


def test_other_data_takes_their_best_combinations_over():
    tried, first = told_by("TransferLearning", [PARENT], tuning_job().definitions[0])
    assert tried == []
    assert [point["hidden"] for point in first] == ["8", "16", "32"]


def test_what_was_static_is_a_value_too():
    own = tuning_job(
        "parent",
        ranges={
            "ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.001", "MaxValue": "1"}]
        },
    )
    document = {**own.request["TrainingJobDefinition"]}
    document["StaticHyperParameters"] = {"hidden": "5", "way": "adam"}
    own = replace(own, request={**own.request, "TrainingJobDefinition": document})
    job = replace(tuned(1, 0.5), tuned={"lr": "0.01"})
    tried, _ = told_by(
        "IdenticalDataAndAlgorithm", [Parent(own, [job])], tuning_job().definitions[0]
    )
    assert tried[0].point == {"lr": "0.01", "hidden": "5", "way": "adam"}
