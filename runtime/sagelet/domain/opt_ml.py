"""The /opt/ml contract, host side: which files SageMaker writes into a host, and their bytes.

Paths inside a host are fixed by the contract; where they lie on this machine is not known here.
"""

import json
from collections.abc import Sequence
from typing import Any

from sagelet.domain.jobs import Channel, Job
from sagelet.domain.processing import ProcessingJob
from sagelet.domain.training import TrainingJob

ROOT = "/opt/ml"
INTERFACE = "eth0"

#: Folders that exist before the container starts, relative to /opt/ml.
FOLDERS = (
    "input/config",
    "input/data",
    "model",
    "output/data",
    "output/metrics/sagemaker",
    "output/profiler",
    "output/tensorboard",
    "output/tensors",
    "checkpoints",
)


#: What a job writes here goes to its ``sagemaker_s3_output`` while it runs; relative to /opt/ml.
INTERMEDIATE = "output/intermediate"


def host_names(count: int) -> tuple[str, ...]:
    """``algo-1`` .. ``algo-N``, in that order."""
    return tuple(f"algo-{number}" for number in range(1, count + 1))


def group_hosts(job: Job) -> dict[str, tuple[str, ...]]:
    """Group name -> its hosts; hosts are dealt to groups in order."""
    names = iter(host_names(job.host_count))
    return {group.name: tuple(next(names) for _ in range(group.count)) for group in job.groups}


def instance_type_of(job: Job, host: str) -> str:
    """The instance type of the host's group."""
    members = group_hosts(job)
    return next(g.instance_type for g in job.groups if host in members[g.name])


def channel_hosts(job: Job, channel: Channel) -> tuple[str, ...]:
    """The hosts that get the channel: all, or those of the groups it names."""
    if not channel.groups:
        return host_names(job.host_count)
    members = group_hosts(job)
    chosen = {host for group in channel.groups for host in members[group]}
    return tuple(host for host in host_names(job.host_count) if host in chosen)


def channels_of(job: Job, host: str) -> tuple[Channel, ...]:
    """The channels that the host gets."""
    return tuple(c for c in job.channels if host in channel_hosts(job, c))


def config_files(job: TrainingJob, host: str) -> dict[str, bytes]:
    """``input/config``: file name -> bytes, as SageMaker writes them."""
    files = {
        "hyperparameters.json": _json(job.hyperparameters),
        "inputdataconfig.json": _json({c.name: _channel(c) for c in channels_of(job, host)}),
        "resourceconfig.json": _json(_resources(job, host)),
        "trainingjobconfig.json": _json(
            {**job.request, "TrainingJobArn": job.arn, "Tags": _own_tags(job)}
        ),
        "metric-definition-regex.json": _json(job.algorithm.get("MetricDefinitions") or []),
        "upstreamoutputdataconfig.json": _json([]),
    }
    if job.checkpoints:
        files["checkpointconfig.json"] = _json({"LocalPath": job.checkpoints[1]})
    for member, name, defaults in (
        ("DebugHookConfig", "debughookconfig.json", {"LocalPath": f"{ROOT}/output/tensors"}),
        (
            "TensorBoardOutputConfig",
            "tensorboardoutputconfig.json",
            {"LocalPath": f"{ROOT}/output/tensorboard"},
        ),
        ("ProfilerConfig", "profilerconfig.json", {}),
    ):
        if job.request.get(member):
            files[name] = _json({**job.request[member], **_missing(defaults, job.request[member])})
    return files


def processing_files(job: ProcessingJob, host: str) -> dict[str, bytes]:
    """``config`` of a processing job: file name -> bytes.

    What the request leaves out of its application and its resources is there as null.
    """
    cluster = {"VolumeKmsKeyId": None, **job.resources}
    document = {
        "ProcessingJobArn": job.arn,
        "ProcessingJobName": job.name,
        **job.request,
        "AppSpecification": {
            "ContainerEntrypoint": None,
            "ContainerArguments": None,
            **job.application,
        },
        "Environment": job.environment,
        "ProcessingInputs": [_processing_input(i) for i in job.request.get("ProcessingInputs", [])],
        "ProcessingOutputConfig": {
            "Outputs": [],
            "KmsKeyId": None,
            **(job.request.get("ProcessingOutputConfig") or {}),
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": int(job.max_runtime)},
    }
    document.pop("Tags", None)
    hosts = {"current_host": host, "hosts": sorted(host_names(job.host_count))}
    return {"processingjobconfig.json": _json(document), "resourceconfig.json": _json(hosts)}


def _processing_input(given: dict[str, Any]) -> dict[str, Any]:
    defaults = {
        "S3DataDistributionType": "FullyReplicated",
        "S3InputMode": "File",
        "S3CompressionType": "None",
    }
    return {**given, "S3Input": {**defaults, **given["S3Input"], "S3DownloadMode": "StartOfJob"}}


def processing_environment(job: ProcessingJob, host: str) -> dict[str, str]:
    """Variables the platform itself sets; the request's Environment is laid over them."""
    return {
        "AWS_REGION": job.region,
        "AWS_DEFAULT_REGION": job.region,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "DMLC_INTERFACE": INTERFACE,
        "HOSTNAME": host,
        **({} if job.devices_of(host) else {"NVIDIA_VISIBLE_DEVICES": "void"}),
        **job.environment,
    }


def _missing(defaults: dict[str, str], given: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in defaults.items() if key not in given}


def _channel(channel: Channel) -> dict[str, str]:
    document = {
        "TrainingInputMode": channel.input_mode,
        "S3DistributionType": channel.distribution,
        "RecordWrapperType": channel.record_wrapper,
    }
    if channel.content_type:
        document["ContentType"] = channel.content_type
    return document


def _resources(job: TrainingJob, host: str) -> dict[str, Any]:
    members = group_hosts(job)
    here = next(group for group in job.groups if host in members[group.name])
    return {
        "current_host": host,
        "current_instance_type": here.instance_type,
        "current_group_name": here.name,
        # SageMaker sorts this list as text: algo-10 comes before algo-2.
        "hosts": sorted(host_names(job.host_count)),
        "instance_groups": [
            {
                "instance_group_name": group.name,
                "instance_type": group.instance_type,
                "hosts": list(members[group.name]),
            }
            for group in job.groups
        ],
        "network_interface_name": INTERFACE,
        "topology": None,
    }


def _own_tags(job: TrainingJob) -> Sequence[Any]:
    return job.request.get("Tags") or []


def platform_environment(job: TrainingJob, host: str) -> dict[str, str]:
    """Variables the platform itself sets; the request's Environment is laid over them."""
    return {
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
        "AWS_REGION": job.region,
        "AWS_DEFAULT_REGION": job.region,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "DMLC_INTERFACE": INTERFACE,
        "SAGEMAKER_METRICS_DIRECTORY": f"{ROOT}/output/metrics/sagemaker",
        "HOSTNAME": host,
        **({} if job.devices_of(host) else {"NVIDIA_VISIBLE_DEVICES": "void"}),
        **job.environment,
    }


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=str).encode()
