"""Jobs of several hosts that meet in their checkpoints, a folder they and the test see at once."""

import re
import subprocess
import tarfile
from pathlib import Path

from sagelet.domain.training import TrainingJob
from support.plane import Plane, left_behind, left_in_docker

#: What their scripts begin with.
START = """
import json, os, pathlib, signal, socket, sys, time
ME, HOSTS = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"])
BASE = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MEETING = BASE / "checkpoints"
def say(*words):
    os.write(1, (" ".join(map(str, words)) + f" at={time.time():.3f}\\n").encode())
def save():
    for folder in (BASE / "model", BASE / "output/data"):
        for name in ("shared", ME):
            (folder / name).write_text(ME)
def told(*_):
    say("told to end")
    sys.exit(0)
def wait_for(*names):
    while not all((MEETING / name).exists() for name in names):
        time.sleep(0.02)
def meet():
    save()
    say("ready")
    (MEETING / ME).touch()
    wait_for(*HOSTS)
def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
def hang():
    while True:
        time.sleep(0.05)
        say("here")
signal.signal(signal.SIGTERM, told)
"""


def submit(plane: Plane, script: str, hosts: int = 3, **given: object) -> None:
    options = {"grace": "20", "cpus": "0.5", **given.pop("options", {})}
    meeting = {"S3Uri": f"file://{plane.home.parent}/meeting"}
    plane.submit(
        plane.request(
            "job",
            START + script,
            hosts=hosts,
            options=options,
            **{"CheckpointConfig": meeting, **given},
        )
    )


def meeting(plane: Plane, name: str) -> Path:
    return plane.home.parent / "meeting" / name


def wait_until_all_are_ready(plane: Plane, hosts: int = 3) -> None:
    plane.wait(lambda: all(meeting(plane, n).exists() for n in names(hosts)), "all hosts")


def ended(plane: Plane) -> TrainingJob:
    (job,) = plane.wait_over("job")
    plane.wait(lambda: not left_behind(plane.home), "nothing to be left")
    if plane.backend == "docker":
        assert left_in_docker(plane.home) == []
    return job


def names(hosts: int) -> list[str]:
    return [f"algo-{number}" for number in range(1, hosts + 1)]


def log(plane: Plane, host: str) -> str:
    return plane.store.home.log("job", host).read_text()


def said(plane: Plane, host: str, words: str) -> list[float]:
    """When a host said it, by its own clock."""
    return [
        float(at) for at in re.findall(rf"^{words} at=([0-9.]+)$", log(plane, host), re.MULTILINE)
    ]


def stored(plane: Plane, job: TrainingJob) -> dict[str, dict[str, str]]:
    """The files of each archive, and who wrote them."""
    found = {}
    for kind, uri in job.artifacts.items():
        with tarfile.open(plane.store.home.path_of(uri)) as tar:
            found[kind] = {
                member.name: tar.extractfile(member).read().decode()
                for member in tar.getmembers()
                if member.isfile()
            }
    return found


def check_outputs(plane: Plane, job: TrainingJob, hosts: int = 3) -> None:
    """Both archives hold all hosts' files; the clashes are told of both."""
    files = {"shared": "algo-1", **{name: name for name in names(hosts)}}
    assert stored(plane, job) == {"model": files, "output": files}
    notes = " ".join(job.notes)
    left_out = ", ".join(f"{name}'s shared" for name in names(hosts)[1:])
    for what in ("model", "output/data"):
        assert (
            f"/opt/ml/{what}: an earlier host's file of the same name is kept, not {left_out}"
            in notes
        )
    version = plane.store.models.of_job("job")
    assert (version is None) == (job.life.primary == "Failed")


def containers(plane: Plane) -> dict[str, str]:
    """Container ids by host."""
    listed = docker_said(
        *("ps", "--filter", f"label=sagelet.home={plane.home}"),
        *("--format", '{{.Label "sagelet.host"}} {{.ID}}'),
    )
    return dict(line.split() for line in listed.splitlines())


def docker_said(*command: str) -> str:
    return subprocess.run(
        ["docker", *command], capture_output=True, text=True, check=True
    ).stdout.strip()
