"""A hyperparameter tuning job: its CreateHyperParameterTuningJob request, read once.

The request document is the truth; the properties here are its reading. What a request must satisfy
beyond its service model stands in ``tuning_rules``, how far a tuning job has come in
``tuning_progress``.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sagelet.domain.draws import combinations
from sagelet.domain.early_stopping import EPOCHS, Hyperband
from sagelet.domain.failure import LastWords
from sagelet.domain.jobs import OBJECTIVE_METRIC, Kind
from sagelet.domain.ranges import Range, range_of_hint, read_ranges

Document = Mapping[str, Any]

IN_PROGRESS, STOPPING = "InProgress", "Stopping"
COMPLETED, FAILED, STOPPED = "Completed", "Failed", "Stopped"

#: The hyperparameter by which SageMaker tells a training job what it is judged by.
OBJECTIVE_KEY = "_tuning_objective_metric"

#: How many training jobs Autotune launches when nobody says.
AUTOTUNE_JOBS = 20

#: Members of a training job definition that a CreateTrainingJob request has, too.
_SHARED = (
    "RoleArn",
    "InputDataConfig",
    "VpcConfig",
    "OutputDataConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "RetryStrategy",
    "Environment",
)

_DEFAULT_VOLUME = 30


TUNING = Kind(
    name="HyperParameterTuningJob",
    noun="hyperparameter tuning job",
    resource="hyper-parameter-tuning-job",
    prefix="tuning.",
    taken=(
        "Hyper parameter tuning job names must be unique within an AWS account and region, and a "
        "hyper parameter tuning job with this name already exists ({arn})"
    ),
    missing=(
        "Amazon SageMaker can't find a tuning job with the name {name}. Please check your tuning "
        "job name and try again."
    ),
    words=LastWords("failure", condemns=False),  # it has no hosts of its own
    messages={},
)


def trial_name(name: str) -> str:
    """The trial, and the experiment, that the trial components of its training jobs are in."""
    return f"{name}-aws-tuning-job"


@dataclass(frozen=True, slots=True)
class Objective:
    """What training jobs are judged by."""

    metric: str
    maximize: bool

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is better than ``other``."""
        return one > other if self.maximize else one < other

    @property
    def type(self) -> str:
        """Maximize or Minimize."""
        return "Maximize" if self.maximize else "Minimize"


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of training jobs of a tuning job. ``where`` names its member of the request."""

    number: int
    document: Document
    objective: Objective
    ranges: tuple[Range, ...]
    where: str

    @property
    def name(self) -> str | None:
        """DefinitionName, where it has one."""
        return self.document.get("DefinitionName")

    @property
    def static(self) -> dict[str, str]:
        """StaticHyperParameters."""
        return dict(self.document.get("StaticHyperParameters") or {})

    @property
    def metrics(self) -> list[str]:
        """The metrics that are looked for."""
        algorithm = self.document.get("AlgorithmSpecification") or {}
        return [metric["Name"] for metric in algorithm.get("MetricDefinitions") or ()]

    @property
    def algorithm(self) -> dict[str, Any]:
        """AlgorithmSpecification of its training jobs: the objective has a second name there."""
        given = dict(self.document.get("AlgorithmSpecification") or {})
        metrics = given.get("MetricDefinitions") or ()
        regex = next((m["Regex"] for m in metrics if m["Name"] == self.objective.metric), None)
        if regex is not None and OBJECTIVE_METRIC not in self.metrics:
            given["MetricDefinitions"] = [*metrics, {"Name": OBJECTIVE_METRIC, "Regex": regex}]
        return given

    @property
    def choices(self) -> tuple[dict[str, Any], ...]:
        """Each ResourceConfig that will do, what is preferred first.

        Only a HyperParameterTuningResourceConfig has several.
        """
        plain = self.document.get("ResourceConfig")
        if plain is not None:
            return (dict(plain),)
        config = self.document.get("HyperParameterTuningResourceConfig") or {}
        return tuple(_resources(config, each) for each in config.get("InstanceConfigs") or [config])

    @property
    def image(self) -> str | None:
        """TrainingImage."""
        return (self.document.get("AlgorithmSpecification") or {}).get("TrainingImage")


@dataclass(frozen=True)
class TuningJob:
    """A tuning job as created, and its state; times in epoch seconds.

    ``seed`` is what its choices follow from, RandomSeed if the request has one. ``confined``: a
    job in a container asked for it. ``ending``: the status it is stopping for.
    """

    request: Document
    account: str
    region: str
    created: float
    seed: int
    modified: float = 0.0
    status: str = IN_PROGRESS
    ending: str | None = None
    ended: float | None = None
    failure_reason: str | None = None
    converged: float | None = None
    confined: bool = False

    @property
    def name(self) -> str:
        """HyperParameterTuningJobName."""
        return str(self.request["HyperParameterTuningJobName"])

    @property
    def arn(self) -> str:
        """HyperParameterTuningJobArn."""
        return TUNING.arn(self.account, self.region, self.name)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in (COMPLETED, FAILED, STOPPED)

    @property
    def config(self) -> Document:
        """HyperParameterTuningJobConfig."""
        config: Document = self.request["HyperParameterTuningJobConfig"]
        return config

    @property
    def strategy(self) -> str:
        """Strategy."""
        return str(self.config["Strategy"])

    @property
    def limits(self) -> Document:
        """ResourceLimits."""
        limits: Document = self.config["ResourceLimits"]
        return limits

    @property
    def autotune(self) -> bool:
        """Whether what is left out is chosen."""
        return (self.request.get("Autotune") or {}).get("Mode") == "Enabled"

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """Its kinds of training jobs.

        Raises:
            ValidationException: a range is not one.
        """
        config = self.config
        single = self.request.get("TrainingJobDefinition")
        if single is not None:
            where = "HyperParameterTuningJobConfig"
            return (
                Definition(
                    0,
                    single,
                    _objective(
                        single.get("TuningObjective")
                        or config.get("HyperParameterTuningJobObjective")
                    ),
                    self._ranges(
                        single.get("HyperParameterRanges") or config.get("ParameterRanges"), where
                    ),
                    "TrainingJobDefinition",
                ),
            )
        return tuple(
            Definition(
                number,
                document,
                _objective(document.get("TuningObjective")),
                self._ranges(
                    document.get("HyperParameterRanges"), f"TrainingJobDefinitions[{number}]"
                ),
                f"TrainingJobDefinitions[{number}]",
            )
            for number, document in enumerate(self.request.get("TrainingJobDefinitions") or ())
        )

    def _ranges(self, document: Document | None, where: str) -> tuple[Range, ...]:
        where = (
            f"{where}.{'ParameterRanges' if where.endswith('Config') else 'HyperParameterRanges'}"
        )
        found = read_ranges(document or {}, where)
        if not self.autotune:
            return found
        return found + tuple(
            range_of_hint(auto["Name"], auto["ValueHint"], f"{where}.AutoParameters[{index}]")
            for index, auto in enumerate((document or {}).get("AutoParameters") or ())
        )

    @cached_property
    def most_jobs(self) -> int | None:
        """MaxNumberOfTrainingJobs; a grid has as many as it has combinations, at the most."""
        given = self.limits.get("MaxNumberOfTrainingJobs")
        if self.strategy == "Grid":
            there = sum(combinations(each.ranges) for each in self.definitions)
            if math.isfinite(there):
                return int(there) if given is None else min(int(there), int(given))
        if given is None and self.autotune:
            return AUTOTUNE_JOBS
        return None if given is None else int(given)

    @property
    def parallel(self) -> int:
        """MaxParallelTrainingJobs."""
        return int(self.limits["MaxParallelTrainingJobs"])

    @property
    def max_runtime(self) -> float | None:
        """MaxRuntimeInSeconds; None for any time."""
        limit = self.limits.get("MaxRuntimeInSeconds")
        return None if limit is None else float(limit)

    @property
    def stops_early(self) -> bool:
        """Whether the median rule stops training jobs."""
        return self.config.get("TrainingJobEarlyStoppingType") == "Auto"

    @property
    def criteria(self) -> Document:
        """TuningJobCompletionCriteria."""
        return self.config.get("TuningJobCompletionCriteria") or {}

    def hyperband(self, definition: Definition) -> Hyperband | None:
        """What stops its training jobs, under that strategy; None while MaxResource is unknown."""
        if self.strategy != "Hyperband":
            return None
        config = (self.config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
        most = config.get("MaxResource")
        if most is None:
            texts = [
                definition.static[key].strip('"') for key in EPOCHS if key in definition.static
            ]
            most = next((int(text) for text in texts if text.isdecimal()), None)
        if most is None:
            return None
        return Hyperband(
            int(config.get("MinResource") or 1), int(most), definition.objective.maximize
        )

    @property
    def warm_start(self) -> tuple[str, tuple[str, ...]] | None:
        """WarmStartType and the names of the parents."""
        config = self.request.get("WarmStartConfig")
        if not config:
            return None
        parents = tuple(
            parent["HyperParameterTuningJobName"]
            for parent in config["ParentHyperParameterTuningJobs"]
            if parent.get("HyperParameterTuningJobName")
        )
        return str(config["WarmStartType"]), parents

    def training_job_name(self, number: int) -> str:
        """The name of its ``number``-th training job, counted from 1: always the same."""
        mark = hashlib.sha256(f"{self.arn}\0{self.created}\0{number}".encode()).hexdigest()
        return f"{self.name}-{number:03d}-{mark[:8]}"

    def training_requests(
        self, definition: Definition, name: str, tuned: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """The CreateTrainingJob requests that will do for a training job, the best first."""
        request = self._training_request(definition, name, tuned)
        return [{**request, "ResourceConfig": each} for each in definition.choices]

    def _training_request(
        self, definition: Definition, name: str, tuned: Mapping[str, str]
    ) -> dict[str, Any]:
        """The same without its resources.

        Its TuningJobArn is no member of that request on the wire; it is how the job knows whose
        it is.
        """
        given = definition.document
        request = {key: given[key] for key in _SHARED if given.get(key) is not None}
        request |= {
            "TrainingJobName": name,
            "AlgorithmSpecification": definition.algorithm,
            "HyperParameters": {
                **definition.static,
                **tuned,
                OBJECTIVE_KEY: definition.objective.metric,
            },
            "Tags": list(self.request.get("Tags") or ()),
            "ExperimentConfig": {
                "ExperimentName": trial_name(self.name),
                "TrialName": trial_name(self.name),
                "TrialComponentDisplayName": name,
            },
            "TuningJobArn": self.arn,
        }
        if "CheckpointConfig" in request:  # a job must not begin from another's checkpoints
            config = dict(request["CheckpointConfig"])
            request["CheckpointConfig"] = {
                **config,
                "S3Uri": f"{config['S3Uri'].rstrip('/')}/{name}",
            }
        return request


def _objective(document: Document | None) -> Objective:
    document = document or {}
    return Objective(document.get("MetricName", ""), document.get("Type") != "Minimize")


def _resources(config: Document, chosen: Document) -> dict[str, Any]:
    """What is ``chosen`` in a HyperParameterTuningResourceConfig, as ResourceConfig."""
    found = {
        key: chosen[key] for key in ("InstanceType", "InstanceCount") if chosen.get(key) is not None
    }
    found["VolumeSizeInGB"] = chosen.get("VolumeSizeInGB") or _DEFAULT_VOLUME
    if config.get("VolumeKmsKeyId"):
        found["VolumeKmsKeyId"] = config["VolumeKmsKeyId"]
    return found


@dataclass(frozen=True, slots=True)
class TunedJob:
    """A training job of a tuning job, as the tuning job knows it; times in epoch seconds.

    ``submitted``: it was handed to the queue; until then it may not exist. The members from
    ``status`` on are how it was when last looked at, and stay when it is over.
    """

    number: int
    name: str
    definition: int
    tuned: Mapping[str, str] = field(default_factory=dict)
    submitted: bool = False
    settled: bool = False
    status: str = IN_PROGRESS
    created: float | None = None
    started: float | None = None
    ended: float | None = None
    failure_reason: str | None = None
    objective: float | None = None
    #: How many values of the objective it emitted; while it runs, how many early stopping judged.
    epochs: int = 0
    #: The tuning job stopped it before its end.
    stopped_early: bool = False

    @property
    def objective_status(self) -> str:
        """ObjectiveStatus."""
        if not self.settled:
            return "Pending"
        counts = self.objective is not None and self.status in (COMPLETED, STOPPED)
        return "Succeeded" if counts else "Failed"
