"""Tracked experiments beside MLflow with its SQLite store: create, search, page, log points.

Each side is asked through its own client: boto3 over HTTP to `sagelet serve`, MLflow's straight to
its store. The bulk of the components is put there beforehand, past both clients.

Usage: python benchmarks/experiments.py [--rounds N] [--components N] [--points N]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from plane import HERE, Server, client_python, fire
from rounds import Sample, arguments, collect, pairwise, ratio, spread, table
from tracking import EXPERIMENT, TRIAL, metrics_of, parameters_of

from sagelet.domain.experiments import Experiment, Trial, TrialComponent
from sagelet.domain.metrics import Datum
from sagelet.store import open_store

ACCOUNT, REGION = "123456789012", "us-east-1"
WRITERS = 8
#: Components that a round makes, searches it does, and pages it turns.
CREATED, SEARCHED, PAGES = 100, 10, 10
#: Points a call: AWS's limit, and MLflow's.
FEW, MANY = 10, 1000
#: So many points of MLflow's at ten a call say enough; it would need hours for a million.
SHORT = 4000

ROWS = [
    # what is measured, its name in the samples, digits
    ("Search, p50, ms: a parameter equals, a metric is above", "narrow", 1),
    ("the same within one experiment", "narrow here", 1),
    ("Search, p50, ms: two metrics, a quarter of all", "wide", 1),
    ("the same within one experiment", "wide here", 1),
]


class Worker:
    """A client in a process of its own."""

    def __init__(self, python: Path | str, kind: str, where: str) -> None:
        self.process = subprocess.Popen(
            [str(python), str(HERE / "tracking.py"), kind, where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def send(self, do: str, **more: object) -> None:
        """Begin a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Wait for its end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a client ended; what it said stands above")
        return json.loads(line)

    def ask(self, do: str, **more: object) -> Any:
        """A command from its beginning to its end."""
        self.send(do, **more)
        return self.answer()

    def close(self) -> None:
        """End it."""
        self.process.communicate()


class Side:
    """One of the two, with its clients."""

    def __init__(self, name: str, python: Path | str, where: str, components: int) -> None:
        self.name, self.components = name, components
        self.workers = [Worker(python, name, where) for _ in range(WRITERS)]
        self.made = components
        self.turns = 0
        self.found: list[list[float]] = []  # by every search, to compare

    def work(self) -> Sample:
        """Create, search and page, one client."""
        worker, sample = self.workers[0], {}
        last = self.made + CREATED
        took = worker.ask("create", first=self.made, last=last)["seconds"]
        self.made = last
        sample["create"] = CREATED / took
        for what in ("narrow", "wide"):
            for here in (False, True):
                said = worker.ask("search", what=what, times=SEARCHED, experiment=here)
                self.found.append(said["found"])
                times = statistics.median(said["times"])
                sample[what + " here" * here] = times * 1e3
        said = worker.ask("pages", pages=PAGES, experiment=True)
        self.found.append(said["found"])
        sample["page"] = said["seconds"] / PAGES * 1e3
        return {f"{self.name}/{key}": value for key, value in sample.items()}

    def log(self, count: int, batch: int) -> Sample:
        """Points from all writers at once; each has a component of its own."""
        self.turns += 1
        each = count // WRITERS // batch * batch
        for number, worker in enumerate(self.workers):
            name = f"series-{self.turns}-{number}"
            worker.send("points", name=name, count=each, batch=batch)
        said = [worker.answer() for worker in self.workers]
        took = max(one["ended"] for one in said) - min(one["began"] for one in said)
        return {f"{self.name}/points by {batch}": each * WRITERS / took}

    def close(self) -> None:
        """End the clients."""
        for worker in self.workers:
            worker.close()


def fill(home: Path, count: int) -> None:
    """Components in a home, past the wire."""
    store = open_store(home, REGION)
    now = time.time() - count
    store.experiments.add(Experiment(EXPERIMENT, ACCOUNT, REGION, now, now, {}), {})
    for number in range(count + 100 * TRIAL):
        if number % TRIAL == 0:
            trial = Trial(f"trial-{number // TRIAL}", EXPERIMENT, ACCOUNT, REGION, now, now, {})
            store.experiments.add_trial(trial, {})
        if number >= count:
            continue
        name, when = f"component-{number:06}", now + number
        document = {"DisplayName": name}
        parameters = {key: float(value) for key, value in parameters_of(number).items()}
        component = TrialComponent(name, ACCOUNT, REGION, when, when, document, parameters)
        store.trial_components.add(component, {})
        store.trial_components.associate(name, f"trial-{number // TRIAL}", ACCOUNT)
        data = [Datum(key, value, when) for key, value in metrics_of(number).items()]
        store.trial_components.put_metrics(name, ACCOUNT, data)
    store.database.close()


def wire(server: Server, seconds: float) -> Sample:
    """Points as fast as the control plane takes them: requests made beforehand."""
    sagemaker = server.client("sagemaker")
    requests = []
    for number in range(WRITERS):
        name = f"wire-{time.time_ns()}-{number}"
        sagemaker.create_trial_component(TrialComponentName=name)
        data = [
            {"MetricName": "loss", "Value": 1 / (s + 1), "Timestamp": int(time.time()), "Step": s}
            for s in range(FEW)
        ]
        body = json.dumps({"TrialComponentName": name, "MetricData": data}).encode()
        headers = {"Content-Type": "application/json"}
        requests.append(server.raw("sagemaker", "PUT", "/BatchPutMetrics", body, headers))
    said = fire(server, WRITERS, requests, seconds)
    if said["failures"]:
        raise SystemExit(f"{said['failures']} of {said['requests']} calls failed")
    return {"sagelet/points on the wire": said["requests"] / said["seconds"] * FEW}


def main() -> None:
    parser = arguments(3)
    parser.add_argument("--components", type=int, default=100_000, help="default 100000")
    parser.add_argument("--points", type=int, default=1_000_000, help="default 1000000")
    parser.add_argument("--seconds", type=float, default=5.0, help="of wire load; default 5")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sagelet-", ignore_cleanup_errors=True) as folder:
        compare(Path(folder), given)


def compare(folder: Path, given: Any) -> None:
    """All of it, in a folder."""
    home = folder / "home"
    began = time.perf_counter()
    fill(home, given.components)
    filled = time.perf_counter() - began
    server = Server(
        "sagelet",
        [sys.executable, "-m", "sagelet", "serve", "--port"],
        {"SAGELET_HOME": str(home), "SAGELET_CACHE": str(folder / "cache")},
    )
    server.start()
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    python = client_python("mlflow")
    first = Worker(python, "mlflow", uri)  # makes the tables, before others do it all at once
    first.ask("begin")
    first.ask("create", first=0, last=1)
    first.ask("fill", first=1, count=given.components - 1)
    first.close()
    ours = Side("sagelet", sys.executable, server.url, given.components)
    peer = Side("mlflow", python, uri, given.components)
    try:
        samples = collect([ours.work, peer.work], given.rounds)
        if ours.found != peer.found:
            raise SystemExit("the two found different components")
        share = max(given.points // (given.rounds + 1), WRITERS * MANY)
        few = min(share, SHORT)
        logged = collect(
            [
                partial(ours.log, share, FEW),
                partial(peer.log, few, FEW),
                partial(peer.log, share, MANY),
                partial(wire, server, given.seconds),
            ],
            given.rounds,
        )
    finally:
        ours.close()
        peer.close()
        server.stop()
    report({**samples, **logged}, given, filled)


def report(samples: dict[str, Sequence[float]], given: Any, filled: float) -> None:
    """The text and the table."""
    print(f"""## Tracked experiments

{given.components:,} trial components with 20 parameters and 10 metrics, {TRIAL:,} a trial, in one
experiment; MLflow {version()} has as many runs in its SQLite store. Ours is asked by boto3 over
HTTP, MLflow by its own client in the same process as its store, without a server. Pages hold 100,
sorted by a metric. Both are filled beforehand past their clients (ours in {filled:.0f} s). Points
come from {WRITERS} processes, each to a component of its own: 10 a call is AWS's limit, 1,000 is
MLflow's. On the wire: the same calls, made and signed beforehand, by one event loop with {WRITERS}
connections.

Medians (least to most) of {given.rounds} rounds. Python {sys.version.split()[0]}, \
load average {os.getloadavg()[0]:.1f}.
""")
    rows = []

    def row(title: str, mine: str, theirs: str, digits: int, budget: str, *, rate: bool) -> None:
        ours, peer = samples[f"sagelet/{mine}"], samples[f"mlflow/{theirs}"]
        times = pairwise(ours, peer, ratio) if rate else pairwise(peer, ours, ratio)
        cells = [spread(ours, digits), spread(peer, digits), spread(times, 1)]
        rows.append([title, *cells, budget])

    row("created a second, one client", "create", "create", 0, "-", rate=True)
    for title, name, digits in ROWS:
        row(title, name, name, digits, "50 ms, 10 x", rate=False)
    row("a further page, ms", "page", "page", 1, "-", rate=False)
    few, many = f"points by {FEW}", f"points by {MANY}"
    row("points a second, 10 a call", few, few, 0, "10 x", rate=True)
    row("points a second, 10 a call; MLflow's 1,000 a call", few, many, 0, "-", rate=True)
    wired = "points on the wire"
    row("points a second on the wire, 10 a call", wired, few, 0, "10 x", rate=True)
    print(table(["", "ours", "MLflow", "times better", "aim"], rows))


def version() -> str:
    """MLflow's."""
    code = "from importlib.metadata import version; print(version('mlflow'))"
    return subprocess.check_output([client_python("mlflow"), "-c", code], text=True).strip()


if __name__ == "__main__":
    main()
