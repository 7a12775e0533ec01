"""What Search finds with SQL is what its reference says, document by document.

The store is filled through the operations; then expressions of every shape are asked, and each
answer is compared with ``domain.search.matches`` and ``sort_value`` over all documents.
"""

import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagelet.aws.operation import OPERATIONS, Context
from sagelet.aws.services import sagemaker_metrics  # noqa: F401  they register
from sagelet.aws.services.sagemaker import search as search_service  # noqa: F401
from sagelet.domain.errors import ValidationException
from sagelet.domain.lifecycle import begin
from sagelet.domain.search import matches, parse, sort_value
from sagelet.domain.search_properties import RESOURCES, property_of
from sagelet.domain.training import TrainingJob
from sagelet.domain.tuning import TunedJob, TuningJob
from sagelet.store import open_store
from sagelet.store import search as search_store

ACCOUNT, REGION = "123456789012", "eu-west-1"

TEXTS = ["", "a", "A", "ab", "a.b", 'a"b', "7", "7.5", "0.5", "-1", "é", "1e3", "a,b"]
NAMES = ["one", "One", "two", "a-1", "b"]
KEYS = ["lr", "lr.max", "x:y", 'q"q', "Max"]
NUMBERS = [0.0, -1.0, 0.5, 7.0, 7.5, 1000.0, 1e300, math.inf, -math.inf, math.nan]

keys, texts, names = st.sampled_from(KEYS), st.sampled_from(TEXTS), st.sampled_from(NAMES)
numbers = st.sampled_from(NUMBERS)
parameters = st.one_of(
    numbers.map(lambda n: {"NumberValue": n}), texts.map(lambda t: {"StringValue": t})
)
artifacts = st.dictionaries(
    keys,
    st.fixed_dictionaries({"Value": texts}, optional={"MediaType": st.just("text/csv")}),
    max_size=2,
)
components = st.fixed_dictionaries(
    {
        "parameters": st.dictionaries(keys, parameters, max_size=3),
        "metrics": st.dictionaries(keys, st.lists(numbers, min_size=1, max_size=3), max_size=2),
        "inputs": artifacts,
        "outputs": artifacts,
        "tags": st.dictionaries(st.sampled_from(["team", "a.b"]), texts, max_size=2),
        "trials": st.sets(st.sampled_from(["t1", "t2", "t3"]), max_size=2),
        "display": st.none() | names,
        "status": st.none() | st.sampled_from(["Completed", "Failed"]),
        "start": st.none() | st.sampled_from([0.0, 1577836800.0, 1.7e9]),
        "commit": st.none() | texts,
    }
)
jobs = st.fixed_dictionaries(
    {
        "HyperParameters": st.dictionaries(keys, texts, max_size=3),
        "InputDataConfig": st.lists(
            st.builds(
                lambda name, uri: {
                    "ChannelName": name,
                    "DataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix"}},
                },
                names,
                texts,
            ),
            max_size=2,
        ),
        "EnableNetworkIsolation": st.booleans(),
        "ResourceConfig": st.fixed_dictionaries(
            {"InstanceCount": st.sampled_from([1, 7])},
            optional={"InstanceType": st.sampled_from(["ml.m5.large", "a"])},
        ),
        "metrics": st.dictionaries(keys, st.lists(numbers, min_size=1, max_size=2), max_size=2),
    }
)
tuned_jobs = st.fixed_dictionaries(
    {
        "submitted": st.booleans(),
        "settled": st.booleans(),
        "status": st.sampled_from(["InProgress", "Stopping", "Completed", "Failed", "Stopped"]),
        "objective": st.none() | st.sampled_from([0.0, -1.0, 0.5, 7.0, 1e300]),
        "failure_reason": st.none() | st.sampled_from(["InternalServerError: a", "ClientError"]),
    }
)
tunings = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(["Random", "Bayesian"]),
        "most": st.sampled_from([1, 7]),
        "kind": st.sampled_from(["Maximize", "Minimize"]),
        "definitions": st.sampled_from([(), ("one",), ("one", "Two")]),
        "tuned": st.lists(tuned_jobs, max_size=4),
        "ended": st.none() | st.sampled_from([0.0, 1577836800.0]),
        "reason": st.none() | texts,
        "tags": st.dictionaries(st.sampled_from(["team", "a.b"]), texts, max_size=2),
    }
)

PROPERTIES = {
    "ExperimentTrialComponent": [
        "TrialComponentName", "DisplayName", "trialcomponentarn", "Status.PrimaryStatus",
        "StartTime", "EndTime", "CreationTime", "LastModifiedTime", "MetadataProperties.CommitId",
        "Source.SourceArn", "Parents.TrialName", "Parents.ExperimentName", "Tags.team", "Tags.a.b",
        "Tags", "InputArtifacts", "OutputArtifacts",
        *(f"{head}.{key}{tail}" for key in KEYS for head, tail in (
            ("Parameters", ""), ("parameters", ".NumberValue"), ("Metrics", ""),
            ("metrics", ".max"), ("Metrics", ".Min"), ("Metrics", ".Avg"), ("Metrics", ".StdDev"),
            ("Metrics", ".Last"), ("Metrics", ".Count"), ("Metrics", ".TimeStamp"),
            ("InputArtifacts", ".Value"), ("OutputArtifacts", ".MediaType"),
        )),
    ],
    "Experiment": ["ExperimentName", "DisplayName", "Description", "Tags.team", "CreationTime"],
    "ExperimentTrial": [
        "TrialName", "ExperimentName", "DisplayName", "Tags.team",
        "TrialComponentSummaries.TrialComponentName",
    ],
    "TrainingJob": [
        "TrainingJobName", "TrainingJobStatus", "EnableNetworkIsolation", "FailureReason",
        "ResourceConfig.InstanceCount", "ResourceConfig.InstanceType", "CreationTime",
        "TrainingStartTime", "InputDataConfig.ChannelName", "ModelArtifacts.S3ModelArtifacts",
        "InputDataConfig.DataSource.S3DataSource.S3Uri", "StoppingCondition.MaxRuntimeInSeconds",
        *(f"{head}.{key}" for key in KEYS for head in ("HyperParameters", "Metrics")),
    ],
    "HyperParameterTuningJob": [
        "Tags.team", *RESOURCES["HyperParameterTuningJob"].fields,
        *(
            f"TrainingJobDefinitions.{member}"
            for member in RESOURCES["HyperParameterTuningJob"].lists["TrainingJobDefinitions"]
        ),
    ],
}  # fmt: skip
NESTED = {
    "ExperimentTrialComponent": {
        "Parents": ["Parents.TrialName", "Parents.ExperimentName"],
        "Tags": ["Tags.Key", "Value"],
        "Metrics": ["Metrics.MetricName", "Metrics.Max", "Metrics.Last", "Metrics.Count"],
    },
    "Experiment": {"Tags": ["Key", "Value"]},
    "ExperimentTrial": {"TrialComponentSummaries": ["TrialComponentName"]},
    "TrainingJob": {
        "InputDataConfig": [
            "InputDataConfig.ChannelName", "InputDataConfig.DataSource.S3DataSource.S3Uri",
            "InputDataConfig.CompressionType",
        ]
    },
    "HyperParameterTuningJob": {
        "Tags": ["Key", "Value"],
        "TrainingJobDefinitions": ["DefinitionName", "TuningObjective.MetricName"],
    },
}  # fmt: skip
VALUES = [
    *TEXTS[1:], *NAMES, "t1", "T2", "e1", "c0", "C1", "true", "false", "0", "1", "7.0", "2",
    "1000", "1e300", "2020-01-01T00:00:00", "ml.m5.large", "Completed", "InProgress", "inf",
    "Bayesian", "Minimize", "score", "n1-001", "n0", "Stopped",
    f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:experiment-trial-component/c0",
]  # fmt: skip
ALL, TEXTUAL = ["Equals", "NotEquals", "Exists", "NotExists"], ["Contains", "In"]
ORDERED = ["GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"]


def filters(resource, properties):
    return st.fixed_dictionaries(
        {
            "Name": st.sampled_from(properties),
            "Operator": st.sampled_from([*ALL, *TEXTUAL, *ORDERED]),
            "Value": st.sampled_from(VALUES),
        }
    ).filter(lambda one: allowed(resource, {"Filters": [one]}))


def allowed(resource, expression):
    try:
        parse(resource, expression)
    except ValidationException:
        return False
    return True


def expressions(resource):
    single = filters(resource, PROPERTIES[resource.name])
    nested = st.sampled_from(sorted(NESTED[resource.name])).flatmap(
        lambda name: st.fixed_dictionaries(
            {
                "NestedPropertyName": st.just(name),
                "Filters": st.lists(
                    st.fixed_dictionaries(
                        {
                            "Name": st.sampled_from(NESTED[resource.name][name]),
                            "Operator": st.sampled_from([*ALL, *ORDERED]),
                            "Value": st.sampled_from(VALUES),
                        }
                    ),
                    min_size=1,
                    max_size=2,
                ),
            }
        ).filter(lambda one: allowed(resource, {"NestedFilters": [one]}))
    )

    def group(inner):
        return st.fixed_dictionaries(
            {"Operator": st.sampled_from(["And", "Or"])},
            optional={
                "Filters": st.lists(single, min_size=1, max_size=3),
                "NestedFilters": st.lists(nested, min_size=1, max_size=1),
                "SubExpressions": st.lists(inner, min_size=1, max_size=2),
            },
        ).filter(lambda one: len(one) > 1)

    leaf = st.fixed_dictionaries({"Filters": st.lists(single, min_size=1, max_size=2)})
    return st.recursive(leaf, group, max_leaves=4).filter(
        lambda one: allowed(resource, one)  # at most one Contains, for instance
    )


def tuning_job(name, search):
    """A tuning job with one definition, or some that have names."""
    objective = {"Type": search["kind"], "MetricName": "score"}
    definition = {
        "AlgorithmSpecification": {"TrainingImage": "a", "TrainingInputMode": "File"},
        "RoleArn": "r",
        "ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 1},
    }
    limits = {"MaxNumberOfTrainingJobs": search["most"], "MaxParallelTrainingJobs": 1}
    config = {"Strategy": search["strategy"], "ResourceLimits": limits}
    request = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": config}
    if search["definitions"]:
        request["TrainingJobDefinitions"] = [
            {**definition, "DefinitionName": given, "TuningObjective": objective}
            for given in search["definitions"]
        ]
    else:
        config["HyperParameterTuningJobObjective"] = objective
        request["TrainingJobDefinition"] = definition
    return TuningJob(request, ACCOUNT, REGION, float(name[1:]), 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A store to fill anew: each call empties it."""
    store = open_store(tmp_path_factory.mktemp("home"), REGION)

    def fill(parts, trainings, searches=()):
        store.database.wipe()
        context = Context(ACCOUNT, REGION, "AKIA", "request", store, None)

        def call(name, service="sagemaker", **request):
            return OPERATIONS[service, name].handler(
                context, {key: value for key, value in request.items() if value is not None}
            )

        for number, (experiment, trials) in enumerate((("e1", ["t1", "t2"]), ("E2", ["t3"]))):
            call("CreateExperiment", ExperimentName=experiment, Description=TEXTS[number + 1])
            for trial in trials:
                call("CreateTrial", TrialName=trial, ExperimentName=experiment)
        for number, part in enumerate(parts):
            name = f"c{number}"
            call(
                "CreateTrialComponent",
                TrialComponentName=name,
                DisplayName=part["display"],
                Parameters=part["parameters"],
                InputArtifacts=part["inputs"],
                OutputArtifacts=part["outputs"],
                Tags=[{"Key": k, "Value": v} for k, v in part["tags"].items()],
                Status=part["status"] and {"PrimaryStatus": part["status"]},
                StartTime=part["start"],
                MetadataProperties=part["commit"] and {"CommitId": part["commit"]},
            )
            for trial in sorted(part["trials"]):
                call("AssociateTrialComponent", TrialComponentName=name, TrialName=trial)
            for key, series in part["metrics"].items():
                for step, value in enumerate(series):
                    point = {"MetricName": key, "Value": value, "Timestamp": 1577836800.0 + step}
                    call(
                        "BatchPutMetrics",
                        "sagemaker-metrics",
                        TrialComponentName=name,
                        MetricData=[point],
                    )
        for number, training in enumerate(trainings):
            members = {key: value for key, value in training.items() if key != "metrics"}
            request = {
                "TrainingJobName": f"j{number}",
                "AlgorithmSpecification": {"TrainingImage": "a"},
                "OutputDataConfig": {"S3OutputPath": "s3://a/b"},
                **members,
            }
            job = TrainingJob(request, ACCOUNT, REGION, float(number), begin(float(number)))
            store.training_jobs.add(job)
            for key, series in training["metrics"].items():
                data = [{"MetricName": key, "Value": value, "Timestamp": 1.0} for value in series]
                call(
                    "BatchPutMetrics", "sagemaker-metrics",
                    TrialComponentName=f"j{number}-aws-training-job", MetricData=data,
                )  # fmt: skip
        for number, search in enumerate(searches):
            job = tuning_job(f"n{number}", search)
            store.tuning_jobs.add(job, search["tags"])
            for order, tuned in enumerate(search["tuned"], start=1):
                store.tuning_jobs.save_tuned(
                    job.name, TunedJob(order, f"{job.name}-{order:03d}", 0, **tuned), float(order)
                )
            if search["ended"] is not None:
                store.tuning_jobs.save_end(job.name, "Stopped", search["reason"], search["ended"])
        return call

    yield fill
    store.database.close()


def everything(call, resource, **request):
    """All pages of a search."""
    token, found = None, []
    while True:
        answer = call("Search", Resource=resource.name, NextToken=token, **request)
        found += [result[resource.record] for result in answer["Results"]]
        token = answer.get("NextToken")
        if token is None:
            assert answer["TotalHits"] == {"Value": len(found), "Relation": "EqualTo"}
            return found


@pytest.mark.parametrize(
    ("name", "few", "refreshed"),
    [
        ("Experiment", search_store.FEW, search_store.REFRESHED),
        ("ExperimentTrial", search_store.FEW, search_store.REFRESHED),
        ("TrainingJob", search_store.FEW, search_store.REFRESHED),
        ("HyperParameterTuningJob", search_store.FEW, search_store.REFRESHED),
        # Begun with the strictest condition, with indexes as they should be ...
        ("ExperimentTrialComponent", search_store.FEW, search_store.REFRESHED),
        # ... and walked in order, with indexes that are behind.
        ("ExperimentTrialComponent", 0, 0),
        ("ExperimentTrialComponent", search_store.FEW, 0),
    ],
)
def test_sql_finds_what_the_reference_says(world, monkeypatch, name, few, refreshed):
    monkeypatch.setattr(search_store, "FEW", few)
    monkeypatch.setattr(search_store, "REFRESHED", refreshed)
    resource = RESOURCES[name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        if name == "HyperParameterTuningJob":
            call = world([], [], data.draw(st.lists(tunings, max_size=4)))
        else:
            call = world(
                data.draw(st.lists(components, max_size=4)), data.draw(st.lists(jobs, max_size=3))
            )
        documents = everything(call, resource)
        named = {document[f"{resource.record}Arn"]: document for document in documents}
        for _ in range(6):
            expression = data.draw(expressions(resource))
            sort_by = data.draw(st.sampled_from(PROPERTIES[name]))
            order = data.draw(st.sampled_from(["Ascending", "Descending"]))
            size = data.draw(st.sampled_from([1, 2, 100]))
            found = everything(
                call, resource, SearchExpression=expression, SortBy=sort_by, SortOrder=order,
                MaxResults=size,
            )  # fmt: skip
            arns = [document[f"{resource.record}Arn"] for document in found]
            condition = parse(resource, expression)
            wanted = {arn for arn, document in named.items() if matches(condition, document)}
            assert sorted(arns) == sorted(wanted)
            by = property_of(resource, sort_by)
            keys = [sort_value(by, document) for document in found]
            there = [key for key in keys if key is not None]
            assert keys == sorted(there, reverse=order == "Descending") + [None] * (
                len(keys) - len(there)
            )

    check()


def test_a_page_goes_on_where_the_last_one_ended(world):
    part = {
        "parameters": {}, "metrics": {}, "inputs": {}, "outputs": {}, "tags": {}, "trials": [],
        "display": None, "status": None, "start": None, "commit": None,
    }  # fmt: skip
    lacking = [part] * 3
    equal = [{**part, "metrics": {"m": [1.0]}}] * 3
    call = world([*lacking, *equal, {**part, "metrics": {"m": [2.0]}}], [])
    resource = RESOURCES["ExperimentTrialComponent"]
    for order, size in itertools.product(("Ascending", "Descending"), (1, 2, 3)):
        found = everything(call, resource, SortBy="Metrics.m.Max", SortOrder=order, MaxResults=size)
        names = [document["TrialComponentName"] for document in found]
        assert sorted(names) == [f"c{number}" for number in range(7)]
        assert set(names[4:]) == {"c0", "c1", "c2"}
        assert names[0 if order == "Descending" else 3] == "c6"
