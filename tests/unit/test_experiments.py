"""Experiments, trials and components: what may be done with them, and a job's own component."""

from dataclasses import replace

import pytest

from sagelet.domain.errors import DomainError, ValidationException
from sagelet.domain.experiments import (
    Experiment,
    Trial,
    assign,
    component_of,
    life_of,
    outputs_of,
    parameters_of,
)
from sagelet.domain.lifecycle import Event, advance, begin

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


@pytest.fixture
def sagemaker(ask):
    """``sagemaker("CreateTrial", Member=value)``."""
    return lambda name, **request: ask("sagemaker", name, **request)


@pytest.fixture
def family(sagemaker):
    """An experiment ``E`` with the trial ``T``, and in it the component ``C``."""
    sagemaker("CreateExperiment", ExperimentName="E", Tags=[{"Key": "a", "Value": "b"}])
    sagemaker("CreateTrial", TrialName="T", ExperimentName="e")
    sagemaker("CreateTrialComponent", TrialComponentName="C")
    sagemaker("AssociateTrialComponent", TrialComponentName="c", TrialName="t")
    return sagemaker


def refusal(call, *arguments, **request):
    with pytest.raises(DomainError) as caught:
        call(*arguments, **request)
    return caught.value.code, str(caught.value)


def test_a_part_keeps_the_whole_and_the_whole_its_parts(family):
    for name, request, text in (
        ("DeleteExperiment", {"ExperimentName": "E"},
         f"Experiment '{ARN}:experiment/e' is linked to 1 or more trials and cannot be deleted."),
        ("DeleteTrial", {"TrialName": "T"},
         (f"Trial '{ARN}:experiment-trial/t' is linked to 1 or more trial components and cannot be"
         " deleted.")),
        ("DeleteTrialComponent", {"TrialComponentName": "C"},
         (f"TrialComponent '{ARN}:experiment-trial-component/c' is linked to 1 or more trials and"
         " cannot be deleted.")),
    ):  # fmt: skip
        assert refusal(family, name, **request) == ("ValidationException", text)
    family("DisassociateTrialComponent", TrialComponentName="C", TrialName="T")
    family("DeleteTrialComponent", TrialComponentName="C")
    family("DeleteTrial", TrialName="T")
    family("DeleteExperiment", ExperimentName="E")
    family("CreateExperiment", ExperimentName="e")
    assert family("ListTags", ResourceArn=f"{ARN}:experiment/e") == {"Tags": []}


@pytest.mark.parametrize(
    ("name", "request_", "kind"),
    [
        ("CreateExperiment", {"ExperimentName": "e"}, "Experiment"),
        ("CreateTrial", {"TrialName": "t", "ExperimentName": "E"}, "Trial"),
        ("CreateTrialComponent", {"TrialComponentName": "c"}, "TrialComponent"),
    ],
)
def test_a_name_is_taken_in_whatever_case(family, name, request_, kind):
    taken = request_[f"{kind}Name"]
    assert refusal(family, name, **request_) == (
        "ValidationException",
        (
            f"{kind} names must be unique within an AWS account and region. "
            f"{kind} with name ({taken}) already exists."
        ),
    )


@pytest.mark.parametrize(
    ("name", "request_", "text"),
    [
        ("DescribeExperiment", {"ExperimentName": "X"}, "Experiment 'arn*:experiment/x'"),
        ("UpdateExperiment", {"ExperimentName": "X"}, "Experiment 'arn*:experiment/x'"),
        (
            "CreateTrial",
            {"TrialName": "n", "ExperimentName": "X"},
            "Experiment 'arn*:experiment/x'",
        ),
        ("DescribeTrial", {"TrialName": "X"}, "Trial 'arn*:experiment-trial/x'"),
        ("ListTrials", {"ExperimentName": "X"}, "Experiment 'arn*:experiment/x'"),
        ("ListTrialComponents", {"TrialName": "X"}, "Trial 'arn*:experiment-trial/x'"),
        (
            "AssociateTrialComponent",
            {"TrialName": "T", "TrialComponentName": "X"},
            "TrialComponent 'arn*:experiment-trial-component/x'",
        ),
    ],
)
def test_what_is_not_there_is_a_resource_not_found(family, name, request_, text):
    expected = text.replace("arn*", ARN) + " does not exist."
    assert refusal(family, name, **request_) == ("ResourceNotFound", expected)


def test_one_filter_of_components_at_a_time(family):
    code, text = refusal(family, "ListTrialComponents", TrialName="T", ExperimentName="E")
    assert (code, text.startswith("Only one of")) == ("ValidationException", True)


def test_an_update_lays_over_and_removes(family):
    family(
        "UpdateTrialComponent",
        TrialComponentName="C",
        Parameters={"lr": {"NumberValue": 1}, "old": {"StringValue": "x"}},
        InputArtifacts={"a": {"Value": "s3://a"}, "b": {"Value": "s3://b"}},
    )
    family(
        "UpdateTrialComponent",
        TrialComponentName="C",
        DisplayName="shown",
        Parameters={"lr": {"NumberValue": 0.5}},
        ParametersToRemove=["old", "never"],
        InputArtifactsToRemove=["a"],
        Status={"PrimaryStatus": "Failed", "Message": "no"},
    )
    found = family("DescribeTrialComponent", TrialComponentName="c")
    assert found["Parameters"] == {"lr": {"NumberValue": 0.5}}
    assert found["InputArtifacts"] == {"b": {"Value": "s3://b"}}
    assert (found["DisplayName"], found["TrialComponentName"]) == ("shown", "C")
    assert found["Status"] == {"PrimaryStatus": "Failed", "Message": "no"}


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"Parameters": {"p": {}}}, "either a NumberValue or a StringValue"),
        ({"Parameters": {"p": {"NumberValue": 1, "StringValue": "1"}}}, "either a NumberValue"),
        ({"Parameters": {str(n): {"NumberValue": n} for n in range(301)}}, "more than 300"),
        ({"InputArtifacts": {str(n): {"Value": "v"} for n in range(61)}}, "more than 60"),
    ],
)
def test_what_a_component_cannot_hold(family, update, message):
    with pytest.raises(DomainError, match=message):
        family("UpdateTrialComponent", TrialComponentName="C", **update)
    assert family("DescribeTrialComponent", TrialComponentName="C")["Parameters"] == {}


def test_lists_go_page_by_page_in_their_order(family):
    for number in range(5):
        family("CreateTrialComponent", TrialComponentName=f"n{number}")
    family("AssociateTrialComponent", TrialComponentName="n3", TrialName="T")

    def names(**request):
        found, token = [], None
        while True:
            more = {} if token is None else {"NextToken": token}
            answer = family("ListTrialComponents", MaxResults=2, **request, **more)
            found += [one["TrialComponentName"] for one in answer["TrialComponentSummaries"]]
            token = answer.get("NextToken")
            if token is None:
                return found

    assert names() == ["n4", "n3", "n2", "n1", "n0", "C"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["C", "n0", "n1", "n2", "n3", "n4"]
    assert names(ExperimentName="e") == ["n3", "C"]
    assert names(TrialName="t", SortOrder="Ascending") == ["C", "n3"]
    assert names(SourceArn=f"{ARN}:training-job/x") == []


def test_a_job_s_component_says_what_the_job_is(job_of, channel_of):
    job = job_of(
        HyperParameters={"lr": "0.5", "layers": "3", "opt": '"sgd"', "odd": "nan", "zip": "010"},
        InputDataConfig=[
            channel_of("train", "s3://digits/train", ContentType="text/csv"),
            channel_of("test", "s3://digits/test"),
        ],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 30},
        ExperimentConfig={"TrialComponentDisplayName": "Training"},
    )
    component = component_of(job)
    assert component.name == f"{job.name}-aws-training-job"
    assert component.parameters == {
        "SageMaker.InstanceCount": 2.0,
        "SageMaker.InstanceType": "ml.m5.large",
        "SageMaker.VolumeSizeInGB": 30.0,
        "lr": 0.5,
        "layers": 3.0,
        "opt": '"sgd"',
        "odd": "nan",
        "zip": "010",
    }
    assert component.document == {
        "DisplayName": "Training",
        "Source": {"SourceArn": job.arn, "SourceType": "SageMakerTrainingJob"},
        "InputArtifacts": {
            "SageMaker.ImageUri": {"Value": "mine:1"},
            "train": {"MediaType": "text/csv", "Value": "s3://digits/train"},
            "test": {"Value": "s3://digits/test"},
        },
        "Status": {
            "PrimaryStatus": "InProgress",
            "Message": "Status: InProgress, secondary status: Starting, failure reason: .",
        },
    }
    assert component_of(job_of()).document["DisplayName"] == component.name


def test_only_so_many_parameters(job_of):
    assert len(parameters_of(job_of(HyperParameters={f"p{n}": "1" for n in range(100)}))) == 102
    many = job_of(HyperParameters={f"p{n}": "1" for n in range(400)})
    assert len(parameters_of(many)) == 300


def test_its_status_is_the_job_s(job_of):
    life = begin(1.0)
    for moment, event in enumerate((Event.PREPARED, Event.STAGED, Event.FAULTED), start=2):
        life, _ = advance(life, event, float(moment), "InternalServerError: gone")
    job = replace(job_of(), life=life, artifacts={"model": "s3://m"})
    assert life_of(job) == {
        "Status": {
            "PrimaryStatus": "Failed",
            "Message": "Status: Failed, secondary status: Failed, failure reason: "
            "InternalServerError: gone.",
        },
        "StartTime": 2.0,
        "EndTime": 4.0,
    }
    assert outputs_of(job) == {"SageMaker.ModelArtifact": {"Value": "s3://m"}}


WHO = (ACCOUNT, REGION, 1.0, 1.0)
EXPERIMENT, TRIAL = Experiment("E", *WHO), Trial("T", "E", *WHO)


@pytest.mark.parametrize(
    ("config", "trial", "experiment", "expected"),
    [
        ({}, None, None, None),
        ({"TrialComponentDisplayName": "x"}, None, None, None),
        ({"TrialName": "t"}, TRIAL, None, ("E", "T", False, False)),
        ({"TrialName": "t", "ExperimentName": "e"}, TRIAL, EXPERIMENT, ("E", "T", False, False)),
        ({"ExperimentName": "e"}, None, EXPERIMENT, ("E", "job-aws-trial", False, True)),
        ({"ExperimentName": "n"}, None, None, ("n", "job-aws-trial", True, True)),
        ({"ExperimentName": "n", "TrialName": "m"}, None, None, ("n", "m", True, True)),
        ({"TrialName": "m"}, None, None, "ResourceNotFound"),
        ({"TrialName": "T", "ExperimentName": "other"}, TRIAL, None, "ValidationException"),
    ],
)
def test_where_an_experiment_config_puts_a_job(job_of, config, trial, experiment, expected):
    job = job_of(TrainingJobName="job", ExperimentConfig=config)
    if isinstance(expected, str):
        assert refusal(assign, job, trial, experiment)[0] == expected
        return
    found = assign(job, trial, experiment)
    assert expected == (
        found and (found.experiment, found.trial, found.new_experiment, found.new_trial)
    )


def component(ask, name):
    return ask("sagemaker", "DescribeTrialComponent", TrialComponentName=name)


def test_every_job_has_a_component_that_follows_it(ask, job_of):
    job = job_of(TrainingJobName="Solo", HyperParameters={"lr": "0.5"})
    jobs = ask.store.training_jobs
    jobs.add(job)
    (found,) = ask("sagemaker", "ListTrialComponents", SourceArn=job.arn.upper())[
        "TrialComponentSummaries"
    ]
    assert found["TrialComponentName"] == "Solo-aws-training-job"
    ask(
        "sagemaker", "UpdateTrialComponent",
        TrialComponentName="solo-aws-training-job",
        Parameters={"mine": {"StringValue": "kept"}},
        OutputArtifacts={"plot": {"Value": "s3://plot"}},
    )  # fmt: skip
    life, _ = advance(job.life, Event.FAULTED, 200.0, "ClientError: no")
    jobs.save_artifacts("Solo", {"model": "s3://out/model.tar.gz"}, 150.0)
    jobs.save_life("Solo", life, 200.0)
    shown = component(ask, "Solo-aws-training-job")
    assert shown["Status"]["PrimaryStatus"] == "Failed"
    assert (shown["EndTime"], shown["LastModifiedTime"]) == (200.0, 200.0)
    assert shown["Parameters"]["mine"] == {"StringValue": "kept"}
    assert sorted(shown["OutputArtifacts"]) == ["SageMaker.ModelArtifact", "plot"]


def test_a_job_that_is_refused_leaves_nothing(ask, job_of):
    job = job_of(TrainingJobName="a", ExperimentConfig={"ExperimentName": "E", "RunName": "none"})
    assert refusal(ask.store.training_jobs.add, job)[0] == "ResourceNotFound"
    assert ask("sagemaker", "ListExperiments") == {"ExperimentSummaries": []}
    assert ask("sagemaker", "ListTrialComponents") == {"TrialComponentSummaries": []}
    good = replace(job, request={**job.request, "ExperimentConfig": {"ExperimentName": "E"}})
    ask.store.training_jobs.add(good)
    with pytest.raises(DomainError):
        ask.store.training_jobs.add(good)
    (trial,) = ask("sagemaker", "ListTrials", ExperimentName="e")["TrialSummaries"]
    assert trial["TrialName"] == "a-aws-trial"
    assert len(ask("sagemaker", "ListTrialComponents")["TrialComponentSummaries"]) == 1


def test_a_deleted_component_takes_no_metrics_from_its_job(ask, job_of):
    job = job_of(TrainingJobName="a")
    ask.store.training_jobs.add(job)
    ask(
        "sagemaker-metrics", "BatchPutMetrics", TrialComponentName="a-aws-training-job",
        MetricData=[{"MetricName": "m", "Timestamp": 1.0, "Value": 2.0}],
    )  # fmt: skip
    ask("sagemaker", "DeleteTrialComponent", TrialComponentName="a-aws-training-job")
    assert ask("sagemaker", "ListTrialComponents") == {"TrialComponentSummaries": []}
    assert ask("sagemaker", "Search", Resource="ExperimentTrialComponent")["Results"] == []
    assert [datum.value for datum in ask.store.metrics.final("a")] == [2.0]
    with pytest.raises(DomainError, match="does not exist"):
        component(ask, "a-aws-training-job")


def test_a_deleted_job_leaves_its_component_in_its_trial(ask, job_of):
    for name, config in (("alone", {}), ("kept", {"ExperimentName": "E"})):
        job = job_of(TrainingJobName=name, ExperimentConfig=config)
        ask.store.training_jobs.add(job)
        ask.store.training_jobs.delete(name)
    left = ask("sagemaker", "ListTrialComponents")["TrialComponentSummaries"]
    assert [one["TrialComponentName"] for one in left] == ["kept-aws-training-job"]
    ask.store.training_jobs.add(job_of(TrainingJobName="kept"))
    assert component(ask, "kept-aws-training-job-2")["Source"]["SourceArn"].endswith("/kept")


def test_metrics_come_back_by_step_and_by_time(ask):
    ask("sagemaker", "CreateTrialComponent", TrialComponentName="c")
    points = [(0, 60.0, 1.0), (1, 61.0, 3.0), (1, 130.0, 5.0), (2, 131.0, float("nan"))]
    ask(
        "sagemaker-metrics", "BatchPutMetrics", TrialComponentName="c",
        MetricData=[
            {"MetricName": "m", "Step": step, "Timestamp": moment, "Value": value}
            for step, moment, value in points
        ],
    )  # fmt: skip

    def get(statistic, period, **more):
        axis = "IterationNumber" if period == "IterationNumber" else "Timestamp"
        query = {
            "MetricName": "m", "ResourceArn": f"{ARN}:experiment-trial-component/c",
            "MetricStat": statistic, "Period": period, "XAxisType": axis, **more,
        }  # fmt: skip
        answer = ask("sagemaker-metrics", "BatchGetMetrics", MetricQueries=[query])
        (result,) = answer["MetricQueryResults"]
        return result["Status"], result["XAxisValues"], list(map(repr, result["MetricValues"]))

    assert get("Avg", "IterationNumber") == ("Complete", [0, 1], ["1.0", "4.0"])
    assert get("Last", "IterationNumber") == ("Complete", [0, 1, 2], ["1.0", "5.0", "nan"])
    assert get("Count", "OneMinute") == ("Complete", [60, 120], ["2.0", "2.0"])
    assert get("Max", "OneMinute", End=119) == ("Complete", [60], ["3.0"])
    assert get("Max", "OneMinute", MetricName="none")[0] == "ValidationError"
    assert get("Max", "OneMinute", XAxisType="IterationNumber")[0] == "ValidationError"
    (metric,) = component(ask, "c")["Metrics"]
    assert (metric["Count"], metric["Max"], metric["TimeStamp"]) == (4, 5.0, 131.0)


def test_suggestions_begin_with_the_hint(family):
    family("UpdateTrialComponent", TrialComponentName="C", Parameters={"lr": {"NumberValue": 1}})
    family("AddTags", ResourceArn=f"{ARN}:experiment-trial-component/c",
           Tags=[{"Key": "team", "Value": "x"}])  # fmt: skip

    def suggest(hint):
        query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
        answer = family(
            "GetSearchSuggestions", Resource="ExperimentTrialComponent", SuggestionQuery=query
        )
        return [one["PropertyName"] for one in answer["PropertyNameSuggestions"]]

    assert suggest("Parameters.l") == ["Parameters.lr"]
    assert suggest("tags.") == ["Tags.team"]
    assert suggest("Sta") == ["Status.PrimaryStatus", "Status.Message", "StartTime"]
    assert suggest("nothing") == []


def test_cross_account_search_is_refused(family):
    with pytest.raises(ValidationException, match="one account only"):
        family("Search", Resource="Experiment", CrossAccountFilterOption="CrossAccount")
