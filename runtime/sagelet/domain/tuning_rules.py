"""What a CreateHyperParameterTuningJob request must satisfy beyond its service model.

Each rule names the member it speaks of; where SageMaker's own words are known they come first.
What a training job of it must satisfy is said by the rules of training jobs.
"""

from collections.abc import Callable, Sequence

from sagelet.domain.channel_rules import check_folder_name
from sagelet.domain.draws import combinations
from sagelet.domain.early_stopping import EPOCHS, MOST_EPOCHS
from sagelet.domain.errors import ResourceLimitExceeded, ValidationException
from sagelet.domain.ranges import Categorical
from sagelet.domain.tuning import OBJECTIVE_KEY, Definition, TuningJob

_CONFIG = "HyperParameterTuningJobConfig"

#: Channels of the SDK's third generation that hold no data.
_SCRIPTS = ("code", "sm_drivers")

#: SageMaker's own limits.
MOST_JOBS = 750
MOST_PARALLEL = 100
MOST_RANGES = 30
MOST_HYPERPARAMETERS = 100


def check(job: TuningJob, parents: Sequence[TuningJob]) -> None:
    """Refuse a request that cannot run; ``parents`` are those its WarmStartConfig names.

    Raises:
        DomainError: with the member at fault and what to do.
    """
    for rule in _RULES:
        rule(job)
    for definition in job.definitions:
        for each in _EACH:
            each(job, definition)
    _warm_start(job, parents)


def _name(job: TuningJob) -> None:
    check_folder_name("HyperParameterTuningJobName", job.name)


def _definitions(job: TuningJob) -> None:
    single = job.request.get("TrainingJobDefinition")
    several = job.request.get("TrainingJobDefinitions")
    if (single is None) == (several is None):
        raise ValidationException(
            "Exactly one of TrainingJobDefinition and TrainingJobDefinitions must be given."
        )
    if several is None:
        return
    for member in ("HyperParameterTuningJobObjective", "ParameterRanges"):
        if job.config.get(member):
            where = "TuningObjective" if "Objective" in member else "HyperParameterRanges"
            raise ValidationException(
                f"{_CONFIG}.{member} cannot be combined with TrainingJobDefinitions: each "
                f"definition has its {where}."
            )
    names = [each.get("DefinitionName") for each in several]
    if None in names:
        raise ValidationException(
            f"TrainingJobDefinitions[{names.index(None)}].DefinitionName is required where there "
            "are several definitions."
        )
    for name in names:
        if names.count(name) > 1:
            raise ValidationException(f"TrainingJobDefinitions: the name '{name}' is given twice.")
    if len({each.objective.maximize for each in job.definitions}) > 1:
        raise ValidationException(
            "TrainingJobDefinitions: TuningObjective.Type must be the same in all definitions."
        )


def _limits(job: TuningJob) -> None:
    where = f"{_CONFIG}.ResourceLimits"
    most, parallel = job.most_jobs, job.parallel
    if most is None and job.max_runtime is None and job.strategy != "Grid":
        raise ValidationException(
            f"{where}: give MaxNumberOfTrainingJobs, or MaxRuntimeInSeconds; else the tuning job "
            "might never end."
        )
    if most is not None and most > MOST_JOBS:
        raise ResourceLimitExceeded(
            f"{where}.MaxNumberOfTrainingJobs: {most} is more than a tuning job may launch, "
            f"{MOST_JOBS}."
        )
    if parallel > MOST_PARALLEL:
        raise ResourceLimitExceeded(
            f"{where}.MaxParallelTrainingJobs: {parallel} is more than a tuning job may run at a "
            f"time, {MOST_PARALLEL}."
        )
    given = job.limits.get("MaxNumberOfTrainingJobs")
    if given is not None and parallel > given:
        raise ValidationException(
            f"{where}: MaxParallelTrainingJobs [{parallel}] must be less than or equal to "
            f"MaxNumberOfTrainingJobs [{given}]."
        )


def _strategy(job: TuningJob) -> None:
    if job.strategy == "Hyperband":
        if job.stops_early:
            raise ValidationException(
                f"{_CONFIG}.TrainingJobEarlyStoppingType must be Off with the Hyperband strategy, "
                "which stops training jobs by itself."
            )
    elif job.config.get("StrategyConfig"):
        raise ValidationException(
            f"{_CONFIG}.StrategyConfig can only be given with the Hyperband strategy."
        )


def _auto_parameters(job: TuningJob) -> None:
    if job.autotune:
        return
    documents = [job.config.get("ParameterRanges")]
    documents += [each.document.get("HyperParameterRanges") for each in job.definitions]
    if any((document or {}).get("AutoParameters") for document in documents):
        raise ValidationException(
            "ParameterRanges.AutoParameters can only be given with Autotune (Mode: Enabled)."
        )


def _ranges(job: TuningJob, definition: Definition) -> None:
    ranges = definition.ranges
    where = definition.where
    if not ranges:
        raise ValidationException(
            f"{where}: no hyperparameter has a range, so there is nothing to tune; give "
            "ParameterRanges."
        )
    if len(ranges) > MOST_RANGES:
        raise ResourceLimitExceeded(
            f"{where}: {len(ranges)} ranges are more than a tuning job searches, {MOST_RANGES}."
        )
    both = sorted({each.name for each in ranges} & definition.static.keys())
    if both:
        raise ValidationException(
            f"{where}.StaticHyperParameters: '{both[0]}' has a range, too; a hyperparameter is "
            "either static or tuned."
        )
    if len(ranges) + len(definition.static) > MOST_HYPERPARAMETERS:
        raise ResourceLimitExceeded(
            f"{where}: a training job has at most {MOST_HYPERPARAMETERS} hyperparameters."
        )
    if OBJECTIVE_KEY in definition.static or any(r.name == OBJECTIVE_KEY for r in ranges):
        raise ValidationException(f"{where}: the hyperparameter {OBJECTIVE_KEY} is reserved.")
    if job.strategy == "Grid":
        for each in ranges:
            if not isinstance(each, Categorical):
                raise ValidationException(
                    f"{where}: the Grid strategy takes categorical ranges only; '{each.name}' is "
                    "a range of numbers. List its values."
                )


def _combinations(job: TuningJob, definition: Definition) -> None:
    given = job.limits.get("MaxNumberOfTrainingJobs")
    if job.strategy == "Grid" or given is None or len(job.definitions) > 1:
        return
    there = combinations(definition.ranges)  # told as AWS does: [3.0]
    if there < given:
        raise ValidationException(
            "You don't have enough combinations of hyperparameter ranges. The total number of "
            f"hyperparameter combinations for the provided ranges [{there}] must be equal or "
            f"greater than the value of MaxNumberOfJobs, [{given}]. Provide additional ranges."
        )


def _objective(job: TuningJob, definition: Definition) -> None:  # noqa: ARG001
    metric = definition.objective.metric
    if not metric:
        raise ValidationException(
            f"{definition.where}: an objective is required: "
            f"{_CONFIG}.HyperParameterTuningJobObjective, or TuningObjective of each definition."
        )
    if metric not in definition.metrics:
        there = ", ".join(definition.metrics) or "none"
        raise ValidationException(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric "
            f"in the metric definitions. ({definition.where}.AlgorithmSpecification."
            f"MetricDefinitions has no '{metric}'; there is: {there}.)"
        )


def _hyperband(job: TuningJob, definition: Definition) -> None:
    if job.strategy != "Hyperband":
        return
    where = f"{_CONFIG}.StrategyConfig.HyperbandStrategyConfig"
    band = job.hyperband(definition)
    if band is None:
        raise ValidationException(
            f"{where}.MaxResource (--epochs) is required: it cannot be told from "
            f"StaticHyperParameters either, which have none of {', '.join(EPOCHS)}."
        )
    if band.most > MOST_EPOCHS:
        raise ValidationException(f"{where}.MaxResource: at most {MOST_EPOCHS}.")
    if band.least > band.most:
        raise ValidationException(
            f"{where}: MinResource {band.least} must not be greater than MaxResource {band.most}."
        )


def _resources(job: TuningJob, definition: Definition) -> None:  # noqa: ARG001
    plain = definition.document.get("ResourceConfig")
    flexible = definition.document.get("HyperParameterTuningResourceConfig")
    where = definition.where
    if (plain is None) == (flexible is None):
        raise ValidationException(
            f"{where}: exactly one of ResourceConfig and HyperParameterTuningResourceConfig must "
            "be given."
        )
    if flexible and flexible.get("InstanceConfigs"):
        for member in ("InstanceType", "InstanceCount", "VolumeSizeInGB"):
            if flexible.get(member):
                raise ValidationException(
                    f"{where}.HyperParameterTuningResourceConfig: InstanceConfigs cannot be "
                    f"combined with {member}, which each of them has."
                )


def _warm_start(job: TuningJob, parents: Sequence[TuningJob]) -> None:
    if job.warm_start is None:
        return
    kind, _ = job.warm_start
    where = "WarmStartConfig.ParentHyperParameterTuningJobs"
    if len(job.definitions) > 1:
        raise ValidationException("WarmStartConfig cannot be combined with TrainingJobDefinitions.")
    mine = job.definitions[0]
    for parent in parents:
        if not parent.over:
            raise ValidationException(
                f"{where}: {parent.arn} is {parent.status}; a parent must have ended."
            )
        if len(parent.definitions) > 1:
            raise ValidationException(f"{where}: {parent.arn} has several definitions.")
        other = parent.definitions[0]
        if other.objective != mine.objective:
            raise ValidationException(
                f"{where}: the objective must be that of all parents; {parent.name} has "
                f"{other.objective.type} {other.objective.metric}."
            )
        if _hyperparameters(other) != _hyperparameters(mine):
            raise ValidationException(
                "The set of tunable plus static HyperParameter names is not the same across "
                "current and parent tuning jobs. Please ensure this set is constant when warm "
                "starting. Note that previously static HyperParameters can be tuned in warm start "
                "jobs and vice versa."
            )
        if kind != "IdenticalDataAndAlgorithm":
            continue
        same_data = _inputs(other) == _inputs(mine)
        if other.image != mine.image or not same_data:
            what = "input data" if other.image == mine.image else "training image"
            raise ValidationException(
                f"WarmStartConfig.WarmStartType: IdenticalDataAndAlgorithm needs the {what} of "
                f"{parent.name}; with another one, use TransferLearning."
            )


def _hyperparameters(definition: Definition) -> set[str]:
    return {each.name for each in definition.ranges} | definition.static.keys()


def _inputs(definition: Definition) -> list[tuple[str, object]]:
    """Its data: not the channels in which the SDK brings its own scripts, anew for each job."""
    channels = definition.document.get("InputDataConfig") or ()
    return sorted(
        (
            (channel["ChannelName"], channel["DataSource"])
            for channel in channels
            if channel["ChannelName"] not in _SCRIPTS
        ),
        key=lambda pair: pair[0],
    )


_RULES: tuple[Callable[[TuningJob], None], ...] = (
    _name,
    _definitions,
    _limits,
    _strategy,
    _auto_parameters,
)

_EACH: tuple[Callable[[TuningJob, Definition], None], ...] = (
    _resources,
    _objective,
    _ranges,
    _combinations,
    _hyperband,
)
