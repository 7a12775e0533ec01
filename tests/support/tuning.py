"""Requests for tuning jobs, and an engine whose training jobs do what a test says."""

from collections.abc import Mapping
from typing import Any

from sagelet.domain.errors import ResourceInUse, ResourceLimitExceeded, ValidationException
from sagelet.domain.jobs import Job
from sagelet.domain.lifecycle import Event, advance, begin
from sagelet.domain.metrics import Datum
from sagelet.domain.training import TrainingJob
from sagelet.domain.tuning import TunedJob, TuningJob
from sagelet.store import Store
from support.plane import Plane

ACCOUNT = "123456789012"
REGION = "eu-west-1"

LR = {"Name": "lr", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
HIDDEN = {"Name": "hidden", "MinValue": "1", "MaxValue": "64"}
WAY = {"Name": "way", "Values": ["adam", "sgd"]}

RANGES = {
    "IntegerParameterRanges": [HIDDEN],
    "ContinuousParameterRanges": [LR],
    "CategoricalParameterRanges": [WAY],
}


def definition(**members: Any) -> dict[str, Any]:
    """A training job definition; ``...`` leaves a member out."""
    document = {
        "AlgorithmSpecification": {
            "TrainingImage": "mine:1",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "acc", "Regex": "acc=([0-9.]+)"}],
        },
        "StaticHyperParameters": {"epochs": "9"},
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/sagelet",
        "OutputDataConfig": {"S3OutputPath": "file:///out"},
        "ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }
    return {key: value for key, value in document.items() if value is not ...}


def tuning_request(
    name: str = "search",
    strategy: str = "Random",
    most: Any = 6,
    parallel: int = 2,
    ranges: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    **members: Any,
) -> dict[str, Any]:
    """A CreateHyperParameterTuningJob request; ``...`` leaves out what it is given for."""
    bounds = {
        "MaxNumberOfTrainingJobs": most,
        "MaxParallelTrainingJobs": parallel,
        **(limits or {}),
    }
    settings = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "acc"},
        "ResourceLimits": {key: value for key, value in bounds.items() if value is not ...},
        "ParameterRanges": RANGES if ranges is None else ranges,
        "RandomSeed": 7,
        **(config or {}),
    }
    document = {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {k: v for k, v in settings.items() if v is not ...},
        "TrainingJobDefinition": definition(),
        **members,
    }
    return {key: value for key, value in document.items() if value is not ...}


def tuning_job(*arguments: Any, created: float = 100.0, **given: Any) -> TuningJob:
    """A tuning job as it is when taken in."""
    request = tuning_request(*arguments, **given)
    seed = request["HyperParameterTuningJobConfig"].get("RandomSeed", 1)
    return TuningJob(request, ACCOUNT, REGION, created, seed)


class Bench:
    """An engine for tuners: its jobs are in the store, and live until they are told to end.

    ``room``: how many run at a time; others wait. ``lacks``: instance types it has none of.
    """

    def __init__(self, store: Store, room: int = 100) -> None:
        self.store = store
        self.room = room
        self.now = 100.0
        self.stopped: list[str] = []
        self.refusal: Exception | None = None
        self.lacks: set[str] = set()

    def submit(
        self,
        request: Mapping[str, Any],
        tags: Mapping[str, str] | None = None,
        *,
        confined: bool = False,
    ) -> Job:
        self.rehearse(request)
        if self.store.training_jobs.has(request["TrainingJobName"]):
            raise ResourceInUse(request["TrainingJobName"])
        life = begin(self.now, waiting=self.running() >= self.room)
        job = TrainingJob(request, ACCOUNT, self.store.region, self.now, life, confined=confined)
        self.store.training_jobs.add(job, tags)
        return job

    def rehearse(self, request: Mapping[str, Any], *, confined: bool = False) -> None:
        if self.refusal is not None:
            raise self.refusal
        kind = request["ResourceConfig"].get("InstanceType")
        if kind in self.lacks:
            raise ResourceLimitExceeded(f"no {kind} here")

    def stop(self, name: str, *, patience: float) -> Job:
        job = self.store.training_jobs.get(name)
        if job.life.over:
            raise ValidationException("it has ended")
        self.stopped.append(name)
        self.store.training_jobs.request_stop(name, self.now)
        self.end(name, Event.STOP_REQUESTED)
        return job

    def running(self) -> int:
        return sum(str(job.life.secondary) != "Pending" for job in self.live())

    def live(self) -> list[TrainingJob]:
        live = self.store.training_jobs.live()  # of all regions
        return [job for job in live if job.region == self.store.region]

    def all(self) -> list[TrainingJob]:
        return sorted(self.store.training_jobs.newest(1000), key=lambda job: job.name)

    def emit(self, name: str, *values: float) -> None:
        """What the job prints of its objective."""
        self.store.metrics.append(name, "algo-1", [Datum("acc", v, self.now) for v in values])

    def end(self, name: str, how: Event = Event.HOSTS_SUCCEEDED, reason: str | None = None) -> None:
        """Let a job end, or have room for one that waits end, too."""
        life = self.store.training_jobs.get(name).life
        steps = [Event.PREPARED, Event.STAGED, how]
        if str(life.secondary) == "Pending":
            steps.insert(0, Event.ADMITTED)
        if how is Event.STOP_REQUESTED:
            steps.append(Event.HOSTS_SUCCEEDED)
        for event in (*steps, Event.STORED):
            self.now += 1
            life, _ = advance(life, event, self.now, reason)
        self.store.training_jobs.save_life(name, life, self.now)

    def admit(self, name: str) -> None:
        """A job that waits has room now."""
        life, _ = advance(self.store.training_jobs.get(name).life, Event.ADMITTED, self.now)
        self.store.training_jobs.save_life(name, life, self.now)

    def finish(self, name: str, *values: float) -> None:
        """The job prints these values, and ends well."""
        self.emit(name, *values)
        self.end(name)

    def fail(self, name: str, reason: str = "AlgorithmError: no, exit code: 1") -> None:
        """The job fails."""
        self.end(name, Event.HOSTS_FAILED, reason)


#: Prints ``acc``, best at lr=0.01, once an epoch; ends by itself.
SCRIPT = """
import argparse, os, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.5)
parser.add_argument("--epochs", type=int, default=1)
parser.add_argument("--way", default="")
found, _ = parser.parse_known_args()
for epoch in range(found.epochs):
    print(f"acc={1 - min(abs(found.lr - 0.01) * 10, 1):.6f}", flush=True)
    time.sleep(float(os.environ.get("PAUSE", "0")))
if "FAIL" in os.environ:
    sys.exit("told to fail")
"""


class Searcher:
    """Runs tuning jobs on the backend of a plane."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane

    def request(
        self, name: str = "search", *, script: str = SCRIPT, env: Any = None, **given: Any
    ) -> dict[str, Any]:
        """A request like ``tuning_request``'s for a script on the plane's backend."""
        training = self.plane.request("unnamed", script, env=env or {})
        static = {**training.pop("HyperParameters"), **given.pop("static", {})}
        training["AlgorithmSpecification"]["MetricDefinitions"] = [
            {"Name": "acc", "Regex": "acc=([0-9.]+)"}
        ]
        tags = training.pop("Tags")
        del training["TrainingJobName"]
        document = {**training, "StaticHyperParameters": static}
        given = {"ranges": {"ContinuousParameterRanges": [LR]}, **given}
        return tuning_request(name, TrainingJobDefinition=document, Tags=tags, **given)

    def submit(self, name: str = "search", **given: Any) -> None:
        self.create(self.request(name, **given))

    def create(self, request: dict[str, Any]) -> None:
        self.plane.ask("tuning.create", request, {})

    def job(self, name: str = "search") -> TuningJob:
        return self.plane.store.tuning_jobs.get(name)

    def tuned(self, name: str = "search") -> list[TunedJob]:
        return self.plane.store.tuning_jobs.tuned(name)

    def settled(self, name: str = "search") -> int:
        return sum(job.settled for job in self.tuned(name))

    def wait_over(self, name: str = "search") -> TuningJob:
        self.plane.wait(lambda: self.job(name).over, f"{name}: its end", 240)
        return self.job(name)

    def run(self, name: str = "search", **given: Any) -> TuningJob:
        self.submit(name, **given)
        return self.wait_over(name)
