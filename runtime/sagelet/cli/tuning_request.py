"""The CreateHyperParameterTuningJob request that options, or a document, ask for."""

from datetime import UTC, datetime
from typing import Any

from sagelet.cli import options
from sagelet.cli.ranges import parameter_ranges, usual_regex
from sagelet.cli.request import request_of, tags_of
from sagelet.domain.comparison import Measure
from sagelet.domain.errors import ValidationException
from sagelet.settings import Settings

STRATEGIES = {name.lower(): name for name in ("Bayesian", "Random", "Grid", "Hyperband")}

#: What a tuning job launches unless somebody says, and how many at a time.
JOBS, PARALLEL = 20, 2

#: The most characters of a tuning job's name.
_NAME = 32

#: Options of a training job that its tuning job decides on.
WITHOUT = ("experiment", "trial", "display_name", "name")

#: Members of a CreateTrainingJob request that no training job definition has.
_OUTSIDE = ("TrainingJobName", "HyperParameters", "Tags", "ExperimentConfig")


def stamped(base: str) -> str:
    """A name from a base name: with date, time and milliseconds, and not too long."""
    now = datetime.now(UTC)
    stamp = now.strftime("%y%m%d-%H%M%S") + f"{now.microsecond // 1000:03d}"
    return f"{options.plain_name(base)[: _NAME - len(stamp) - 1].rstrip('-')}-{stamp}"


def tuning_request(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The CreateHyperParameterTuningJob request that the options ask for."""
    if given["name"] is not None and len(given["name"]) > _NAME:
        raise ValidationException(
            f"--name {given['name']}: a tuning job's name has at most {_NAME} characters."
        )
    if given["request_file"]:
        return _from_file(given, settings)
    training = request_of({**given, **dict.fromkeys(WITHOUT), "name": given["name"]}, settings)
    if not given["ranges"]:
        raise ValidationException("Nothing to tune: give a --range for each hyperparameter to try.")
    if not given["objective"]:
        raise ValidationException(
            "Which metric decides? Give --objective METRIC, as the script prints it."
        )
    definition = {key: value for key, value in training.items() if key not in _OUTSIDE}
    definition["StaticHyperParameters"] = training["HyperParameters"]
    metrics = definition["AlgorithmSpecification"].setdefault("MetricDefinitions", [])
    if given["objective"] not in [metric["Name"] for metric in metrics]:
        metrics.append({"Name": given["objective"], "Regex": usual_regex(given["objective"])})
    request: dict[str, Any] = {
        "HyperParameterTuningJobConfig": _config(given),
        "TrainingJobDefinition": definition,
        "Tags": training["Tags"],
    }
    if given["name"]:
        request["HyperParameterTuningJobName"] = given["name"]
    if given["parents"]:
        request["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [
                {"HyperParameterTuningJobName": parent} for parent in given["parents"]
            ],
            "WarmStartType": "TransferLearning"
            if given["transfer"]
            else "IdenticalDataAndAlgorithm",
        }
    elif given["transfer"]:
        raise ValidationException("--transfer: from which tuning job? Give --warm-start NAME, too.")
    return request


def _from_file(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A document, with the options of this machine added as tags."""
    inside = (
        *("script", "framework", "image", "channel_args", "source_dir", "hyperparameters"),
        *("environment", "metrics", "output", "checkpoints", "max_run", "instance_type"),
        *("ranges", "objective", "max_jobs", "parallel", "max_time", "early_stopping", "seed"),
        *("target", "patience", "epochs", "parents", "minimize", "maximize", "isolated", "spot"),
    )
    clash = [key for key in inside if given[key]]
    if clash:
        raise ValidationException(
            f"--request is the whole job; say {', '.join(sorted(clash))} in the document instead."
        )
    request = options.read_request(given["request_file"])
    if given["name"]:
        request["HyperParameterTuningJobName"] = given["name"]
    extra = tags_of(given, settings)
    if extra and isinstance(request.get("Tags") or [], list):
        keys = {tag["Key"] for tag in extra}
        own = [tag for tag in request.get("Tags") or [] if tag.get("Key") not in keys]
        request["Tags"] = own + extra
    if request.get("HyperParameterTuningJobName") is None:
        raise ValidationException(
            "HyperParameterTuningJobName: Member must not be null. Name the job, or use --name."
        )
    return request


def _config(given: dict[str, Any]) -> dict[str, Any]:
    strategy = STRATEGIES[given["strategy"]]
    config: dict[str, Any] = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {
            "Type": "Minimize" if _is_low(given) else "Maximize",
            "MetricName": given["objective"],
        },
        "ResourceLimits": _limits(given),
        "ParameterRanges": parameter_ranges(given["ranges"]),
    }
    hyperband = strategy == STRATEGIES["hyperband"]
    if given["early_stopping"]:
        if hyperband:
            raise ValidationException(
                "--early-stopping: hyperband stops training jobs by itself; leave it out."
            )
        config["TrainingJobEarlyStoppingType"] = "Auto"
    if given["seed"] is not None:
        config["RandomSeed"] = given["seed"]
    if given["epochs"] is not None:
        if not hyperband:
            raise ValidationException(
                "--epochs: only --strategy hyperband counts epochs; what the script does with "
                "them is a hyperparameter (--hp epochs=N)."
            )
        config["StrategyConfig"] = {"HyperbandStrategyConfig": {"MaxResource": given["epochs"]}}
    criteria: dict[str, Any] = {}
    if given["target"] is not None:
        criteria["TargetObjectiveMetricValue"] = given["target"]
    if given["patience"] is not None:
        criteria["BestObjectiveNotImproving"] = {
            "MaxNumberOfTrainingJobsNotImproving": given["patience"]
        }
    if criteria:
        config["TuningJobCompletionCriteria"] = criteria
    return config


def _is_low(given: dict[str, Any]) -> bool:
    if given["minimize"] and given["maximize"]:
        raise ValidationException("--minimize and --maximize: say which of them it is, not both.")
    return given["minimize"] or (not given["maximize"] and Measure(given["objective"]).low)


def _limits(given: dict[str, Any]) -> dict[str, int]:
    most = given["max_jobs"]
    if most is None and given["strategy"] != "grid":
        most = JOBS
    parallel = given["parallel"] or min(PARALLEL, most or PARALLEL)
    limits = {"MaxParallelTrainingJobs": parallel}
    if most is not None:
        limits["MaxNumberOfTrainingJobs"] = most
    if given["max_time"] is not None:
        limits["MaxRuntimeInSeconds"] = given["max_time"]
    return limits
