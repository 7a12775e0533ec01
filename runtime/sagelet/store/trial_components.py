"""Trial components as rows: the document, parameters and metrics apart, the trials they are in."""

import json
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sagelet.domain.experiments import (
    COMPONENT,
    TRIAL,
    Experiment,
    Parameter,
    Trial,
    TrialComponent,
    assign,
    component_of,
    life_of,
    outputs_of,
)
from sagelet.domain.jobs import Job
from sagelet.domain.lineage import Association
from sagelet.domain.metrics import Datum
from sagelet.domain.summaries import Summary
from sagelet.store import series
from sagelet.store.database import Database
from sagelet.store.experiments import (
    find_experiment,
    find_trial,
    insert_experiment,
    insert_trial,
)
from sagelet.store.lineage import link, link_inputs, link_outputs, unlink
from sagelet.store.listing import Order, numbers
from sagelet.store.property_names import PARAMETER, number_of
from sagelet.store.tags import drop_tags, write_tags

#: Tables of jobs that have components.
_JOBS = "training_jobs", "processing_jobs"

_IN_TRIAL = (
    "id IN (SELECT component FROM trial_members JOIN trials ON trials.id = trial"
    " WHERE trials.region = trial_components.region AND trials.name = ?)"
)
_IN_EXPERIMENT = (
    "id IN (SELECT component FROM trial_members JOIN trials ON trials.id = trial"
    " WHERE trials.experiment = (SELECT e.id FROM experiments e"
    " WHERE e.region = trial_components.region AND e.name = ?))"
)


@dataclass(frozen=True, slots=True)
class Record:
    """A component and what is known of it elsewhere: its metrics, (trial, experiment) pairs."""

    component: TrialComponent
    metrics: Sequence[tuple[str, Summary]]
    parents: Sequence[tuple[str, str]]


class TrialComponents:
    """The trial components of one region."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def add(self, component: TrialComponent, tags: Mapping[str, str]) -> None:
        """Remember a new component and its tags.

        Raises:
            ValidationException: the name is taken.
        """
        with self._database.transaction() as connection:
            if _row(connection, self._region, component.name) is not None:
                raise COMPONENT.taken(component.name)
            _insert(connection, component, tags)

    def get(self, name: str, account: str) -> Record:
        """The component of that name, in whatever case.

        Raises:
            Refusal: ResourceNotFound.
        """
        connection = self._database.connection()
        row = self._number(connection, name, account)
        return records(connection, [row])[row]

    def by_row(self, rows: Sequence[int]) -> dict[int, Record]:
        """Components by the numbers of their rows."""
        return records(self._database.connection(), rows)

    def of_trials(self, trials: Sequence[int]) -> dict[int, list[TrialComponent]]:
        """The components of trials, by the numbers of the trials' rows."""
        connection = self._database.connection()
        pairs = connection.execute(
            "SELECT trial, component FROM trial_members"
            " WHERE trial IN (SELECT value FROM json_each(?))"
            " ORDER BY component",
            (json.dumps(trials),),
        ).fetchall()
        found = components_of(connection, [component for _, component in pairs])
        parts: dict[int, list[TrialComponent]] = {}
        for trial, component in pairs:
            parts.setdefault(trial, []).append(found[component])
        return parts

    def has(self, name: str) -> bool:
        """Whether there is a component of that name."""
        return _row(self._database.connection(), self._region, name) is not None

    def change(
        self, name: str, account: str, change: Callable[[TrialComponent], TrialComponent]
    ) -> TrialComponent:
        """Replace a component by what ``change`` makes of it.

        Raises:
            DomainError: there is none, or ``change`` refuses.
        """
        with self._database.transaction() as connection:
            row = self._number(connection, name, account)
            before = components_of(connection, [row])[row]
            after = change(before)
            connection.execute(
                "UPDATE trial_components SET modified = ?, document = ? WHERE id = ?",
                (after.modified, json.dumps(after.document), row),
            )
            if after.parameters != before.parameters:
                connection.execute("DELETE FROM parameters WHERE component = ?", (row,))
                _write_parameters(connection, self._region, row, after.parameters)
        return after

    def delete(self, name: str, account: str) -> TrialComponent:
        """Forget a component that is in no trial; a job's metrics stay with the job.

        Raises:
            DomainError: there is none, or a trial has it.
        """
        with self._database.transaction() as connection:
            row = self._number(connection, name, account)
            found = records(connection, [row])[row]
            if found.parents:
                raise COMPONENT.linked(account, self._region, name)
            if not _is_a_job_s(connection, row):
                connection.execute("DELETE FROM trial_components WHERE id = ?", (row,))
            else:
                connection.execute("UPDATE trial_components SET deleted = 1 WHERE id = ?", (row,))
            drop_tags(connection, found.component.arn)
            unlink(connection, found.component.arn)
        return found.component

    def associate(self, name: str, trial: str, account: str) -> tuple[TrialComponent, Trial]:
        """Put a component into a trial; it may be there already.

        Raises:
            Refusal: ResourceNotFound.
        """
        with self._database.transaction() as connection:
            row, found = self._pair(connection, name, trial, account)
            _join(connection, row, self._region, found.name)
            return components_of(connection, [row])[row], found

    def disassociate(self, name: str, trial: str, account: str) -> tuple[TrialComponent, Trial]:
        """Take a component out of a trial; it need not be in it.

        Raises:
            Refusal: ResourceNotFound.
        """
        with self._database.transaction() as connection:
            row, found = self._pair(connection, name, trial, account)
            connection.execute(
                "DELETE FROM trial_members WHERE component = ?"
                " AND trial = (SELECT id FROM trials WHERE region = ? AND name = ?)",
                (row, self._region, found.name),
            )
            return components_of(connection, [row])[row], found

    def select(
        self,
        order: Order,
        *,
        experiment: str | None = None,
        trial: str | None = None,
        source: str | None = None,
    ) -> list[tuple[TrialComponent, Any]]:
        """Components, each with its place in the list; ``source`` is an ARN in whatever case."""
        connection = self._database.connection()
        conditions: Sequence[tuple[str, Any]] = (
            ("deleted = ?", 0),
            ("source = ?", source and source.lower()),
            (_IN_TRIAL, trial),
            (_IN_EXPERIMENT, experiment),
        )
        rows = numbers(connection, "trial_components", self._region, order, conditions)
        found = components_of(connection, [row for row, _ in rows])
        return [(found[row], [value, row]) for row, value in rows if row in found]

    def unassigned(self) -> int:
        """How many components are in no trial."""
        found = self._database.connection().execute(
            "SELECT count(*) FROM trial_components WHERE region = ? AND deleted = 0"
            " AND NOT EXISTS (SELECT 1 FROM trial_members WHERE component = trial_components.id)",
            (self._region,),
        )
        return int(found.fetchone()[0])

    def put_metrics(self, name: str, account: str, data: Sequence[Datum]) -> None:
        """Add points to a component's series.

        Raises:
            Refusal: ResourceNotFound.
        """
        with self._database.transaction() as connection:
            row = self._number(connection, name, account)
            series.append(connection, self._region, row, data)

    def points(self, arn: str, name: str) -> list[tuple[float, float, int | None]] | None:
        """(value, time, step) of a metric of the component or job with this ARN, as they came.

        None: there is no such metric.
        """
        connection = self._database.connection()
        _, _, last = arn.rpartition("/")
        row = _row(connection, self._region, last) if COMPONENT.arn in arn else None
        if row is None:
            source = connection.execute(
                "SELECT max(id) FROM trial_components WHERE source = ? AND region = ?",
                (arn.lower(), self._region),
            ).fetchone()
            row = source[0]
        found = None if row is None else series.find(connection, self._region, row, name)
        return None if found is None else series.points(connection, found)

    def _number(self, connection: sqlite3.Connection, name: str, account: str) -> int:
        row = _row(connection, self._region, name)
        if row is None:
            raise COMPONENT.missing(account, self._region, name)
        return row

    def _pair(
        self, connection: sqlite3.Connection, name: str, trial: str, account: str
    ) -> tuple[int, Trial]:
        found = find_trial(connection, self._region, trial)
        if found is None:
            raise TRIAL.missing(account, self._region, trial)
        return self._number(connection, name, account), found


def components_of(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, TrialComponent]:
    """Components by the numbers of their rows."""
    parameters: dict[int, dict[str, Parameter]] = {}
    for row, name, value in connection.execute(
        "SELECT component, property_names.name, value FROM parameters JOIN property_names"
        " ON property_names.id = parameters.name"
        " WHERE component IN (SELECT value FROM json_each(?))",
        (json.dumps(rows),),
    ):
        parameters.setdefault(row, {})[name] = math.nan if value is None else value
    found = connection.execute(
        "SELECT id, name, account, region, created, modified, document FROM trial_components"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(rows),),
    )
    return {
        row: TrialComponent(
            name,
            account,
            region,
            created,
            modified,
            orjson.loads(document),
            parameters.get(row, {}),
        )
        for row, name, account, region, created, modified, document in found
    }


def records(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, Record]:
    """Components with all that is known of them, by the numbers of their rows."""
    metrics = series.summaries(connection, rows)
    parents: dict[int, list[tuple[str, str]]] = {}
    for row, trial, experiment in connection.execute(
        "SELECT component, trials.name, experiments.name FROM trial_members"
        " JOIN trials ON trials.id = trial JOIN experiments ON experiments.id = trials.experiment"
        " WHERE component IN (SELECT value FROM json_each(?)) ORDER BY trials.id",
        (json.dumps(rows),),
    ):
        parents.setdefault(row, []).append((trial, experiment))
    return {
        row: Record(component, metrics.get(row, ()), parents.get(row, ()))
        for row, component in components_of(connection, rows).items()
    }


def enter(connection: sqlite3.Connection, job: Job) -> int:
    """Make a new job's component, and what its ExperimentConfig asks for; returns its row.

    Raises:
        DomainError: the ExperimentConfig is refused.
    """
    config = job.request.get("ExperimentConfig") or {}
    region, wanted = job.region, config.get("ExperimentName")
    run = config.get("RunName")
    if run is not None and _row(connection, region, run) is None:
        raise COMPONENT.missing(job.account, region, run)
    trial = find_trial(connection, region, config["TrialName"]) if "TrialName" in config else None
    assignment = assign(job, trial, wanted and find_experiment(connection, region, wanted))
    component = component_of(job)
    name, number = component.name, 1
    while _row(connection, region, name) is not None:  # of a job that was deleted, say
        number += 1
        name = f"{component.name}-{number}"
    made = TrialComponent(
        name,
        component.account,
        region,
        component.created,
        component.modified,
        component.document,
        component.parameters,
    )
    row = _insert(connection, made, {})
    link_inputs(connection, job, made.arn)
    if run is not None:
        ran = COMPONENT.arn_of(job.account, region, run)
        link(connection, region, Association(made.arn, ran, "AssociatedWith", job.created))
    if assignment is not None:
        who = (job.account, region, job.created, job.created)
        if assignment.new_experiment:
            insert_experiment(connection, Experiment(assignment.experiment, *who), {})
        if assignment.new_trial:
            insert_trial(connection, Trial(assignment.trial, assignment.experiment, *who), {})
        _join(connection, row, region, assignment.trial)
    return row


def follow_life(connection: sqlite3.Connection, job: Job, component: int, now: float) -> None:
    """Bring a job's component up to date with the job's life, within somebody's transaction."""
    _lay_over(connection, component, life_of(job), now)


def follow_outputs(connection: sqlite3.Connection, job: Job, component: int, now: float) -> None:
    """Add what a job stored to its component, within somebody's transaction."""
    _lay_over(connection, component, {"OutputArtifacts": outputs_of(job)})
    link_outputs(connection, job, component, now)


def leave(connection: sqlite3.Connection, component: int) -> None:
    """Its job is deleted: the component goes too, unless a trial has it."""
    connection.execute(
        "DELETE FROM trial_components WHERE id = ?"
        " AND NOT EXISTS (SELECT 1 FROM trial_members WHERE component = trial_components.id)",
        (component,),
    )


def _is_a_job_s(connection: sqlite3.Connection, component: int) -> bool:
    return any(
        connection.execute(
            f"SELECT 1 FROM {table} WHERE component = ?",  # noqa: S608
            (component,),
        ).fetchone()
        for table in _JOBS
    )


def _lay_over(
    connection: sqlite3.Connection,
    component: int,
    members: Mapping[str, Any],
    now: float | None = None,
) -> None:
    connection.execute(
        "UPDATE trial_components SET modified = coalesce(?, modified),"
        " document = json_patch(document, ?) WHERE id = ?",
        (now, json.dumps(members), component),
    )


def _row(connection: sqlite3.Connection, region: str, name: str) -> int | None:
    row = connection.execute(
        "SELECT id FROM trial_components WHERE region = ? AND name = ? AND deleted = 0",
        (region, name),
    ).fetchone()
    return None if row is None else int(row[0])


def _insert(
    connection: sqlite3.Connection, component: TrialComponent, tags: Mapping[str, str]
) -> int:
    source = component.source
    row: int = connection.execute(
        "INSERT INTO trial_components (region, name, account, created, modified, source, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            component.region,
            component.name,
            component.account,
            component.created,
            component.modified,
            source and source.lower(),
            json.dumps(component.document),
        ),
    ).fetchone()[0]
    _write_parameters(connection, component.region, row, component.parameters)
    write_tags(connection, component.arn, tags)
    return row


def _write_parameters(
    connection: sqlite3.Connection, region: str, row: int, parameters: Mapping[str, Parameter]
) -> None:
    connection.executemany(
        "INSERT INTO parameters (component, name, value) VALUES (?, ?, ?)",
        [
            (
                row,
                number_of(connection, region, PARAMETER, name),
                None if isinstance(value, float) and math.isnan(value) else value,
            )
            for name, value in parameters.items()
        ],
    )


def _join(connection: sqlite3.Connection, row: int, region: str, trial: str) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO trial_members (component, trial)"
        " SELECT ?, id FROM trials WHERE region = ? AND name = ?",
        (row, region, trial),
    )
