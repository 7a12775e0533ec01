"""The CreateTrainingJob request that options, or a document, ask for."""

import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from sagelet.cli import options
from sagelet.domain.errors import ValidationException
from sagelet.domain.frameworks import FRAMEWORKS
from sagelet.domain.options import BACKENDS
from sagelet.settings import Settings

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

#: The options that describe a job, by the name of their value, in the order of the help.
OPTIONS: dict[str, Decorator] = {
    "script": click.argument("script", required=False),
    "framework": click.option(
        "--framework",
        type=click.Choice(sorted(options.FRAMEWORK_IMAGES)),
        help="Train with this framework's image or environment.",
    ),
    "framework_version": click.option(
        "--framework-version",
        metavar="X.Y",
        help="The version the script was written for (TensorFlow below 2.16 gets Keras 2, "
        "scikit-learn below 0.23 what was removed then).",
    ),
    "image": click.option(
        "--image",
        metavar="URI",
        help="Train in this image: your own, or a SageMaker framework URI.",
    ),
    "request_file": click.option(
        "--request",
        "request_file",
        metavar="FILE",
        help="A CreateTrainingJob request document (JSON), instead of the options that make one.",
    ),
    "channel_args": click.option(
        "--channel",
        "channel_args",
        multiple=True,
        metavar="NAME=PATH",
        help="An input channel: a local folder or file, a file:// or an s3:// URI.",
    ),
    "input_modes": click.option(
        "--input-mode",
        "input_modes",
        multiple=True,
        metavar="[NAME=]MODE",
        help="How channels come: File (default), FastFile or Pipe; with NAME=, that one channel.",
    ),
    "source_dir": click.option(
        "--source-dir", metavar="DIR", help="The folder with the script and what it imports."
    ),
    "hyperparameters": click.option(
        "--hp", "hyperparameters", multiple=True, metavar="K=V", help="A hyperparameter."
    ),
    "environment": click.option(
        "--env",
        "environment",
        multiple=True,
        metavar="K=V",
        help="An environment variable for the job.",
    ),
    "metrics": click.option(
        "--metric",
        "metrics",
        multiple=True,
        metavar="NAME=REGEX",
        help="A metric: the regex's first group is its value.",
    ),
    "experiment": click.option(
        "--experiment",
        metavar="NAME",
        help="The experiment it is tracked in; made if there is none.",
    ),
    "trial": click.option(
        "--trial",
        metavar="NAME",
        help="The trial of that experiment; by default one of its own. Made if there is none.",
    ),
    "display_name": click.option(
        "--display-name", metavar="NAME", help="What its trial component is called, e.g. Training."
    ),
    "name": click.option("--name", help="The job's name; by default the script's, with the time."),
    "model": click.option(
        "--model", help="The name its model is versioned under; by default the job's base name."
    ),
    "output": click.option(
        "--output", metavar="DIR", help="Where <job>/output/model.tar.gz goes: a folder, or s3://."
    ),
    "checkpoints": click.option(
        "--checkpoints",
        metavar="DIR",
        help="A folder (or s3:// prefix) that lives on as /opt/ml/checkpoints.",
    ),
    "max_run": click.option(
        "--max-run",
        type=click.IntRange(min=1),
        metavar="SECONDS",
        help="Stop the job after this long.",
    ),
    "spot": click.option(
        "--spot",
        is_flag=True,
        help="EnableManagedSpotTraining: `sagelet interrupt` may take its hosts away.",
    ),
    "max_wait": click.option(
        "--max-wait",
        type=click.IntRange(min=1),
        metavar="SECONDS",
        help="With --spot: the most that waiting and running may take (default: --max-run).",
    ),
    "grace": click.option(
        "--grace", metavar="SECONDS", help="Time between SIGTERM and SIGKILL on stop (default 120)."
    ),
    "hosts": click.option(
        "--hosts", type=click.IntRange(min=1), default=1, show_default=True, help="Number of hosts."
    ),
    "instance_type": click.option(
        "--instance-type",
        metavar="TYPE",
        help="ml.* type: limits CPUs and memory, asks for its GPUs.",
    ),
    "gpus": click.option("--gpus", metavar="N", help="GPUs a host: a number or all."),
    "cpus": click.option("--cpus", metavar="N", help="CPU limit a host (Docker)."),
    "memory": click.option(
        "--memory", metavar="SIZE", help="Memory limit a host, e.g. 4g (Docker)."
    ),
    "shm": click.option(
        "--shm-size",
        "shm",
        metavar="SIZE",
        help="Size of /dev/shm (Docker; default half the memory).",
    ),
    "isolated": click.option(
        "--isolated", is_flag=True, help="EnableNetworkIsolation: no network but the job's own."
    ),
    "keep_alive": click.option(
        "--keep-alive",
        type=click.IntRange(min=0, max=21600),
        metavar="SECONDS",
        help="KeepAlivePeriodInSeconds: keep the hosts so long for the next job like this one.",
    ),
    "warm": click.option(
        "--warm",
        is_flag=True,
        help="Keep the hosts (30 minutes) with the framework already imported.",
    ),
    "backend": click.option(
        "--backend",
        type=click.Choice(BACKENDS),
        help="Where hosts run; auto takes Docker when it can.",
    ),
    "python": click.option(
        "--python", metavar="PATH", help="Run in this interpreter's environment (process backend)."
    ),
}


def job_options(*, without: Collection[str] = ()) -> Decorator:
    """Give a command the options that describe a job."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, option in reversed(OPTIONS.items()):
            if name not in without:
                command = option(command)
        return command

    return decorate


def request_of(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The CreateTrainingJob request that the options ask for."""
    if given["name"] == "":
        raise ValidationException("--name: the name is empty.")
    if given["request_file"]:
        return _from_file(given, settings)
    if not given["script"] and not given["image"]:
        raise ValidationException(
            "Nothing to train: give a SCRIPT, an --image, or a --request document. "
            "(--help says how.)"
        )
    check_environment(given)
    mode, modes = options.input_modes(given.get("input_modes") or ())
    algorithm: dict[str, Any] = {"TrainingImage": image_of(given), "TrainingInputMode": mode}
    if given["metrics"]:
        algorithm["MetricDefinitions"] = [
            {"Name": n, "Regex": r} for n, r in options.pairs("--metric", given["metrics"]).items()
        ]
    resources: dict[str, Any] = {"InstanceCount": given["hosts"], "VolumeSizeInGB": 30}
    if given["instance_type"]:
        resources["InstanceType"] = given["instance_type"]
    if given.get("keep_alive") is not None:
        resources["KeepAlivePeriodInSeconds"] = given["keep_alive"]
    output = given.get("output") or settings.home / "output"
    request: dict[str, Any] = {
        "AlgorithmSpecification": algorithm,
        "RoleArn": f"arn:aws:iam::{settings.account}:role/sagelet",
        "OutputDataConfig": {"S3OutputPath": options.file_uri(output)},
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": given.get("max_run") or 86400},
        "HyperParameters": options.pairs("--hp", given["hyperparameters"]),
        "Tags": tags_of(given, settings),
    }
    if given["script"]:
        clash = {"sagemaker_program", "sagemaker_submit_directory"} & set(
            request["HyperParameters"]
        )
        if clash:
            raise ValidationException(f"--hp {min(clash)} is set by naming a SCRIPT; give one.")
        request["HyperParameters"] |= options.script_hyperparameters(
            given["script"], given["source_dir"]
        )
    if given["name"]:
        request["TrainingJobName"] = given["name"]
    if given["channel_args"] or modes:
        request["InputDataConfig"] = options.channels(given["channel_args"], modes)
    if given["environment"]:
        request["Environment"] = options.pairs("--env", given["environment"])
    if given["checkpoints"]:
        request["CheckpointConfig"] = {"S3Uri": options.file_uri(given["checkpoints"])}
    if given["isolated"]:
        request["EnableNetworkIsolation"] = True
    config = experiment_config(given)
    if config:
        request["ExperimentConfig"] = config
    if given.get("spot"):
        request["EnableManagedSpotTraining"] = True
    if given.get("spot") or given.get("max_wait"):
        stopping = request["StoppingCondition"]
        stopping["MaxWaitTimeInSeconds"] = given.get("max_wait") or stopping["MaxRuntimeInSeconds"]
    return request


def check_environment(given: dict[str, Any]) -> None:
    """Refuse a script that nothing runs.

    Raises:
        ValidationException: says what may be given.
    """
    if given["script"] and not any(given.get(k) for k in ("framework", "image", "python")):
        last = ", an --image, or a --python" if "python" in given else " or an --image"
        raise ValidationException(
            f"Which environment does the script need? Give --framework ({', '.join(FRAMEWORKS)})"
            f"{last}."
        )


def experiment_config(given: dict[str, Any]) -> dict[str, str]:
    """The ExperimentConfig that the options ask for; empty for none."""
    members = {
        "ExperimentName": given.get("experiment"),
        "TrialName": given.get("trial"),
        "TrialComponentDisplayName": given.get("display_name"),
    }
    return {member: value for member, value in members.items() if value is not None}


def _from_file(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A document, with the options of this machine added as tags."""
    belong_inside = (
        "script",
        "framework",
        "framework_version",
        "image",
        "channel_args",
        "input_modes",
        "source_dir",
        "hyperparameters",
        "environment",
        "metrics",
        "output",
        "checkpoints",
        "max_run",
        "spot",
        "max_wait",
        "instance_type",
        "isolated",
        "keep_alive",
        "experiment",
        "trial",
        "display_name",
    )
    clash = [key for key in belong_inside if given.get(key)]
    clash += ["hosts"] if given["hosts"] > 1 else []
    if clash:
        raise ValidationException(
            f"--request is the whole job; say {', '.join(sorted(clash))} in the document instead."
        )
    request = options.read_request(given["request_file"])
    if given["name"]:
        request["TrainingJobName"] = given["name"]
    extra = tags_of(given, settings)
    if extra and isinstance(request.get("Tags") or [], list):
        keys = {tag["Key"] for tag in extra}
        own = [
            t
            for t in request.get("Tags") or []
            if not (isinstance(t, dict) and t.get("Key") in keys)
        ]
        request["Tags"] = own + extra
    if request.get("TrainingJobName") is None:
        raise ValidationException(
            "TrainingJobName: Member must not be null. Name the job, or use --name."
        )
    return request


def image_of(given: dict[str, Any]) -> str:
    """The image that the options name."""
    if given["image"]:
        if given["framework"]:
            raise ValidationException("--image and --framework both name an image; give one.")
        return str(given["image"])
    if given["framework"]:
        version = given["framework_version"]
        if version and not re.fullmatch(r"\d+(\.\d+){1,3}", version, re.ASCII):
            raise ValidationException(
                f"--framework-version {version}: write X.Y, as SageMaker's image tags do."
            )
        tag = f":{version}-cpu" if version else ""
        return options.FRAMEWORK_IMAGES[given["framework"]] + tag
    return "python"


def tags_of(given: dict[str, Any], settings: Settings) -> list[dict[str, str]]:
    """The options that say how the job runs on this machine."""
    backend = given.get("backend") or (settings.backend if settings.backend != "auto" else None)
    keys = ("gpus", "cpus", "memory", "shm", "grace", "model")
    python = given.get("python")
    if python:
        found = shutil.which(python)
        if found is None:
            raise ValidationException(f"--python {python}: there is no such program.")
        python = str(Path(found).absolute())  # not resolved: a venv's link is what makes it one
    return options.tags(
        {
            "backend": backend,
            "python": python,
            "simulate": "on" if given["instance_type"] else None,
            "warm": "on" if given.get("warm") else None,
            **{key: given.get(key) for key in keys},
        }
    )


def base_of(given: dict[str, Any], request: dict[str, Any]) -> str:
    """What a job is called when nobody names it: after its script, else after its image."""
    if given["script"]:
        return Path(given["script"]).stem
    image = str(request["AlgorithmSpecification"]["TrainingImage"])
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0]


def check(
    request: dict[str, Any], settings: Settings, operation_name: str = "CreateTrainingJob"
) -> None:
    """Check against the service model, here.

    Raises:
        InvalidRequest: with each violation's place in the document.
    """
    from sagelet.aws.model import load_operation
    from sagelet.aws.validation import validate

    operation = load_operation("sagemaker", operation_name, settings.cache)
    validate(operation, request, relaxed=settings.relaxed)
