"""Processing jobs of a ``Plane``: their requests, and what becomes of them."""

import hashlib
import sys
from pathlib import Path
from typing import Any

from sagelet.domain.processing import ProcessingJob
from support.plane import Plane

KIND = "ProcessingJob"
PLACE = "/opt/ml/processing"


def source(uri: object, path: str, **members: str) -> dict[str, Any]:
    """An input; ``uri`` may be a path, ``path`` is below /opt/ml/processing."""
    place = uri if "://" in str(uri) else f"file://{uri}"
    return {
        "InputName": path.replace("/", "-"),
        "S3Input": {
            "S3Uri": place,
            "LocalPath": f"{PLACE}/{path}",
            "S3DataType": "S3Prefix",
            **members,
        },
    }


def target(uri: object, path: str, mode: str = "EndOfJob") -> dict[str, Any]:
    """An output, likewise."""
    place = uri if "://" in str(uri) else f"file://{uri}"
    return {
        "OutputName": path.replace("/", "-"),
        "S3Output": {"S3Uri": place, "LocalPath": f"{PLACE}/{path}", "S3UploadMode": mode},
    }


class Processor:
    """Runs scripts as processing jobs on the backend of a plane."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane

    def request(
        self,
        name: str,
        script: str,
        *,
        inputs: tuple[dict[str, Any], ...] = (),
        outputs: tuple[dict[str, Any], ...] = (),
        hosts: int = 1,
        options: dict[str, str] | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        folder = self.plane.code / hashlib.sha256(script.encode()).hexdigest()[:8]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "job.py").write_text(script)
        backend = self.plane.backend
        tags = {"backend": backend, "grace": "20", "cpus": "0.1", "memory": "64m"}
        if backend == "process":
            tags["python"] = sys.executable
        tags |= options or {}
        return {
            "ProcessingJobName": name,
            "AppSpecification": {
                "ImageUri": self.plane.image,
                "ContainerEntrypoint": ["python3", f"{PLACE}/input/code/job.py"],
            },
            "RoleArn": "arn:aws:iam::123456789012:role/sagelet",
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": hosts,
                    "InstanceType": "ml.m5.large",
                    "VolumeSizeInGB": 1,
                }
            },
            "ProcessingInputs": [*inputs, source(folder, "input/code")],
            "ProcessingOutputConfig": {"Outputs": list(outputs)},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "Environment": {"HOME_OF_JOB": f"{self.plane.home}/"},
            "Tags": [{"Key": f"sagelet:{key}", "Value": value} for key, value in tags.items()],
            **members,
        }

    def submit(self, name: str, script: str, **given: Any) -> None:
        self.plane.submit(self.request(name, script, **given), kind=KIND)

    def run(self, name: str, script: str, **given: Any) -> ProcessingJob:
        self.submit(name, script, **given)
        return self.wait_over(name)

    def job(self, name: str) -> ProcessingJob:
        return self.plane.store.processing_jobs.get(name)

    def wait_over(self, name: str) -> ProcessingJob:
        self.plane.wait(lambda: self.job(name).life.over, f"{name}: its end")
        return self.job(name)

    def log(self, name: str, host: str = "algo-1") -> str:
        path = self.plane.store.home.log(self.job(name).key, host)
        return path.read_text() if path.exists() else ""

    def wait_for_word(self, name: str, word: str, host: str = "algo-1") -> None:
        self.plane.wait(lambda: word in self.log(name, host), f"{name}: '{word}'")


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
