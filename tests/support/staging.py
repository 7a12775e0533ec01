"""Jobs that are staged and stored without being run; their bucket is ``data``."""

import json
from pathlib import Path
from typing import Any

import pytest

from sagelet.domain.errors import HostFault, ValidationException
from sagelet.domain.lifecycle import begin
from sagelet.domain.rules import check
from sagelet.domain.training import TrainingJob
from sagelet.engine.staging import check_sources, plan_job, stage
from sagelet.store import Store
from support.buckets import Quiet

ROLE = "arn:aws:iam::123456789012:role/trainer"


def job_of(*documents: dict[str, Any], ending: str | None = None, **members: Any) -> TrainingJob:
    """A job with these channels that CreateTrainingJob would take; ``ending``: how it ends."""
    request = {
        "TrainingJobName": "job",
        "AlgorithmSpecification": {"TrainingImage": "mine:1", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": list(documents),
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        **members,
    }
    life = begin(1.0)
    if ending:
        life = type(life)(life.steps, ending, None)
    job = TrainingJob(request, "123456789012", "us-east-1", 1.0, life)
    check(job)
    return job


def channel(
    uri: str, name: str = "train", kind: str = "S3Prefix", **members: Any
) -> dict[str, Any]:
    source = {"S3DataType": kind, "S3Uri": uri}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


def manifest(*entries: object) -> bytes:
    return json.dumps(entries).encode()


def staged(store: Store, job: TrainingJob, objects: Any = None) -> Path:
    """Stage it; the folder of the channel ``train``."""
    stage(job, plan_job(job, store), store, objects or store.objects, Quiet())
    return store.home.job("job") / "inputs" / "train"


def tree(folder: Path) -> dict[str, bytes | None]:
    """Files and their bytes; folders and None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def refused(store: Store, job: TrainingJob) -> str:
    """Why CreateTrainingJob would not take it."""
    with pytest.raises(ValidationException) as caught:
        check_sources(job, store, store.objects)
    return str(caught.value)


def fault(store: Store, job: TrainingJob) -> str:
    """Why its staging fails, although it was taken."""
    check_sources(job, store, store.objects)
    with pytest.raises(HostFault) as caught:
        staged(store, job)
    return str(caught.value)


def keys(store: Store, prefix: str = "") -> list[str]:
    return [found.key for found in store.objects.list("data", prefix)]


def folder_of(store: Store) -> Path:
    """Where a job with checkpoints in s3://data/c has them on this machine."""
    (host,) = plan_job(job_of(CheckpointConfig={"S3Uri": "s3://data/c"}), store).hosts
    return Path(next(m.source for m in host.mounts if m.target == "/opt/ml/checkpoints"))
