"""A tuner over a real store, with training jobs that do as the test says."""

import pytest

from sagelet.domain.errors import ValidationException
from sagelet.engine.tuner import Tuner
from support.tuning import LR, RANGES, WAY, definition, tuning_job


@pytest.fixture
def store(bench):
    return bench.store


@pytest.fixture
def tuner_of(store, bench):
    def make(*arguments, **given):
        job = tuning_job(*arguments, **given)
        store.tuning_jobs.add(job, {})
        return Tuner(store, bench, job.name, clock=lambda: bench.now)

    return make


def names(bench):
    return [job.name for job in bench.all()]


def run(tuner, bench, *results):
    """Let training jobs end with these objectives, one after the other."""
    for result in results:
        tuner.step()
        bench.finish(min(job.name for job in bench.live()), result)
    return tuner.step()


def state(store, name="search"):
    return store.tuning_jobs.get(name)


def test_as_many_run_as_may_and_no_more_are_launched_than_asked_for(tuner_of, bench, store):
    tuner = tuner_of(most=5, parallel=2)
    for ended in range(5):
        assert tuner.step() is False
        assert len(bench.live()) == min(2, 5 - ended)
        bench.finish(names(bench)[ended], 0.5)
    assert tuner.step() is True
    assert [name[:11] for name in names(bench)] == [f"search-00{n}-" for n in range(1, 6)]
    assert state(store).status == "Completed"
    assert state(store).ended == bench.now


def test_the_last_value_is_the_objective(tuner_of, bench, store):
    run(tuner_of(most=1, parallel=1), bench)
    bench.emit(names(bench)[0], 0.9, 0.7)
    Tuner(store, bench, "search").step()
    bench.end(names(bench)[0])
    Tuner(store, bench, "search").step()
    (tuned,) = store.tuning_jobs.tuned("search")
    assert (tuned.objective, tuned.epochs, tuned.objective_status) == (0.7, 2, "Succeeded")


def test_one_that_never_emits_it_has_none(tuner_of, bench, store):
    tuner = tuner_of(most=1, parallel=1)
    tuner.step()
    bench.end(names(bench)[0])
    assert tuner.step() is True
    job = state(store)
    assert job.status == "Failed"
    assert job.failure_reason.startswith("No objective metrics found after running 1 training jobs")


def test_another_tuner_goes_on_where_one_died(tuner_of, bench, store):
    tuner = tuner_of(strategy="Bayesian", most=8, parallel=2)
    run(tuner, bench, 0.1, 0.5, 0.3)
    before = names(bench)
    again = Tuner(store, bench, "search", clock=lambda: bench.now)
    again.step()
    assert names(bench) == before
    run(again, bench, 0.2, 0.2, 0.2, 0.2, 0.2)
    assert len(names(bench)) == 8
    assert state(store).status == "Completed"


def test_one_that_was_about_to_be_launched_is_launched_once(tuner_of, bench, store):
    class Killed(Exception):
        pass

    tuner = tuner_of(most=3, parallel=1)
    bench.refusal = Killed()
    with pytest.raises(Killed):
        tuner.step()
    (planned,) = store.tuning_jobs.tuned("search")
    assert not planned.submitted
    bench.refusal = None
    Tuner(store, bench, "search").step()
    assert names(bench) == [planned.name]
    (launched,) = store.tuning_jobs.tuned("search")
    assert launched.submitted
    assert launched.tuned == planned.tuned


def test_one_that_was_launched_unnoticed_is_not_launched_again(tuner_of, bench, store):
    tuner = tuner_of(most=3, parallel=1)
    tuner.step()
    (known,) = store.tuning_jobs.tuned("search")
    connection = store.database.connection()
    connection.execute("UPDATE tuned_jobs SET submitted = 0, created = NULL")
    Tuner(store, bench, "search").step()
    assert names(bench) == [known.name]
    assert store.tuning_jobs.tuned("search") == [known]


def test_one_job_waits_at_a_time(tuner_of, bench):
    bench.room = 2
    tuner = tuner_of(most=50, parallel=50)
    tuner.step()
    tuner.step()
    assert len(names(bench)) == 3
    bench.admit(names(bench)[2])
    tuner.step()
    assert len(names(bench)) == 4


def test_a_stop_ends_what_runs_and_launches_nothing(tuner_of, bench, store):
    tuner = tuner_of(most=6, parallel=3)
    tuner.step()
    store.tuning_jobs.save_ending("search", "Stopped", None, 200.0)
    assert state(store).status == "Stopping"
    assert tuner.step() is False
    assert sorted(bench.stopped) == names(bench)
    assert tuner.step() is True
    assert len(names(bench)) == 3
    assert state(store).status == "Stopped"


def test_a_stop_of_one_that_launched_nothing(tuner_of, bench, store):
    tuner = tuner_of(most=6)
    store.tuning_jobs.save_ending("search", "Stopped", None, 200.0)
    assert tuner.step() is True
    assert names(bench) == []
    assert state(store).status == "Stopped"


def test_a_refused_training_job_fails_the_tuning_job(tuner_of, bench, store):
    tuner = tuner_of(most=6, parallel=1)
    run(tuner, bench, 0.5)
    bench.refusal = ValidationException("the data is gone")
    bench.finish(names(bench)[1], 0.6)
    tuner.step()
    assert tuner.step() is True
    job = state(store)
    assert job.status == "Failed"
    assert "cannot be launched: the data is gone" in job.failure_reason
    assert len(store.tuning_jobs.tuned("search")) == 2


def instances(*types):
    configs = [{"InstanceType": t, "InstanceCount": 1, "VolumeSizeInGB": 1} for t in types]
    return definition(
        ResourceConfig=..., HyperParameterTuningResourceConfig={"InstanceConfigs": configs}
    )


def test_instances_that_this_machine_has_not_are_passed_over(tuner_of, bench):
    bench.lacks = {"ml.p3.16xlarge", "ml.p3.8xlarge"}
    given = instances("ml.p3.16xlarge", "ml.p3.8xlarge", "ml.p3.2xlarge", "ml.m5.large")
    tuner_of(most=2, parallel=2, TrainingJobDefinition=given).step()
    resources = [job.request["ResourceConfig"]["InstanceType"] for job in bench.all()]
    assert resources == ["ml.p3.2xlarge"] * 2


def test_a_machine_that_has_none_of_them_fails_it(tuner_of, bench, store):
    bench.lacks = {"ml.p3.16xlarge", "ml.p3.8xlarge"}
    tuner = tuner_of(TrainingJobDefinition=instances("ml.p3.16xlarge", "ml.p3.8xlarge"))
    tuner.step()
    assert tuner.step() is True
    assert state(store).failure_reason.endswith("cannot be launched: no ml.p3.8xlarge here")


def test_five_failures_end_it_and_stop_the_others(tuner_of, bench, store):
    tuner = tuner_of(most=20, parallel=6)
    tuner.step()
    for name in names(bench)[:5]:
        bench.fail(name)
    tuner.step()
    assert bench.stopped == names(bench)[5:]
    assert tuner.step() is True
    assert state(store).failure_reason.startswith("No training job succeeded after 5 attempts.")


def test_a_reached_target_stops_the_others(tuner_of, bench, store):
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.9}}
    tuner = tuner_of(most=20, parallel=2, config=criteria)
    tuner.step()
    bench.finish(names(bench)[1], 0.95)
    tuner.step()
    assert bench.stopped == names(bench)[:1]
    assert tuner.step() is True
    assert state(store).status == "Completed"


def test_the_median_rule_stops_a_job(tuner_of, bench, store):
    tuner = tuner_of(most=5, parallel=1, config={"TrainingJobEarlyStoppingType": "Auto"})
    for _ in range(3):
        tuner.step()
        bench.finish(bench.live()[0].name, 0.5, 0.6, 0.7)
    tuner.step()
    name = bench.live()[0].name
    bench.emit(name, 0.55)
    tuner.step()
    assert bench.stopped == []
    bench.emit(name, 0.1)
    tuner.step()
    assert bench.stopped == [name]
    tuner.step()
    stopped = store.tuning_jobs.tuned("search")[3]
    assert (stopped.status, stopped.stopped_early) == ("Stopped", True)
    assert (stopped.objective, stopped.objective_status) == (0.1, "Succeeded")


def test_who_was_killed_before_an_early_stop_stops_it_then(tuner_of, bench, store):
    tuner = tuner_of(most=5, parallel=1, config={"TrainingJobEarlyStoppingType": "Auto"})
    tuner.step()
    store.database.connection().execute("UPDATE tuned_jobs SET stopped_early = 1")
    Tuner(store, bench, "search").step()
    assert bench.stopped == names(bench)[:1]


def at_a_rung(tuner_of, bench):
    """A tuner whose jobs came to their first rung, each better than those before."""
    tuner = tuner_of(strategy="Hyperband", most=12, parallel=12)
    tuner.step()
    for number, name in enumerate(names(bench)):
        bench.emit(name, number / 100)
        tuner.step()
    return tuner


def test_hyperband_stops_those_that_are_not_among_the_best(tuner_of, bench, store):
    tuner = at_a_rung(tuner_of, bench)
    assert bench.stopped == []  # each was the best when it came to a rung
    for number, name in enumerate(names(bench)):
        bench.emit(name, 0.5, 1 - number / 100)
    tuner.step()
    assert names(bench)[-1] in bench.stopped
    assert names(bench)[0] not in bench.stopped


def test_who_goes_on_judges_no_epoch_again(tuner_of, bench, store):
    at_a_rung(tuner_of, bench)
    again = Tuner(store, bench, "search", clock=lambda: bench.now)
    again.step()
    assert bench.stopped == []  # by now most are worse than others were at that rung


def test_hyperband_stops_one_that_had_all_its_epochs(tuner_of, bench):
    tuner = tuner_of(strategy="Hyperband", most=1, parallel=1)
    tuner.step()
    bench.emit(names(bench)[0], *[0.5] * 9)
    tuner.step()
    assert bench.stopped == names(bench)


def test_definitions_take_turns(tuner_of, bench, store):
    def named(name, ranges):
        objective = {"Type": "Maximize", "MetricName": "acc"}
        return definition(
            DefinitionName=name, HyperParameterRanges=ranges, TuningObjective=objective
        )

    tuner = tuner_of(
        most=4,
        parallel=4,
        config={"ParameterRanges": ..., "HyperParameterTuningJobObjective": ...},
        TrainingJobDefinition=...,
        TrainingJobDefinitions=[
            named("a", {"ContinuousParameterRanges": [LR]}),
            named("b", {"CategoricalParameterRanges": [WAY]}),
        ],
    )
    tuner.step()
    tuned = store.tuning_jobs.tuned("search")
    assert [set(each.tuned) for each in tuned] == [{"lr"}, {"way"}] * 2


def test_a_grid_ends_when_it_is_through(tuner_of, bench, store):
    grid = {"CategoricalParameterRanges": [WAY]}
    tuner = tuner_of(strategy="Grid", most=..., parallel=5, ranges=grid)
    tuner.step()
    assert len(names(bench)) == 2
    for name in names(bench):
        bench.finish(name, 0.5)
    assert tuner.step() is True
    assert state(store).status == "Completed"


def test_parents_of_the_same_data_count_as_tried(tuner_of, bench, store):
    parent = tuner_of("parent", strategy="Bayesian", most=12, parallel=1)
    assert run(parent, bench, *[0.1] * 12)
    tried = [dict(each.tuned) for each in store.tuning_jobs.tuned("parent")]
    config = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    child = tuner_of("child", strategy="Bayesian", most=12, parallel=1, WarmStartConfig=config)
    child.step()
    (first,) = store.tuning_jobs.tuned("child")
    assert first.tuned not in tried  # it goes on, where one without parents begins anew
    assert store.tuning_jobs.tuned("parent")[0].tuned != first.tuned


def test_the_best_of_other_data_is_tried_first(tuner_of, bench, store):
    run(tuner_of("parent", most=3, parallel=1), bench, 0.1, 0.9, 0.5)
    config = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": "TransferLearning",
    }
    child = tuner_of("child", most=3, parallel=3, WarmStartConfig=config)
    child.step()
    old, new = store.tuning_jobs.tuned("parent"), store.tuning_jobs.tuned("child")
    assert [each.tuned for each in new] == [old[1].tuned, old[2].tuned, old[0].tuned]


def test_a_deleted_training_job_does_not_come_again(tuner_of, bench, store):
    tuner = tuner_of(most=3, parallel=1)
    tuner.step()
    name = names(bench)[0]
    bench.finish(name, 0.5)
    store.training_jobs.delete(name)
    tuner.step()
    assert store.tuning_jobs.tuned("search")[0].objective_status == "Failed"
    assert len(store.tuning_jobs.tuned("search")) == 2


def test_tags_are_every_training_jobs(tuner_of, bench, store):
    tuner_of(most=1, parallel=1, Tags=[{"Key": "team", "Value": "a"}], ranges=RANGES).step()
    assert store.tags.of(bench.all()[0].arn) == {"team": "a"}


def test_trial_components_are_found_under_the_tuning_job(tuner_of, bench, store):
    tuner_of(most=2, parallel=2).step()
    experiment = store.experiments.get("search-aws-tuning-job", "123456789012")
    assert experiment.name == "search-aws-tuning-job"
    assert store.experiments.has_trial("search-aws-tuning-job")
