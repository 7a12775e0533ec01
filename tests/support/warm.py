"""Hosts that are kept after a job: requests that ask for them, and what is seen of them."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagelet.domain.warm_pool import WarmPoolStatus, warm_pool
from support.image import FRAMEWORK
from support.plane import Plane, left_behind, left_in_docker, plane_on

#: Tells what it finds before it changes anything, then leaves its mark wherever it can.
LOOKER = """
import sys
ready = not {"torch", "tensorflow"}.isdisjoint(sys.modules)
import json, os, pathlib
base = pathlib.Path(os.environ["SM_MODEL_DIR"]).parent
seen = {
    "ready": ready,
    "job": os.environ["TRAINING_JOB_NAME"],
    "argv": sys.argv[1:],
    "ml": sorted(str(p.relative_to(base)) for p in base.rglob("*") if p.is_file()),
    "strange": [n for n in os.environ if n.startswith(("SAGELET_DOOR", "SAGELET_BOOT"))],
    "left": os.path.exists("/var/tmp/left-by-a-job"),
}
print("SEEN", json.dumps(seen), flush=True)
for place in ("model", "output/data", "checkpoints", "code"):
    (base / place / "mark").write_text("x")
if "CONTAINED" in os.environ:
    pathlib.Path("/var/tmp/left-by-a-job").write_text("x")
"""

USUAL = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def warm_plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    """A plane on the backend that the fixture's parameter names; in the end nothing is kept."""
    plane = plane_on(request, home, tmp_path / "code")
    yield plane
    try:
        if plane._process is None:
            plane.start()
        for job in plane.store.training_jobs.live():
            plane.kill(job.name)
            plane.wait_over(job.name)
        plane.settle()
        end_spares(plane)
        if plane.backend == "docker":
            assert left_in_docker(plane.home) == []
        assert left_behind(plane.home) == []
    finally:
        plane.close()


def kept(home: Path) -> list[dict[str, Any]]:
    """The records of the spares that can be taken."""
    found = []
    for path in (home / "warm").glob("*/spare.json"):
        record = json.loads(path.read_text())
        if record["made"]:
            found.append(record)
    return found


def end_spares(plane: Plane) -> None:
    for record in kept(plane.home):
        pool = warm_pool(plane.job(record["job"]), time.time())
        if pool and pool.status == WarmPoolStatus.AVAILABLE:
            plane.keep_alive(record["job"], 0)
        else:
            plane.delete(record["job"])
    plane.wait(lambda: not list((plane.home / "warm").glob("*")), "the end of all spares")


def warm(plane: Plane, name: str, script: str = LOOKER, **given: Any) -> dict[str, Any]:
    """A request that keeps its hosts; ``preload``: with the framework."""
    count = given.pop("hosts", 1)
    env = dict(given.pop("env", {}))
    options = dict(given.pop("options", {}))
    if given.pop("preload", False):
        options["warm"] = "on"
    if given.pop("framework", False):
        pass  # a real one
    elif plane.backend == "docker":
        env |= {"PYTHONPATH": "/opt/framework", "CONTAINED": "yes"}
        env["SAGEMAKER_TRAINING_MODULE"] = "sagemaker_pytorch_container.training:main"
    else:
        folder = plane.home.parent / "framework"
        folder.mkdir(exist_ok=True)
        if not (folder / "torch.py").exists():
            (folder / "torch.py").write_text(FRAMEWORK)
        env["PYTHONPATH"] = str(folder)
    resources = {
        "InstanceCount": count,
        "VolumeSizeInGB": 1,
        "KeepAlivePeriodInSeconds": given.pop("seconds", 600),
    }
    return plane.request(name, script, env=env, options=options, ResourceConfig=resources, **given)


def run(plane: Plane, name: str, script: str = LOOKER, **given: Any) -> str:
    """Run such a job to its end; its log."""
    plane.submit(warm(plane, name, script, **given))
    plane.wait_over(name)
    return log_of(plane, name)


def log_of(plane: Plane, name: str, host: str = "algo-1") -> str:
    log = plane.store.home.log(name, host)
    return log.read_text() if log.exists() else ""


def seen(log: str) -> dict[str, Any]:
    (line,) = [line for line in log.splitlines() if line.startswith("SEEN ")]
    found: dict[str, Any] = json.loads(line.removeprefix("SEEN "))
    return found


def wait_for_spare(plane: Plane, after: str) -> dict[str, Any]:
    plane.wait(
        lambda: any(r["job"] == after for r in kept(plane.home)), f"hosts kept after {after}"
    )
    return next(record for record in kept(plane.home) if record["job"] == after)


def wait_for_import(plane: Plane, record: dict[str, Any]) -> None:
    """Until the framework is imported in the hosts that wait."""
    folder = plane.home / "warm" / record["name"] / "algo-1"

    def imported() -> bool:
        if plane.backend == "docker":
            said = subprocess.run(
                ["docker", "logs", container_of(record["name"])], capture_output=True, check=True
            )
            return b"framework imported" in said.stderr
        return "framework imported" in (folder / "log").read_text()

    plane.wait(imported, "the framework's import")


def container_of(name: str) -> str:
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=sagelet.job={name}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.strip()


def took(plane: Plane, name: str) -> str | None:
    """The name of the spare whose hosts the job ran in."""
    path = plane.folder(name) / "spare.json"
    return json.loads(path.read_text())["name"] if path.exists() else None
