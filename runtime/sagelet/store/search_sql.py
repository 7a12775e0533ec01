"""Properties and conditions of a search as SQL, over a row ``t``: what ``domain.search`` says.

A property is an expression over the row, or rows of another table that belong to it. How a whole
search is put together is ``store.search``'s business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.jobs import DEFAULT_MAX_RUNTIME
from sagelet.domain.search import (
    ORDERED,
    Comparison,
    Condition,
    Group,
    Nested,
    Operator,
)
from sagelet.domain.search_properties import (
    Element,
    Entry,
    Field,
    Kind,
    Metric,
    Place,
    Property,
    Tag,
    Whole,
)
from sagelet.store.series import COLUMNS

_SIGNS = {
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
}


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values of its marks, in order."""

    text: str
    marks: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """Where a property's values are: ``value`` over ``rows``, or over the row ``t`` itself.

    ``rows`` is a FROM clause with its condition. ``null_is_nan``: a row's NULL is a value, too.
    """

    value: str
    rows: Sql | None = None
    null_is_nan: bool = False

    def some(self, predicate: Sql) -> Sql:
        """Whether a value satisfies the predicate, which is over ``{}``."""
        text = predicate.text.replace("{}", self.value)
        if self.rows is None:
            return Sql(f"coalesce({text}, 0)", predicate.marks)
        return Sql(
            f"EXISTS (SELECT 1 FROM {self.rows.text} AND {text})",
            (*self.rows.marks, *predicate.marks),
        )

    def least(self) -> Sql:
        """What a row is sorted by."""
        if self.rows is None:
            return Sql(self.value)
        return Sql(f"(SELECT min({self.value}) FROM {self.rows.text})", self.rows.marks)


@dataclass(frozen=True, slots=True)
class Table:
    """A resource's table ``t``: its condition, its row number, columns of properties.

    Members without a column are in the JSON document ``document``.
    """

    name: str
    condition: str
    number: str
    arn: str
    document: str
    columns: dict[str, str]
    #: Metrics belong to this trial component.
    component: str = "NULL"


def _arn(kind: str) -> str:
    return f"('arn:aws:sagemaker:' || t.region || ':' || t.account || ':{kind}/' || lower(t.name))"


def _times() -> dict[str, str]:
    return {"CreationTime": "t.created", "LastModifiedTime": "t.modified"}


def _tuning_columns() -> dict[str, str]:
    """What is counted of a tuning job's training jobs, as they were when last looked at.

    Mirrors ``domain.tuning_progress``.
    """
    rows = "tuned_jobs j WHERE j.region = t.region AND j.tuning_job = t.name AND j.submitted = 1"
    live = "j.status NOT IN ('Completed', 'Failed', 'Stopped')"
    ours = "j.status = 'Failed' AND coalesce(j.failure_reason, '') GLOB 'InternalServerError*'"
    succeeded = "j.settled = 1 AND j.objective IS NOT NULL AND j.status IN ('Completed', 'Stopped')"
    counted = {
        "TrainingJobStatusCounters.Completed": "j.status = 'Completed'",
        "TrainingJobStatusCounters.InProgress": live,
        "TrainingJobStatusCounters.RetryableError": ours,
        "TrainingJobStatusCounters.NonRetryableError": f"j.status = 'Failed' AND NOT ({ours})",
        "TrainingJobStatusCounters.Stopped": "j.status = 'Stopped'",
        "ObjectiveStatusCounters.Succeeded": succeeded,
        "ObjectiveStatusCounters.Pending": "j.settled = 0",
        "ObjectiveStatusCounters.Failed": f"j.settled = 1 AND NOT ({succeeded})",
    }
    objectives = (
        "TrainingJobDefinition.TuningObjective",
        "HyperParameterTuningJobConfig.HyperParameterTuningJobObjective",
        "TrainingJobDefinitions[0].TuningObjective",
    )
    kind = ", ".join(f"json_extract(t.request, '$.{path}.Type')" for path in objectives)
    # Outside of ORDER BY, where SQLite knows nothing of ``t``.
    best = (
        f"FROM (SELECT j.name, j.objective, j.number, CASE coalesce({kind}) WHEN 'Minimize'"
        f" THEN j.objective ELSE -j.objective END AS worth FROM {rows} AND {succeeded})"
        " ORDER BY worth, number LIMIT 1"
    )
    return {
        **{name: f"(SELECT count(*) FROM {rows} AND ({test}))" for name, test in counted.items()},
        "BestTrainingJob.TrainingJobName": f"(SELECT name {best})",
        "BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value":
            f"(SELECT objective {best})",
    }  # fmt: skip


TABLES = {
    "Experiment": Table(
        "experiments", "t.region = ?", "t.id", _arn("experiment"), "t.document",
        {"ExperimentName": "t.name", "ExperimentArn": _arn("experiment"), **_times()},
    ),
    "ExperimentTrial": Table(
        "trials", "t.region = ?", "t.id", _arn("experiment-trial"), "t.document",
        {
            "TrialName": "t.name",
            "TrialArn": _arn("experiment-trial"),
            "ExperimentName": "(SELECT e.name FROM experiments e WHERE e.id = t.experiment)",
            **_times(),
        },
    ),
    "ExperimentTrialComponent": Table(
        "trial_components", "t.region = ? AND t.deleted = 0", "t.id",
        _arn("experiment-trial-component"), "t.document",
        {
            "TrialComponentName": "t.name",
            "TrialComponentArn": _arn("experiment-trial-component"),
            "Source.SourceArn": "t.source",
            **_times(),
        },
        component="t.id",
    ),
    "TrainingJob": Table(
        "training_jobs", "t.region = ?", "t.rowid", _arn("training-job"), "t.request",
        {
            "TrainingJobName": "t.name",
            "TrainingJobArn": _arn("training-job"),
            "TrainingJobStatus": "t.status",
            "SecondaryStatus": "t.secondary",
            "FailureReason": "t.failure_reason",
            "TrainingEndTime": "t.ended",
            "TrainingStartTime": "(SELECT json_extract(value, '$[1]') FROM json_each(t.steps)"
            " WHERE json_extract(value, '$[0]') = 'Downloading' LIMIT 1)",
            "ModelArtifacts.S3ModelArtifacts": "coalesce(json_extract(t.artifacts, '$.model'), '')",
            "OutputDataConfig.KmsKeyId":
                "coalesce(json_extract(t.request, '$.OutputDataConfig.KmsKeyId'), '')",
            "StoppingCondition.MaxRuntimeInSeconds":
                "coalesce(json_extract(t.request, '$.StoppingCondition.MaxRuntimeInSeconds'),"
                f" {DEFAULT_MAX_RUNTIME})",
            **{
                name: f"coalesce(json_extract(t.request, '$.{name}'), 0)"
                for name in (
                    "EnableNetworkIsolation",
                    "EnableManagedSpotTraining",
                    "EnableInterContainerTrafficEncryption",
                )
            },
            **_times(),
        },
        component="t.component",
    ),
    "HyperParameterTuningJob": Table(
        "tuning_jobs", "t.region = ?", "t.rowid", _arn("hyper-parameter-tuning-job"), "t.request",
        {
            "HyperParameterTuningJobName": "t.name",
            "HyperParameterTuningJobArn": _arn("hyper-parameter-tuning-job"),
            "HyperParameterTuningJobStatus": "t.status",
            "FailureReason": "t.failure_reason",
            "HyperParameterTuningEndTime": "t.ended",
            **_tuning_columns(),
            **_times(),
        },
    ),
}  # fmt: skip

#: Lists -> where their elements are; members -> what they are there.
_PARENTS = (
    "trial_members JOIN trials ON trials.id = trial_members.trial"
    " JOIN experiments ON experiments.id = trials.experiment WHERE trial_members.component = t.id"
)
_SUMMARIES = (
    "trial_members JOIN trial_components c ON c.id = trial_members.component"
    " WHERE trial_members.trial = t.id AND c.deleted = 0"
)
#: Lists of a request.
_IN_REQUEST = ("InputDataConfig", "TrainingJobDefinitions")
_NAMED = {
    "TrialName": "trials.name",
    "ExperimentName": "experiments.name",
    "TrialComponentName": "c.name",
    "Key": "tags.key",
    "Value": "tags.value",
    "MetricName": "property_names.name",
}

#: A hyperparameter that is written as JSON writes numbers is one.
_NUMBER_OR_TEXT = (
    "(CASE WHEN json_valid({0}) AND json_type({0}) IN ('integer', 'real')"
    " THEN CAST({0} AS REAL) ELSE {0} END)"
)


class Accesses:
    """The properties of one resource."""

    def __init__(self, table: Table, numbers: "Numbers") -> None:
        self._table = table
        self._numbers = numbers

    def of(self, prop: Property) -> Access:
        """Where the property's values are."""
        return self._place(prop.place)

    def condition(self, condition: Condition) -> Sql:
        """The condition as a Boolean expression."""
        match condition:
            case Group(every, conditions):
                return joined([self.condition(c) for c in conditions], every=every)
            case Nested(collection, comparisons):
                return self._nested(collection, comparisons)
            case Comparison():
                return self._compare(condition, self.of(condition.property))

    def _nested(self, collection: str, comparisons: Sequence[Comparison]) -> Sql:
        rows = self._elements(collection)
        tests = joined(
            [self._compare(c, self._member(c.property.place)) for c in comparisons], every=True
        )
        return Sql(f"EXISTS (SELECT 1 FROM {rows} AND {tests.text})", tests.marks)

    def _member(self, place: Place) -> Access:
        """A member of the element at hand."""
        access = self._place(place)
        return Access(access.value, None, access.null_is_nan)

    def _compare(self, comparison: Comparison, access: Access) -> Sql:
        operator = comparison.operator
        if operator in (Operator.EXISTS, Operator.NOT_EXISTS):
            there = Sql("1" if access.null_is_nan else "{} IS NOT NULL")
            found = access.some(there)
        else:
            found = access.some(predicate(comparison))
        if operator in (Operator.NOT_EXISTS, Operator.NOT_EQUALS):
            return Sql(f"NOT {found.text}", found.marks)
        return found

    def _place(self, place: Place) -> Access:
        table = self._table
        match place:
            case Field(path):
                name = ".".join(path)
                column = table.columns.get(name)
                return Access(column or f"json_extract({table.document}, '$.{name}')")
            case Element(collection, path):
                value = self._element(collection, path)
                return Access(value, Sql(self._elements(collection)), path == ("Last",))
            case Entry("Parameters", key):
                return self._row("parameters", "parameter", key, "parameters.value")
            case Entry(collection, key, None):
                rows = f"json_each({table.document}, '$.{collection}') WHERE key = ?"
                return Access(_NUMBER_OR_TEXT.format("json_each.value"), Sql(rows, (key,)))
            case Entry(collection, key, member):
                rows = f"json_each({table.document}, '$.{collection}') WHERE key = ?"
                return Access(f"json_extract(json_each.value, '$.{member}')", Sql(rows, (key,)))
            case Metric(key, statistic):
                return self._row("series", "metric", key, f"series.{COLUMNS[statistic]}")
            case Tag(key):
                rows = f"{self._elements('Tags')} AND tags.key = ?"
                return Access("tags.value", Sql(rows, (key,)))
            case Whole("Tags"):
                tags = self._elements("Tags")
                both = f"SELECT key AS v FROM {tags} UNION ALL SELECT value FROM {tags}"
                return Access("v", Sql(f"({both}) WHERE 1"))
            case Whole(collection):
                each = f"json_each({table.document}, '$.{collection}')"
                both = f"SELECT key AS v FROM {each} UNION ALL"
                both += f" SELECT json_extract(value, '$.Value') FROM {each}"
                return Access("v", Sql(f"({both}) WHERE 1"))

    def _row(self, table: str, kind: str, key: str, value: str) -> Access:
        rows = f"{table} WHERE {table}.component = {self._table.component} AND {table}.name = ?"
        nan = value in ("parameters.value", "series.last")
        return Access(value, Sql(rows, (self._numbers.of(kind, key),)), nan)

    def _elements(self, collection: str) -> str:
        """The rows of a list."""
        match collection:
            case "Parents":
                return _PARENTS
            case "TrialComponentSummaries":
                return _SUMMARIES
            case "Tags":
                return f"tags WHERE tags.arn = {self._table.arn}"
            case "Metrics":
                return (
                    "series JOIN property_names ON property_names.id = series.name"
                    f" WHERE series.component = {self._table.component}"
                )
        return f"json_each({self._table.document}, '$.{collection}') WHERE 1"

    def _element(self, collection: str, path: tuple[str, ...]) -> str:
        if collection not in _IN_REQUEST:
            return _NAMED.get(path[0]) or f"series.{COLUMNS[path[0]]}"
        value = f"json_extract(json_each.value, '$.{'.'.join(path)}')"
        if path[0] in ("CompressionType", "RecordWrapperType"):
            return f"coalesce({value}, 'None')"
        return value


class Numbers:
    """The numbers of names; one that nothing has matches no row."""

    def __init__(self, find: Any) -> None:
        self._find = find

    def of(self, kind: str, name: str) -> int:
        """The number of a name of that kind."""
        found: int | None = self._find(kind, name)
        return -1 if found is None else found


def joined(parts: Sequence[Sql], *, every: bool) -> Sql:
    """Conditions joined by AND or OR; of none, all hold."""
    if not parts:
        return Sql("1" if every else "0")
    word = " AND " if every else " OR "
    return Sql(
        f"({word.join(part.text for part in parts)})",
        tuple(mark for part in parts for mark in part.marks),
    )


def predicate(comparison: Comparison) -> Sql:
    """What a value ``{}`` must be for the comparison, or for the opposite of NotEquals."""
    prop, operator, operands = comparison.property, comparison.operator, comparison.operands
    value = "lower({})" if prop.kind is Kind.NAME else "{}"
    if operator is Operator.CONTAINS:
        typed = "typeof({}) = 'text' AND " if prop.kind is Kind.EITHER else ""
        return Sql(f"({typed}instr({value}, ?) > 0)", (operands[0].text,))
    if operator in ORDERED:
        operand = operands[0]
        value = _truncated(value) if prop.truncates and operand.whole else value
        test = f"{value} {_SIGNS[operator]} ?"
        # All text is greater than any number.
        test += f" AND {value} < ''" if prop.kind is Kind.EITHER else ""
        return Sql(f"({test})", (operand.number,))
    if prop.kind in (Kind.TEXT, Kind.NAME):
        marks = ", ".join("?" * len(operands))
        return Sql(f"({value} IN ({marks}))", tuple(operand.text for operand in operands))
    tests: list[str] = []
    given: list[str | float] = []
    for operand in operands:
        if prop.kind is Kind.EITHER:
            tests.append("{} = ?")
            given.append(operand.text)
        if operand.number is not None:
            plain = not (prop.truncates and operand.whole)
            tests.append(f"{'{}' if plain else _truncated('{}')} = ?")
            given.append(operand.number)
    return Sql(f"({' OR '.join(tests)})", tuple(given))


def _truncated(value: str) -> str:
    return (
        f"(CASE WHEN typeof({value}) = 'real' AND abs({value}) < 9e18"
        f" THEN CAST({value} AS INTEGER) ELSE {value} END)"
    )
