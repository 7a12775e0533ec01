"""Local mode of the SageMaker SDK as a peer: run by the SDK's interpreter, cleaned up by ours."""

import json
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
LABEL = "com.docker.compose.project"
NETWORK = "sagemaker-local"


def local_mode_python() -> Path | None:
    """The interpreter of an environment with the SDK, as the end-to-end tests make it."""
    sys.path.append(str(TESTS))
    from support.clients import environment

    place = environment("sagemaker2")
    return place / "bin" / "python" if (place / ".complete").exists() else None


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
        sagemaker_session=session,
    )
    print("fit", time.time_ns(), flush=True)
    estimator.fit()


if __name__ == "__main__":
    main()
