"""The CreateProcessingJob request that options, or a document, ask for."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sagelet.cli import options
from sagelet.cli.request import check_environment, experiment_config, image_of, tags_of
from sagelet.domain.errors import ValidationException
from sagelet.settings import Settings

#: Where inputs, outputs and the code are in the container.
PLACE = "/opt/ml/processing"

#: An input is a folder or a pipe: SageMaker has no other way for these jobs.
_MODES = ("File", "Pipe")


def request_of(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The CreateProcessingJob request that the options ask for."""
    if given["name"] == "":
        raise ValidationException("--name: the name is empty.")
    if given["request_file"]:
        return _from_file(given, settings)
    if not given["script"] and not given["image"]:
        raise ValidationException(
            "Nothing to run: give a SCRIPT, an --image, or a --request document. (--help says how.)"
        )
    check_environment(given)
    application: dict[str, Any] = {"ImageUri": image_of(given)}
    inputs = _inputs(given)
    if given["script"]:
        source, program = _code(given["script"], given["source_dir"])
        if any(each["InputName"] == "code" for each in inputs):
            raise ValidationException("--input code: that is where the SCRIPT goes; rename it.")
        inputs.append(_input("code", source))
        application["ContainerEntrypoint"] = ["python3", f"{PLACE}/input/code/{program}"]
    if given["arguments"]:
        application["ContainerArguments"] = list(given["arguments"])
    cluster: dict[str, Any] = {"InstanceCount": given["hosts"], "VolumeSizeInGB": 30}
    if given["instance_type"]:
        cluster["InstanceType"] = given["instance_type"]
    request: dict[str, Any] = {
        "AppSpecification": application,
        "RoleArn": f"arn:aws:iam::{settings.account}:role/sagelet",
        "ProcessingResources": {"ClusterConfig": cluster},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": _outputs(given)},
        "StoppingCondition": {"MaxRuntimeInSeconds": given["max_run"] or 86400},
        "Tags": tags_of(given, settings),
    }
    if given["name"]:
        request["ProcessingJobName"] = given["name"]
    if given["environment"]:
        request["Environment"] = options.pairs("--env", given["environment"])
    if given["isolated"]:
        request["NetworkConfig"] = {"EnableNetworkIsolation": True}
    config = experiment_config(given)
    if config:
        request["ExperimentConfig"] = config
    return request


def _inputs(given: dict[str, Any]) -> list[dict[str, Any]]:
    found = _pairs("--input", given["inputs"])
    mode, modes = options.input_modes(given["input_modes"], _MODES)
    for name in modes:
        _one_of("--input-mode", f"{name}={modes[name]}", name, "--input", found)
    for name in given["sharded"]:
        _one_of("--sharded", name, name, "--input", found)
    return [
        _input(name, path, modes.get(name, mode), sharded=name in given["sharded"])
        for name, path in found.items()
    ]


def _outputs(given: dict[str, Any]) -> list[dict[str, Any]]:
    found = _pairs("--output", given["outputs"])
    for name in given["continuous"]:
        _one_of("--continuous", name, name, "--output", found)
    return [
        {
            "OutputName": name,
            "S3Output": {
                "S3Uri": options.file_uri(path),
                "LocalPath": f"{PLACE}/output/{name}",
                "S3UploadMode": "Continuous" if name in given["continuous"] else "EndOfJob",
            },
        }
        for name, path in found.items()
    ]


def _pairs(flag: str, values: tuple[str, ...]) -> dict[str, str]:
    found = options.pairs(flag, values)
    for name, path in found.items():
        if not path:
            raise ValidationException(f"{flag} {name}=: the path is empty.")
    return found


def _one_of(flag: str, value: str, name: str, of: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValidationException(f"{flag} {value}: there is no {of} {name}.")


def _input(name: str, path: str, mode: str = "File", *, sharded: bool = False) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": options.file_uri(path),
            "LocalPath": f"{PLACE}/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": mode,
            "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
        },
    }


def _code(script: str, source_dir: str | None) -> tuple[str, str]:
    """What the code is, as a path, and the script's place in it."""
    found = options.script_hyperparameters(script, source_dir)
    source = source_dir or str(Path(script).resolve())
    return source, str(json.loads(found["sagemaker_program"]))


def _from_file(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """A document, with the options of this machine added as tags."""
    inside = (
        *("script", "arguments", "framework", "framework_version", "image"),
        *("inputs", "outputs", "source_dir"),
        *("environment", "max_run", "instance_type", "isolated", "input_modes", "sharded"),
        *("continuous", "experiment", "trial", "display_name"),
    )
    clash = [key for key in inside if given[key]]
    clash += ["hosts"] if given["hosts"] > 1 else []
    if clash:
        raise ValidationException(
            f"--request is the whole job; say {', '.join(sorted(clash))} in the document instead."
        )
    request = options.read_request(given["request_file"])
    if given["name"]:
        request["ProcessingJobName"] = given["name"]
    extra = tags_of(given, settings)
    if extra and isinstance(request.get("Tags") or [], list):
        keys = {tag["Key"] for tag in extra}
        own = [tag for tag in request.get("Tags") or [] if tag.get("Key") not in keys]
        request["Tags"] = own + extra
    if request.get("ProcessingJobName") is None:
        raise ValidationException(
            "ProcessingJobName: Member must not be null. Name the job, or use --name."
        )
    return request


def base_of(given: dict[str, Any], request: dict[str, Any]) -> str:
    """What a job is called when nobody names it: after its script, else after its image."""
    if given["script"]:
        return Path(given["script"]).stem
    image = str(request["AppSpecification"]["ImageUri"])
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0]
