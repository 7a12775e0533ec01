"""Local mode of the SageMaker SDK as a peer: run by the SDK's interpreter, cleaned up by ours."""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from docker import APIClient

TESTS = Path(__file__).parents[1] / "tests"
LABEL = "com.docker.compose.project"
NETWORK = "sagemaker-local"
STOCK = "sagelet-benchmark/sagemaker-training"

DOCKERFILE = """
FROM {base}
COPY packages /opt/stock/packages
COPY train /opt/stock/bin/train
ENV PATH=/opt/stock/bin:$PATH SAGEMAKER_TRAINING_MODULE=
"""
TRAIN = """#!/usr/bin/env python3
import sys
sys.path.insert(0, "/opt/stock/packages")
from sagemaker_training.cli.train import main
main()
"""


def local_mode_python() -> Path | None:
    """The interpreter of an environment with the SDK, as the end-to-end tests make it."""
    sys.path.append(str(TESTS))
    from support.clients import environment

    place = environment("sagemaker2")
    return place / "bin" / "python" if (place / ".complete").exists() else None


def stock_image(api: "APIClient", base: str) -> str | None:
    """``base`` with sagemaker-training in our toolkit's place, out of this environment.

    None where it is not installed, or is for another Python than the image's.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    asked = docker("run", "--rm", "--entrypoint", "python3", base, "--version")
    if not asked.startswith(f"Python {own}.") or not find_spec("sagemaker_training"):
        print("SDK 2 with its own toolkit is left out: there is no sagemaker-training for it.\n")
        return None
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as tar:
            for name, text in (("Dockerfile", DOCKERFILE.format(base=base)), ("train", TRAIN)):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(text), 0o755
                tar.addfile(member, io.BytesIO(text.encode()))
            for package in closure("sagemaker-training"):
                for path in distribution(package).files or ():
                    if path.parts[0] != ".." and path.suffix != ".pyc":
                        tar.add(path.locate(), f"packages/{path}")
        context.seek(0)
        said = list(
            api.build(fileobj=context, custom_context=True, tag=STOCK, rm=True, decode=True)
        )
    if "error" in said[-1]:
        raise SystemExit(said[-1]["error"])
    return STOCK


def closure(package: str) -> set[str]:
    """A package and all that it needs."""
    found: set[str] = set()
    wanted = [package]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            needs = [Requirement(text) for text in distribution(name).requires or ()]
            wanted += [n.name for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
    return found


def clean_up(folder: Path) -> None:
    """Local mode leaves its containers and its network behind."""
    listed = docker(
        "ps",
        "-a",
        "--filter",
        f"label={LABEL}",
        "--format",
        f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}} {{{{.Label "{LABEL}.working_dir"}}}}',
    )
    for line in listed.splitlines():
        container, _, *place = line.split()
        if place and Path(place[0]).is_relative_to(folder):
            docker("rm", "-f", "-v", container)
    for network in docker("network", "ls", "-q", "--filter", f"name=^{NETWORK}$").split():
        docker("network", "rm", network)


def docker(*command: str) -> str:
    return subprocess.run(["docker", *command], check=True, capture_output=True, text=True).stdout


def main() -> None:
    given = json.loads(sys.argv[1])
    import boto3
    from sagemaker.estimator import Estimator
    from sagemaker.local import LocalSession
    from sagemaker.telemetry import telemetry_logging

    # Without a network the call home would only cost it time.
    setattr(telemetry_logging, "_send_telemetry_request", lambda *_, **__: None)  # noqa: B010
    session = LocalSession(
        boto3.Session("none", "none", region_name="us-east-1"), disable_local_code=False
    )
    session.config = {"local": {"local_code": True, "container_root": given["folder"]}}
    estimator = Estimator(
        image_uri=given["image"],
        role="arn:aws:iam::123456789012:role/any",
        instance_count=given["hosts"],
        instance_type="local",
        entry_point=given["script"],
        source_dir=given["source"],
        output_path=f"file://{given['folder']}/output",
        environment=given["environment"],
        sagemaker_session=session,
    )
    print("fit", time.time_ns(), flush=True)
    estimator.fit()


if __name__ == "__main__":
    main()
