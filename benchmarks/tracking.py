"""One client of a tracking store, in a process of its own: boto3's of sagelet, or MLflow's.

Usage: python benchmarks/tracking.py sagelet URL | mlflow URI. Reads a command a line, as JSON
({"do": NAME, ...}), and answers each with a line of JSON. Run by benchmarks/experiments.py; this
file imports nothing of sagelet, for MLflow's environment does not have it.
"""

import json
import sqlite3
import sys
import time
import uuid
from typing import Any

PARAMETERS, METRICS = 20, 10
EXPERIMENT = "benchmark"
#: Components of a trial.
TRIAL = 1000

#: What is searched: name -> (parameters that equal, metrics that are greater, metrics that are
#: less); of parameters MLflow knows only whether they equal.
SEARCHES: dict[str, tuple[dict[str, int], dict[str, float], dict[str, float]]] = {
    "narrow": ({"p00": 42}, {"m01": 0.5}, {}),
    "wide": ({}, {"m01": 0.5}, {"m02": 0.5}),
}


def parameters_of(number: int) -> dict[str, int]:
    """A hundred values each, and no two alike in how they fall."""
    return {f"p{n:02}": (number * 7919 + n * number // 3) % 100 for n in range(PARAMETERS)}


def metrics_of(number: int) -> dict[str, float]:
    """Numbers between 0 and 1."""
    return {f"m{n:02}": (number * (7907 + 2 * n) % 10007) / 10007 for n in range(METRICS)}


class Sagelet:
    """Through boto3, as anybody would; the calls' limits are AWS's (10 points a call)."""

    def __init__(self, url: str) -> None:
        import boto3
        from botocore.config import Config

        options = {
            "endpoint_url": url,
            "region_name": "us-east-1",
            "aws_access_key_id": "AKIABENCHMARK0000000",
            "aws_secret_access_key": "benchmark",
            "config": Config(proxies={}),
        }
        self.sagemaker = boto3.client("sagemaker", **options)
        self.metrics = boto3.client("sagemaker-metrics", **options)

    def begin(self) -> None:
        """Make the experiment."""
        self.sagemaker.create_experiment(ExperimentName=EXPERIMENT)

    def trial(self, name: str) -> None:
        """Make a trial."""
        self.sagemaker.create_trial(TrialName=name, ExperimentName=EXPERIMENT)

    def create(self, number: int) -> None:
        """Make a component with what it has."""
        name = f"component-{number:06}"
        self.sagemaker.create_trial_component(
            TrialComponentName=name,
            Parameters={k: {"NumberValue": v} for k, v in parameters_of(number).items()},
        )
        self.sagemaker.associate_trial_component(
            TrialComponentName=name, TrialName=f"trial-{number // TRIAL}"
        )
        now = int(time.time())
        self.metrics.batch_put_metrics(
            TrialComponentName=name,
            MetricData=[
                {"MetricName": key, "Value": value, "Timestamp": now}
                for key, value in metrics_of(number).items()
            ],
        )

    def search(self, what: str, token: str | None, *, experiment: bool) -> tuple[list[Any], Any]:
        """A page, as the values it is sorted by, and what asks for the next."""
        equal, greater, less = SEARCHES.get(what, ({}, {}, {}))
        filters = [
            *((f"Parameters.{name}", "Equals", value) for name, value in equal.items()),
            *((f"Metrics.{name}.Last", "GreaterThan", value) for name, value in greater.items()),
            *((f"Metrics.{name}.Last", "LessThan", value) for name, value in less.items()),
        ]
        if experiment:
            filters.append(("Parents.ExperimentName", "Equals", EXPERIMENT))
        answer = self.sagemaker.search(
            Resource="ExperimentTrialComponent",
            SortBy="Metrics.m00.Last",
            SortOrder="Descending",
            MaxResults=100,
            **({"NextToken": token} if token else {}),
            SearchExpression={
                "Filters": [
                    {"Name": name, "Operator": operator, "Value": str(value)}
                    for name, operator, value in filters
                ]
            }
            if filters
            else {"Filters": [{"Name": "TrialComponentName", "Operator": "Exists"}]},
        )
        found = [
            next(m["Last"] for m in result["TrialComponent"]["Metrics"] if m["MetricName"] == "m00")
            for result in answer["Results"]
        ]
        return found, answer.get("NextToken")

    def series(self, name: str) -> str:
        """Make a component to log to; how it is called."""
        self.sagemaker.create_trial_component(TrialComponentName=name)
        return name

    def points(self, series: str, first: int, count: int) -> None:
        """Log points of consecutive steps."""
        now = int(time.time())
        self.metrics.batch_put_metrics(
            TrialComponentName=series,
            MetricData=[
                {"MetricName": "loss", "Value": 1 / (step + 1), "Timestamp": now, "Step": step}
                for step in range(first, first + count)
            ],
        )


class MLflow:
    """Through MLflow's client, straight to its SQLite store: no server in between."""

    def __init__(self, uri: str) -> None:
        import logging
        import warnings

        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self.client, self.Metric, self.Param = MlflowClient(uri, registry_uri=uri), Metric, Param
        self.path = uri.removeprefix("sqlite:///")
        self._experiment: str | None = None

    @property
    def experiment(self) -> str:
        """Its number."""
        if self._experiment is None:
            self._experiment = self.client.get_experiment_by_name(EXPERIMENT).experiment_id
        return self._experiment

    def begin(self) -> None:
        """Make the experiment."""
        self.client.create_experiment(EXPERIMENT)

    def trial(self, name: str) -> None:
        """There is nothing between its experiments and its runs."""

    def create(self, number: int) -> None:
        """Make a component with what it has."""
        run = self.client.create_run(self.experiment, run_name=f"component-{number:06}")
        now = int(time.time() * 1000)
        self.client.log_batch(
            run.info.run_id,
            params=[self.Param(k, str(v)) for k, v in parameters_of(number).items()],
            metrics=[self.Metric(k, v, now, 0) for k, v in metrics_of(number).items()],
        )

    def search(self, what: str, token: str | None, *, experiment: bool) -> tuple[list[Any], Any]:
        """A page, as the values it is sorted by, and what asks for the next."""
        del experiment  # it searches in experiments only
        equal, greater, less = SEARCHES.get(what, ({}, {}, {}))
        filters = [
            *(f"params.{name} = '{value}'" for name, value in equal.items()),
            *(f"metrics.{name} > {value}" for name, value in greater.items()),
            *(f"metrics.{name} < {value}" for name, value in less.items()),
        ]
        page = self.client.search_runs(
            [self.experiment],
            " and ".join(filters),
            max_results=100,
            order_by=["metrics.m00 DESC"],
            page_token=token,
        )
        return [run.data.metrics["m00"] for run in page], page.token

    def series(self, name: str) -> str:
        """Make a component to log to; how it is called."""
        return str(self.client.create_run(self.experiment, run_name=name).info.run_id)

    def points(self, series: str, first: int, count: int) -> None:
        """Log points of consecutive steps."""
        now = int(time.time() * 1000)
        self.client.log_batch(
            series,
            metrics=[
                self.Metric("loss", 1 / (step + 1), now, step)
                for step in range(first, first + count)
            ],
        )

    def fill(self, first: int, count: int) -> None:
        """Copies of the first run with values of their own, by SQL: its client takes too long."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN IMMEDIATE")
        model = connection.execute(
            "SELECT run_uuid FROM runs WHERE name = 'component-000000'"
        ).fetchone()[0]
        for table in ("runs", "params", "metrics", "latest_metrics", "tags"):
            rows = connection.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (model,))
            templates = [dict(row) for row in rows]
            columns = list(templates[0])
            marks = ", ".join("?" * len(columns))
            connection.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
                (
                    [row[column] for column in columns]
                    for number in range(first, first + count)
                    for row in self._varied(table, templates, number)
                ),
            )
        connection.execute("COMMIT")
        connection.execute("ANALYZE")
        connection.close()

    def _varied(self, table: str, templates: list[dict[str, Any]], number: int) -> Any:
        run = uuid.UUID(int=number + (1 << 100)).hex
        parameters, metrics = parameters_of(number), metrics_of(number)
        name = f"component-{number:06}"
        for template in templates:
            row = {**template, "run_uuid": run}
            if table == "runs":
                row["name"] = name
                row["artifact_uri"] = template["artifact_uri"].replace(template["run_uuid"], run)
            elif table == "params":
                row["value"] = str(parameters[row["key"]])
            elif table == "tags":
                row["value"] = name if row["key"] == "mlflow.runName" else row["value"]
            else:
                row["value"] = metrics[row["key"]]
            yield row


def obey(store: Any, command: dict[str, Any]) -> Any:
    """What a command measures."""
    match command.pop("do"):
        case "begin":
            store.begin()
            return {}
        case "fill":
            store.fill(**command)
            return {}
        case "create":
            for trial in range(command["first"] // TRIAL, command["last"] // TRIAL + 1):
                if command.get("trials"):
                    store.trial(f"trial-{trial}")
            began = time.perf_counter()
            for number in range(command["first"], command["last"]):
                store.create(number)
            return {"seconds": time.perf_counter() - began}
        case "search":
            times, found = [], []
            for _ in range(command["times"]):
                began = time.perf_counter()
                found, _ = store.search(command["what"], None, experiment=command["experiment"])
                times.append(time.perf_counter() - began)
            return {"times": times, "found": found}
        case "pages":
            token, found = None, []
            began = time.perf_counter()
            for _ in range(command["pages"]):
                page, token = store.search("", token, experiment=command["experiment"])
                found += page
            return {"seconds": time.perf_counter() - began, "found": found}
        case "points":
            series = store.series(command["name"])
            began = time.time()
            size = command["batch"]
            for first in range(0, command["count"], size):
                store.points(series, first, size)
            return {"began": began, "ended": time.time()}
    raise SystemExit(f"an unknown command: {command}")


def main() -> None:
    kind, where = sys.argv[1:]
    store = {"sagelet": Sagelet, "mlflow": MLflow}[kind](where)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(store, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
