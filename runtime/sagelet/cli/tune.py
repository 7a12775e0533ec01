"""``sagelet tune``: build the request, submit it, show the runs and the best of them so far."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import click

from sagelet.cli import options
from sagelet.cli.foreground import Interrupts, take_back
from sagelet.cli.plane import reach
from sagelet.cli.ranges import parameter_ranges, usual_regex
from sagelet.cli.render import Screen
from sagelet.cli.request import base_of, check, job_options, request_of
from sagelet.cli.tuning_view import follow
from sagelet.domain.comparison import Measure
from sagelet.domain.errors import ResourceInUse, ValidationException
from sagelet.domain.tuning import TUNING
from sagelet.settings import Settings

_CREATE = "CreateHyperParameterTuningJob"

_STRATEGIES = {name.lower(): name for name in ("Bayesian", "Random", "Grid", "Hyperband")}

#: What a tuning job launches unless somebody says, and how many at a time.
_JOBS, _PARALLEL = 20, 2

#: The most characters of a tuning job's name.
_NAME = 32

#: Options of a training job that its tuning job decides on.
_WITHOUT = ("experiment", "trial", "display_name", "request_file", "name")

#: Members of a CreateTrainingJob request that no training job definition has.
_OUTSIDE = ("TrainingJobName", "HyperParameters", "Tags", "ExperimentConfig")


@click.command()
@job_options(without=_WITHOUT)
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="NAME=RANGE",
    help="What to try for a hyperparameter: LOW:HIGH, LOW:HIGH:log or VALUE,VALUE,...",
)
@click.option(
    "--objective",
    metavar="METRIC",
    help="The metric that decides; without a --metric of that name, METRIC=VALUE is looked for.",
)
@click.option("--minimize", is_flag=True, help="The lowest is the best.")
@click.option(
    "--maximize",
    is_flag=True,
    help="The highest is; by default it is unless the metric's name says loss or error.",
)
@click.option(
    "--strategy",
    type=click.Choice(sorted(_STRATEGIES)),
    default="bayesian",
    show_default=True,
    help="How combinations are chosen; grid tries all of them.",
)
@click.option(
    "--max-jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"How many training jobs; {_JOBS} by default, with grid all combinations.",
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"How many at a time; {_PARALLEL} by default.",
)
@click.option(
    "--max-time",
    type=click.IntRange(min=120),
    metavar="SECONDS",
    help="End after this long, with what was found by then.",
)
@click.option("--early-stopping", is_flag=True, help="Stop jobs that are worse than the median.")
@click.option("--target", type=float, metavar="VALUE", help="End when a job is as good as this.")
@click.option(
    "--patience",
    type=click.IntRange(min=3),
    metavar="N",
    help="End when so many jobs in a row found nothing better.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Choose the same again.")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    metavar="N",
    help="With hyperband: the most values of the objective that a job prints.",
)
@click.option(
    "--warm-start",
    "parents",
    multiple=True,
    metavar="NAME",
    help="Go on from an earlier tuning job's results.",
)
@click.option(
    "--transfer", is_flag=True, help="With --warm-start: its data or code was another one's."
)
@click.option("--name", help="The tuning job's name; by default the script's, with the time.")
@click.option("--detach", is_flag=True, help="Return at once; the tuning job goes on by itself.")
@click.option("--dry-run", is_flag=True, help=f"Print the {_CREATE} request and stop.")
@click.option(
    "--json", "as_json", is_flag=True, help="End with the description of the tuning job on stdout."
)
def tune(**given: Any) -> int:
    """Search for the best hyperparameters of a SCRIPT: many training jobs, a few at a time.

    \b
    sagelet tune train.py --framework pytorch --channel training=./data \\
        --range lr=0.001:0.1:log --range hidden=2,5,10 \\
        --objective test:accuracy --max-jobs 20 --parallel 2
    """  # noqa: D301
    plane = reach(click.get_current_context().obj)
    request = _request_of(given, plane.settings)
    named = "HyperParameterTuningJobName" in request
    base = base_of(given, request["TrainingJobDefinition"])
    if given["dry_run"]:
        request.setdefault("HyperParameterTuningJobName", _stamped(base))
        check(request, plane.settings, _CREATE)
        click.echo(json.dumps(request, indent=2))
        return 0
    screen = Screen(sys.stderr if given["as_json"] else None)
    client = plane.client(own=True)
    while True:
        if not named:
            request["HyperParameterTuningJobName"] = _stamped(base)
        name = request["HyperParameterTuningJobName"]
        try:
            answer = client.call("sagemaker", _CREATE, request, repeatable=False)
            break
        except KeyboardInterrupt:
            take_back(client, screen, name, TUNING)
            raise
        except ResourceInUse:
            if named:
                raise
        except ValidationException as error:
            if "validation error" in str(error):
                check(request, plane.settings, _CREATE)  # names members as this request writes them
            raise
    interrupts = Interrupts()
    if given["detach"]:
        click.echo(json.dumps(answer) if given["as_json"] else name)
        return 0
    return follow(client, screen, name, interrupts, as_json=given["as_json"])


def _stamped(base: str) -> str:
    """A name from a base name: with date, time and milliseconds, and not too long."""
    now = datetime.now(UTC)
    stamp = now.strftime("%y%m%d-%H%M%S") + f"{now.microsecond // 1000:03d}"
    return f"{options.plain_name(base)[: _NAME - len(stamp) - 1].rstrip('-')}-{stamp}"


def _request_of(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The CreateHyperParameterTuningJob request that the options ask for."""
    if given["name"] is not None and len(given["name"]) > _NAME:
        raise ValidationException(
            f"--name {given['name']}: a tuning job's name has at most {_NAME} characters."
        )
    training = request_of({**given, **dict.fromkeys(_WITHOUT), "name": given["name"]}, settings)
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


def _config(given: dict[str, Any]) -> dict[str, Any]:
    strategy = _STRATEGIES[given["strategy"]]
    config: dict[str, Any] = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {
            "Type": "Minimize" if _is_low(given) else "Maximize",
            "MetricName": given["objective"],
        },
        "ResourceLimits": _limits(given),
        "ParameterRanges": parameter_ranges(given["ranges"]),
    }
    if given["early_stopping"]:
        config["TrainingJobEarlyStoppingType"] = "Auto"
    if given["seed"] is not None:
        config["RandomSeed"] = given["seed"]
    if given["epochs"] is not None:
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
        most = _JOBS
    parallel = given["parallel"] or min(_PARALLEL, most or _PARALLEL)
    limits = {"MaxParallelTrainingJobs": parallel}
    if most is not None:
        limits["MaxNumberOfTrainingJobs"] = most
    if given["max_time"] is not None:
        limits["MaxRuntimeInSeconds"] = given["max_time"]
    return limits
