"""Experiments and trials as rows. What may be done with them is the domain's to say."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from sagelet.domain.experiments import EXPERIMENT, TRIAL, Experiment, Trial
from sagelet.store.database import Database
from sagelet.store.listing import Order, numbers
from sagelet.store.tags import drop_tags, write_tags

_EXPERIMENT = "id, name, account, region, created, modified, document"
_TRIAL = (
    "trials.id, trials.name, experiments.name, trials.account, trials.region, trials.created,"
    " trials.modified, trials.document"
)
_TRIALS = "trials JOIN experiments ON experiments.id = trials.experiment"

_OF_EXPERIMENT = (
    "experiment IN (SELECT id FROM experiments WHERE region = trials.region AND name = ?)"
)
_WITH_COMPONENT = (
    "id IN (SELECT trial FROM trial_members JOIN trial_components c ON c.id = component"
    " WHERE c.region = trials.region AND c.deleted = 0 AND c.name = ?)"
)


class Experiments:
    """The experiments and trials of one region."""

    def __init__(self, database: Database, region: str) -> None:
        self._database = database
        self._region = region

    def add(self, experiment: Experiment, tags: Mapping[str, str]) -> None:
        """Remember a new experiment and its tags.

        Raises:
            ValidationException: the name is taken.
        """
        with self._database.transaction() as connection:
            if find_experiment(connection, self._region, experiment.name) is not None:
                raise EXPERIMENT.taken(experiment.name)
            insert_experiment(connection, experiment, tags)

    def get(self, name: str, account: str) -> Experiment:
        """The experiment of that name, in whatever case.

        Raises:
            Refusal: ResourceNotFound.
        """
        found = find_experiment(self._database.connection(), self._region, name)
        if found is None:
            raise EXPERIMENT.missing(account, self._region, name)
        return found

    def has(self, name: str) -> bool:
        """Whether there is an experiment of that name."""
        return find_experiment(self._database.connection(), self._region, name) is not None

    def change(
        self, name: str, account: str, change: Callable[[Experiment], Experiment]
    ) -> Experiment:
        """Replace an experiment by what ``change`` makes of it.

        Raises:
            Refusal: ResourceNotFound.
        """
        with self._database.transaction() as connection:
            after = change(self.get(name, account))
            _save(connection, "experiments", after)
        return after

    def delete(self, name: str, account: str) -> Experiment:
        """Forget an experiment without trials.

        Raises:
            DomainError: there is none, or it has trials.
        """
        with self._database.transaction() as connection:
            found = self.get(name, account)
            row = connection.execute(
                "SELECT 1 FROM trials JOIN experiments ON experiments.id = trials.experiment"
                " WHERE experiments.region = ? AND experiments.name = ?",
                (self._region, name),
            ).fetchone()
            if row is not None:
                raise EXPERIMENT.linked(account, self._region, name)
            connection.execute(
                "DELETE FROM experiments WHERE region = ? AND name = ?", (self._region, name)
            )
            drop_tags(connection, found.arn)
        return found

    def select(self, order: Order) -> list[tuple[Experiment, Any]]:
        """Experiments, each with its place in the list."""
        connection = self._database.connection()
        rows = numbers(connection, "experiments", self._region, order)
        found = experiments_of(connection, [row for row, _ in rows])
        return [(found[row], [value, row]) for row, value in rows if row in found]

    def sizes(self, limit: int) -> list[tuple[Experiment, int, int]]:
        """The newest experiments, each with how many trials and trial components it has."""
        connection = self._database.connection()
        rows = connection.execute(
            "SELECT id, (SELECT count(*) FROM trials WHERE experiment = experiments.id),"
            " (SELECT count(DISTINCT component) FROM trial_members JOIN trials"
            " ON trials.id = trial_members.trial WHERE trials.experiment = experiments.id)"
            " FROM experiments WHERE region = ? ORDER BY created DESC, id DESC LIMIT ?",
            (self._region, limit),
        ).fetchall()
        found = experiments_of(connection, [row for row, _, _ in rows])
        return [(found[row], trials, components) for row, trials, components in rows]

    def by_row(self, rows: Sequence[int]) -> dict[int, Experiment]:
        """Experiments by the numbers of their rows."""
        return experiments_of(self._database.connection(), rows)

    def trials_by_row(self, rows: Sequence[int]) -> dict[int, Trial]:
        """Trials by the numbers of their rows."""
        return trials_of(self._database.connection(), rows)

    def add_trial(self, trial: Trial, tags: Mapping[str, str]) -> Trial:
        """Remember a new trial and its tags; it comes back with its experiment's own name.

        Raises:
            DomainError: the name is taken, or there is no such experiment.
        """
        with self._database.transaction() as connection:
            if find_trial(connection, self._region, trial.name) is not None:
                raise TRIAL.taken(trial.name)
            if find_experiment(connection, self._region, trial.experiment) is None:
                raise EXPERIMENT.missing(trial.account, self._region, trial.experiment)
            insert_trial(connection, trial, tags)
        return trial

    def trial(self, name: str, account: str) -> Trial:
        """The trial of that name, in whatever case.

        Raises:
            Refusal: ResourceNotFound.
        """
        found = find_trial(self._database.connection(), self._region, name)
        if found is None:
            raise TRIAL.missing(account, self._region, name)
        return found

    def has_trial(self, name: str) -> bool:
        """Whether there is a trial of that name."""
        return find_trial(self._database.connection(), self._region, name) is not None

    def change_trial(self, name: str, account: str, change: Callable[[Trial], Trial]) -> Trial:
        """Replace a trial by what ``change`` makes of it.

        Raises:
            Refusal: ResourceNotFound.
        """
        with self._database.transaction() as connection:
            after = change(self.trial(name, account))
            _save(connection, "trials", after)
        return after

    def delete_trial(self, name: str, account: str) -> Trial:
        """Forget a trial without components.

        Raises:
            DomainError: there is none, or it has components.
        """
        with self._database.transaction() as connection:
            found = self.trial(name, account)
            row = connection.execute(
                "SELECT 1 FROM trial_members JOIN trials ON trials.id = trial_members.trial"
                " WHERE trials.region = ? AND trials.name = ?",
                (self._region, name),
            ).fetchone()
            if row is not None:
                raise TRIAL.linked(account, self._region, name)
            connection.execute(
                "DELETE FROM trials WHERE region = ? AND name = ?", (self._region, name)
            )
            drop_tags(connection, found.arn)
        return found

    def select_trials(
        self, order: Order, *, experiment: str | None = None, component: str | None = None
    ) -> list[tuple[Trial, Any]]:
        """Trials (of an experiment, or with a component), each with its place in the list."""
        connection = self._database.connection()
        conditions = ((_OF_EXPERIMENT, experiment), (_WITH_COMPONENT, component))
        rows = numbers(connection, "trials", self._region, order, conditions)
        found = trials_of(connection, [row for row, _ in rows])
        return [(found[row], [value, row]) for row, value in rows if row in found]


def find_experiment(connection: sqlite3.Connection, region: str, name: str) -> Experiment | None:
    """The experiment of that name."""
    row = connection.execute(
        f"SELECT {_EXPERIMENT} FROM experiments WHERE region = ? AND name = ?",  # noqa: S608
        (region, name),
    ).fetchone()
    return None if row is None else _experiment(row)


def find_trial(connection: sqlite3.Connection, region: str, name: str) -> Trial | None:
    """The trial of that name."""
    row = connection.execute(
        f"SELECT {_TRIAL} FROM {_TRIALS} WHERE trials.region = ? AND trials.name = ?",  # noqa: S608
        (region, name),
    ).fetchone()
    return None if row is None else _trial(row)


def experiments_of(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, Experiment]:
    """Experiments by the numbers of their rows."""
    found = connection.execute(
        f"SELECT {_EXPERIMENT} FROM experiments WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(rows),),
    )
    return {row[0]: _experiment(row) for row in found}


def trials_of(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, Trial]:
    """Trials by the numbers of their rows."""
    found = connection.execute(
        f"SELECT {_TRIAL} FROM {_TRIALS} WHERE trials.id IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(rows),),
    )
    return {row[0]: _trial(row) for row in found}


def insert_experiment(
    connection: sqlite3.Connection, experiment: Experiment, tags: Mapping[str, str]
) -> None:
    """Add an experiment within somebody's transaction."""
    connection.execute(
        "INSERT INTO experiments (region, name, account, created, modified, document)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            experiment.region,
            experiment.name,
            experiment.account,
            experiment.created,
            experiment.modified,
            json.dumps(experiment.document),
        ),
    )
    write_tags(connection, experiment.arn, tags)


def insert_trial(connection: sqlite3.Connection, trial: Trial, tags: Mapping[str, str]) -> None:
    """Add a trial of an experiment that is there, within somebody's transaction."""
    connection.execute(
        "INSERT INTO trials (region, name, experiment, account, created, modified, document)"
        " VALUES (:region, :name,"
        " (SELECT id FROM experiments WHERE region = :region AND name = :experiment),"
        " :account, :created, :modified, :document)",
        {
            "region": trial.region,
            "name": trial.name,
            "experiment": trial.experiment,
            "account": trial.account,
            "created": trial.created,
            "modified": trial.modified,
            "document": json.dumps(trial.document),
        },
    )
    write_tags(connection, trial.arn, tags)


def _save(connection: sqlite3.Connection, table: str, entity: Experiment | Trial) -> None:
    connection.execute(
        f"UPDATE {table} SET modified = ?, document = ? WHERE region = ? AND name = ?",  # noqa: S608
        (entity.modified, json.dumps(entity.document), entity.region, entity.name),
    )


def _experiment(row: Sequence[Any]) -> Experiment:
    _, name, account, region, created, modified, document = row
    return Experiment(name, account, region, created, modified, orjson.loads(document))


def _trial(row: Sequence[Any]) -> Trial:
    _, name, experiment, account, region, created, modified, document = row
    return Trial(name, experiment, account, region, created, modified, orjson.loads(document))
