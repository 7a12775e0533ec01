"""The operations of tuning jobs over a store."""

import pytest

from sagelet.aws.operation import OPERATIONS, Context
from sagelet.aws.services.sagemaker import search, training, tuning  # noqa: F401  they register
from sagelet.domain.errors import Refusal, ResourceInUse, ValidationException
from sagelet.engine.tuner import Tuner
from sagelet.engine.tuners import Tuners, Tuning
from support.tuning import tuning_job, tuning_request

ACCOUNT, REGION = "123456789012", "eu-west-1"


class Engine:
    """What the wire knows of an engine."""

    def __init__(self, of_region):
        self.tuning = of_region


class Asleep(Tuners):
    """Tuners that begin nothing by themselves: tests make the steps."""

    def enter(self, job):
        pass


@pytest.fixture
def ask(bench):
    store = bench.store
    engine = Engine(Tuning(store, bench, Asleep(store, lambda _: (store, bench)), ACCOUNT))

    def call(name, **request):
        context = Context(ACCOUNT, REGION, "AKIA", "request", store.in_region(REGION), engine, dict)
        return OPERATIONS["sagemaker", name].handler(context, request)

    return call


@pytest.fixture
def ran(bench):
    """``ran(*objectives, name=...)``: a tuning job with training jobs that ended so."""

    def make(*objectives, name="search", **given):
        job = tuning_job(name, most=len(objectives) + 1, parallel=1, **given)
        bench.store.tuning_jobs.add(job, {"team": "a"})
        tuner = Tuner(bench.store, bench, name, clock=lambda: bench.now)
        for objective in objectives:
            tuner.step()
            live = next(j.name for j in bench.live() if j.name.startswith(f"{name}-"))
            if objective is None:
                bench.fail(live)
            else:
                bench.finish(live, objective)
        tuner.step()
        return [job.name for job in bench.all() if job.name.startswith(f"{name}-")]

    return make


def describe(ask, name="search"):
    return ask("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)


def listed(ask, name="search", **wanted):
    found = ask(
        "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName=name, **wanted
    )
    return [summary["TrainingJobName"] for summary in found["TrainingJobSummaries"]]


def test_create_answers_with_the_arn_and_describe_with_the_request(ask):
    request = tuning_request("Search", Tags=[{"Key": "team", "Value": "a"}])
    answer = ask("CreateHyperParameterTuningJob", **request)
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:hyper-parameter-tuning-job/search"
    assert answer == {"HyperParameterTuningJobArn": arn}
    shown = describe(ask, "Search")
    assert shown["HyperParameterTuningJobConfig"] == request["HyperParameterTuningJobConfig"]
    assert shown["HyperParameterTuningJobStatus"] == "InProgress"
    static = shown["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static == {"epochs": "9", "_tuning_objective_metric": "acc"}
    assert "BestTrainingJob" not in shown


def test_names_are_taken_whatever_their_case(ask):
    ask("CreateHyperParameterTuningJob", **tuning_request("Search"))
    with pytest.raises(ResourceInUse, match=r"already exists .*tuning-job/search"):
        ask("CreateHyperParameterTuningJob", **tuning_request("search"))


def test_the_objective_is_a_metric_of_its_own_name(ask, ran, bench):
    name, *_ = ran(0.5)
    definitions = describe(ask)["TrainingJobDefinition"]["AlgorithmSpecification"]
    assert [m["Name"] for m in definitions["MetricDefinitions"]] == ["acc", "ObjectiveMetric"]
    assert bench.store.training_jobs.get(name).metric_definitions[1].name == "ObjectiveMetric"


def test_what_a_training_job_is_refused_for_is_refused_at_once(ask, bench):
    bench.refusal = ValidationException("no such data")
    with pytest.raises(ValidationException, match="no such data"):
        ask("CreateHyperParameterTuningJob", **tuning_request())
    with pytest.raises(Refusal):
        describe(ask)


def test_a_parent_must_be_there(ask):
    config = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "no"}],
        "WarmStartType": "TransferLearning",
    }
    with pytest.raises(Refusal, match="can't find a tuning job with the name no"):
        ask("CreateHyperParameterTuningJob", **tuning_request(WarmStartConfig=config))


@pytest.mark.parametrize("operation", ["Describe", "Stop", "Delete"])
def test_there_is_no_such_tuning_job(ask, operation):
    with pytest.raises(Refusal) as refusal:
        ask(f"{operation}HyperParameterTuningJob", HyperParameterTuningJobName="no")
    assert refusal.value.code == "ResourceNotFound"


def test_counters_and_the_best(ask, ran):
    jobs = ran(0.2, 0.9, None)
    shown = describe(ask)
    assert shown["TrainingJobStatusCounters"] == {
        "Completed": 2, "InProgress": 1, "RetryableError": 0, "NonRetryableError": 1, "Stopped": 0,
    }  # fmt: skip
    assert shown["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 1, "Failed": 1}
    best = shown["BestTrainingJob"]
    assert best["TrainingJobName"] == jobs[1]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "Type": "Maximize", "MetricName": "acc", "Value": 0.9,
    }  # fmt: skip
    assert set(best["TunedHyperParameters"]) == {"lr", "hidden", "way"}
    assert best["TrainingStartTime"] < best["TrainingEndTime"]
    assert shown["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 1


def test_training_jobs_in_every_order(ask, ran):
    jobs = ran(0.2, 0.9, None)
    assert listed(ask) == jobs
    assert listed(ask, SortOrder="Descending") == jobs[::-1]
    by_value = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": "Descending"}
    assert listed(ask, **by_value) == [jobs[1], jobs[0]]  # one that has none is not listed
    assert listed(ask, StatusEquals="Failed") == [jobs[2]]
    assert listed(ask, SortBy="Status")[:2] == jobs[:2]


def test_training_jobs_page_by_page(ask, ran):
    jobs = ran(0.1, 0.2, 0.3)
    found, token = [], {}
    while True:
        page = ask(
            "ListTrainingJobsForHyperParameterTuningJob",
            HyperParameterTuningJobName="search",
            MaxResults=3,
            **token,
        )
        found += [summary["TrainingJobName"] for summary in page["TrainingJobSummaries"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == jobs


def test_a_training_job_that_runs_has_its_last_value(ask, ran, bench):
    jobs = ran(0.2)
    bench.emit(jobs[1], 0.4, 0.6)
    page = ask("ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="search")
    running = page["TrainingJobSummaries"][1]
    assert running["ObjectiveStatus"] == "Pending"
    assert running["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0.6
    assert describe(ask)["BestTrainingJob"]["TrainingJobName"] == jobs[0]


def test_a_training_job_says_whose_it_is(ask, ran):
    (job, _) = ran(0.2)
    shown = ask("DescribeTrainingJob", TrainingJobName=job)
    assert shown["TuningJobArn"] == describe(ask)["HyperParameterTuningJobArn"]
    assert shown["HyperParameters"]["_tuning_objective_metric"] == "acc"


def test_search_finds_the_training_jobs_of_a_tuning_job(ask, ran):
    jobs = ran(0.2, 0.9)
    ran(0.5, name="other")
    arn = describe(ask)["HyperParameterTuningJobArn"]
    condition = {"Name": "TuningJobArn", "Operator": "Equals", "Value": arn}
    found = ask("Search", Resource="TrainingJob", SearchExpression={"Filters": [condition]})
    names = [result["TrainingJob"]["TrainingJobName"] for result in found["Results"]]
    assert sorted(names) == jobs
    assert found["Results"][0]["TrainingJob"]["TuningJobArn"] == arn


def test_search_finds_the_best_tuning_job(ask, ran):
    ran(0.2, 0.9, name="good")
    ran(0.5, name="fair")
    ran(None, name="poor")
    value = "BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value"
    counted = {
        "Name": "ObjectiveStatusCounters.Succeeded",
        "Operator": "GreaterThan",
        "Value": "0",
    }
    found = ask(
        "Search",
        Resource="HyperParameterTuningJob",
        SearchExpression={"Filters": [counted]},
        SortBy=value,
        SortOrder="Descending",
    )
    jobs = [result["HyperParameterTuningJob"] for result in found["Results"]]
    assert [job["HyperParameterTuningJobName"] for job in jobs] == ["good", "fair"]
    best = jobs[0]["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert best["Value"] == 0.9
    assert jobs[0]["Tags"] == [{"Key": "team", "Value": "a"}]
    assert jobs[0]["HyperParameterTuningJobConfig"]["Strategy"] == "Random"


def test_names_of_tuning_jobs_properties_are_suggested(ask, ran):
    ran(0.5)
    for hint, name in (("Best", "BestTrainingJob.TrainingJobName"), ("Tags.t", "Tags.team")):
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        found = ask(
            "GetSearchSuggestions", Resource="HyperParameterTuningJob", SuggestionQuery=query
        )
        assert name in [each["PropertyName"] for each in found["PropertyNameSuggestions"]]


def test_trial_components_are_found_under_their_tuning_job(ask, ran):
    jobs = ran(0.2, 0.9)
    trial = {"Name": "Parents.TrialName", "Operator": "Equals", "Value": "search-aws-tuning-job"}
    found = ask(
        "Search", Resource="ExperimentTrialComponent", SearchExpression={"Filters": [trial]}
    )
    names = [result["TrialComponent"]["DisplayName"] for result in found["Results"]]
    assert sorted(names) == jobs


def test_deleted_training_jobs_stay_in_the_list(ask, ran, bench):
    jobs = ran(0.2, 0.9)
    bench.store.training_jobs.delete(jobs[1])
    assert listed(ask) == jobs
    assert describe(ask)["BestTrainingJob"]["TrainingJobName"] == jobs[1]


def test_tuning_jobs_are_listed_by_name_by_default(ask, ran):
    for name in ("b", "c", "a"):
        ran(name=name)
    found = ask("ListHyperParameterTuningJobs")["HyperParameterTuningJobSummaries"]
    assert [each["HyperParameterTuningJobName"] for each in found] == ["a", "b", "c"]
    assert found[0]["Strategy"] == "Random"
    assert found[0]["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 1
    page = ask("ListHyperParameterTuningJobs", SortBy="Name", SortOrder="Descending", MaxResults=2)
    names = [e["HyperParameterTuningJobName"] for e in page["HyperParameterTuningJobSummaries"]]
    assert names == ["c", "b"]
    assert "NextToken" in page
    found = ask("ListHyperParameterTuningJobs", NameContains="B", StatusEquals="InProgress")
    assert len(found["HyperParameterTuningJobSummaries"]) == 1
    found = ask("ListHyperParameterTuningJobs", StatusEquals="Failed")
    assert found["HyperParameterTuningJobSummaries"] == []


def test_stop_and_delete(ask, ran, bench):
    ran(0.5)
    with pytest.raises(ResourceInUse, match="it has not ended"):
        ask("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="search")
    ask("StopHyperParameterTuningJob", HyperParameterTuningJobName="search")
    assert describe(ask)["HyperParameterTuningJobStatus"] == "Stopping"
    tuner = Tuner(bench.store, bench, "search", clock=lambda: bench.now)
    tuner.step()
    tuner.step()
    shown = describe(ask)
    assert shown["HyperParameterTuningJobStatus"] == "Stopped"
    assert shown["HyperParameterTuningEndTime"] == bench.now
    with pytest.raises(ValidationException, match="in status Stopped"):
        ask("StopHyperParameterTuningJob", HyperParameterTuningJobName="search")
    jobs = [job.name for job in bench.all()]
    ask("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="search")
    with pytest.raises(Refusal):
        describe(ask)
    assert (
        "tuning-job/search" in ask("DescribeTrainingJob", TrainingJobName=jobs[0])["TuningJobArn"]
    )


def test_the_overall_best_may_be_a_parents(ask, ran, bench):
    parents = ran(0.9, name="parent")
    ask("StopHyperParameterTuningJob", HyperParameterTuningJobName="parent")
    Tuner(bench.store, bench, "parent").step()
    config = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    children = ran(0.5, name="child", WarmStartConfig=config)
    shown = describe(ask, "child")
    assert shown["BestTrainingJob"]["TrainingJobName"] == children[0]
    overall = shown["OverallBestTrainingJob"]
    assert (overall["TrainingJobName"], overall["TuningJobName"]) == (parents[0], "parent")
