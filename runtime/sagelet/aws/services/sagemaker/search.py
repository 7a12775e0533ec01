"""Search over everything there is, and suggestions for the names in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sagelet.aws.operation import Context, Document, operation
from sagelet.aws.paging import page
from sagelet.aws.services.sagemaker.components import show_component
from sagelet.aws.services.sagemaker.experiments import show_experiment
from sagelet.aws.services.sagemaker.processing import show_processing_job
from sagelet.aws.services.sagemaker.training import show_training_job
from sagelet.aws.services.sagemaker.trials import show_trial
from sagelet.aws.services.sagemaker.tuning import show_tuning_job
from sagelet.domain.errors import ValidationException
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.search import parse
from sagelet.domain.search_properties import known_names, property_of, resource_of
from sagelet.domain.training import TrainingJob
from sagelet.store.search import Order

#: Results of a page when the request does not say.
_PAGE = 100

_SUGGESTIONS = 20

#: Collections whose names are suggested -> what the store calls these names.
_NAMED = {"Parameters": "parameter", "HyperParameters": "parameter", "Metrics": "metric"}

_TAGGED = {
    "Experiment": "experiment",
    "ExperimentTrial": "experiment-trial",
    "ExperimentTrialComponent": "experiment-trial-component",
    "TrainingJob": "training-job",
    "HyperParameterTuningJob": "hyper-parameter-tuning-job",
}

Records = Mapping[int, Document]


@operation("sagemaker", "Search")
def search(context: Context, request: Document) -> Document:
    """Resources that satisfy an expression, those changed last first unless asked otherwise."""
    resource = resource_of(request["Resource"])
    if request.get("CrossAccountFilterOption") == "CrossAccount":
        raise ValidationException(
            "CrossAccountFilterOption CrossAccount: there is one account only here."
        )
    condition = parse(
        resource, request.get("SearchExpression"), request.get("VisibilityConditions") or ()
    )
    by = property_of(resource, request.get("SortBy") or "LastModifiedTime")
    size = request.get("MaxResults") or _PAGE
    seen = 0

    def fetch(cursor: Any, limit: int) -> Sequence[tuple[Document, Any]]:
        nonlocal seen
        after = None
        if cursor:
            key, number, seen = cursor
            after = (key, number)
        order = Order(by, request.get("SortOrder") != "Ascending", limit, after)
        context.store.search.prepare()
        with context.store.database.snapshot():
            found = context.store.search.find(resource, condition, order)
            shown = _SHOW[resource.name](context, [number for number, _ in found[:size]])
        # One beyond the page says that there is more; nothing else is asked of it.
        return [
            (shown.get(number, {}), [key, number, seen + index])
            for index, (number, (key, _)) in enumerate(found, start=1)
        ]

    document = page(
        "Search",
        {**request, "MaxResults": size},
        fetch,
        lambda record: {resource.record: record},
        result="Results",
    )
    more = "NextToken" in document
    document["TotalHits"] = {
        "Value": seen + len(document["Results"]) + more,
        "Relation": "GreaterThanOrEqualTo" if more else "EqualTo",
    }
    return document


@operation("sagemaker", "GetSearchSuggestions", quick=True)
def get_search_suggestions(context: Context, request: Document) -> Document:
    """Property names that begin with a hint."""
    resource = resource_of(request["Resource"])
    query = (request.get("SuggestionQuery") or {}).get("PropertyNameQuery") or {}
    hint = query.get("PropertyNameHint", "")
    found = [
        name
        for name in known_names(resource)
        if "<" not in name and name.lower().startswith(hint.lower())
    ]
    for collection in ("Tags", "Metrics", *sorted(resource.maps)):
        prefix = f"{collection}."
        if collection == "Metrics" and resource.statistics is None:
            continue
        if not (hint.lower().startswith(prefix.lower()) or prefix.lower().startswith(hint.lower())):
            continue
        rest = hint[len(prefix) :]
        if collection == "Tags":
            names = context.store.search.tag_keys(_TAGGED[resource.name], rest, _SUGGESTIONS)
        elif collection in _NAMED:
            names = context.store.search.names(_NAMED[collection], rest, _SUGGESTIONS)
        else:
            names = []
        found += [prefix + name for name in names]
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in found[:_SUGGESTIONS]]}


def _experiments(context: Context, rows: Sequence[int]) -> Records:
    return {
        row: _tagged(context, show_experiment(found), found.arn)
        for row, found in context.store.experiments.by_row(rows).items()
    }


def _trials(context: Context, rows: Sequence[int]) -> Records:
    summaries = context.store.trial_components.of_trials(rows)
    shown = {}
    for row, found in context.store.experiments.trials_by_row(rows).items():
        shown[row] = _tagged(context, show_trial(found), found.arn)
        shown[row]["TrialComponentSummaries"] = [
            {
                "TrialComponentName": component.name,
                "TrialComponentArn": component.arn,
                "CreationTime": component.created,
                **(
                    {"TrialComponentSource": component.document["Source"]}
                    if "Source" in component.document
                    else {}
                ),
            }
            for component in summaries.get(row, ())
        ]
    return shown


def _components(context: Context, rows: Sequence[int]) -> Records:
    shown = {}
    training = context.store.training_jobs.of_components(rows)
    processing = context.store.processing_jobs.of_components(rows)
    for row, record in context.store.trial_components.by_row(rows).items():
        shown[row] = _tagged(context, show_component(record), record.component.arn)
        shown[row]["Parents"] = [
            {"TrialName": trial, "ExperimentName": experiment}
            for trial, experiment in record.parents
        ]
        if row in training:
            shown[row]["SourceDetail"] = {
                "SourceArn": training[row].arn,
                "TrainingJob": _training_job(context, training[row]),
            }
        if row in processing:
            shown[row]["SourceDetail"] = {
                "SourceArn": processing[row].arn,
                "ProcessingJob": _processing_job(context, processing[row]),
            }
    return shown


def _training_jobs(context: Context, rows: Sequence[int]) -> Records:
    return {
        row: _training_job(context, job)
        for row, job in context.store.training_jobs.by_row(rows).items()
    }


def _training_job(context: Context, job: TrainingJob) -> Document:
    return _tagged(context, {**job.request, **show_training_job(context, job)}, job.arn)


def _tuning_jobs(context: Context, rows: Sequence[int]) -> Records:
    """As the tuning jobs themselves know their training jobs: as the condition was asked."""
    shown = {}
    for row, job in context.store.tuning_jobs.by_row(rows).items():
        tuned = [each for each in context.store.tuning_jobs.tuned(job.name) if each.submitted]
        shown[row] = _tagged(
            context, {**job.request, **show_tuning_job(context, job, tuned)}, job.arn
        )
    return shown


def _processing_job(context: Context, job: ProcessingJob) -> Document:
    return _tagged(context, {**job.request, **show_processing_job(job)}, job.arn)


def _tagged(context: Context, document: Document, arn: str) -> Document:
    tags = context.store.tags.of(arn)
    return {**document, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


_SHOW: Mapping[str, Callable[[Context, Sequence[int]], Records]] = {
    "Experiment": _experiments,
    "ExperimentTrial": _trials,
    "ExperimentTrialComponent": _components,
    "TrainingJob": _training_jobs,
    "HyperParameterTuningJob": _tuning_jobs,
}
