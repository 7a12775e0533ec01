"""What befalls the hosts of a job as containers alone: removed, cut off, beside another job's."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hosts import (
    START,
    check_outputs,
    containers,
    docker_said,
    ended,
    meeting,
    names,
    said,
    submit,
    wait_until_all_are_ready,
)
from support.plane import REGION, Plane, left_in_docker

pytestmark = pytest.mark.docker


@pytest.fixture
def plane(home: Path, tmp_path: Path, image: str) -> Iterator[Plane]:
    plane = Plane(home, tmp_path / "code")
    plane.backend, plane.image = "docker", image
    (tmp_path / "meeting").mkdir()
    plane.start()
    yield plane
    plane.close()


def test_a_host_that_cannot_be_made_takes_the_others_along(plane: Plane) -> None:
    """Its container's name is taken; those of the others are there by then."""
    key = hashlib.sha256(f"{plane.home} {REGION}".encode()).hexdigest()[:6]
    other = docker_said("create", "--name", f"job-algo-2-{key}", plane.image)
    try:
        submit(plane, "meet()")
        (job,) = plane.wait_over("job")
        assert left_in_docker(plane.home) == []
    finally:
        docker_said("rm", other)
    assert job.life.secondary == "Failed"
    assert "the Docker engine could not start the job" in job.life.failure_reason
    assert "algo-2" in job.life.failure_reason


def test_a_container_removed_from_outside_fails_the_job_in_its_host_s_name(plane: Plane) -> None:
    submit(plane, "meet()\nhang()")
    wait_until_all_are_ready(plane)
    docker_said("rm", "-f", containers(plane)["algo-2"])
    job = ended(plane)
    assert job.life.secondary == "Failed"
    assert "algo-2" in job.life.failure_reason
    assert said(plane, "algo-1", "told to end")
    assert said(plane, "algo-3", "told to end")
    check_outputs(plane, job)


TALKS = """
if ME == "algo-1":
    server = socket.create_server(("0.0.0.0", 9000))
meet()
if ME == "algo-1":
    peer = server.accept()[0]
else:
    peer = socket.create_connection(("algo-1", 9000))
peer.settimeout(1)
while True:
    peer.sendall(b"x")
    if not peer.recv(1):
        raise ConnectionError("Connection closed by peer")
    (MEETING / (ME + " talks")).touch()
    time.sleep(0.01)
"""


def cut_off(plane: Plane, host: str) -> None:
    (network,) = docker_said(
        "network", "ls", "-q", "--filter", f"label=sagelet.home={plane.home}"
    ).split()
    docker_said("network", "disconnect", "--force", network, containers(plane)[host])


def test_hosts_that_are_cut_off_fail_by_their_own_time_limit(plane: Plane) -> None:
    submit(plane, TALKS, hosts=2)
    talks = [meeting(plane, f"{name} talks") for name in names(2)]
    plane.wait(lambda: all(path.exists() for path in talks), "the hosts to talk")
    cut_off(plane, "algo-2")
    job = ended(plane)
    assert job.life.secondary == "Failed"
    assert re.search(
        r"TimeoutError: timed out.* \(algo-[12]\)$", job.life.failure_reason, re.DOTALL
    )
    check_outputs(plane, job, 2)


def test_hosts_that_have_nothing_to_say_do_not_miss_the_network(plane: Plane) -> None:
    submit(plane, 'meet()\nwait_for("go on")', hosts=2)
    wait_until_all_are_ready(plane, 2)
    cut_off(plane, "algo-2")
    meeting(plane, "go on").touch()
    job = ended(plane)
    assert job.life.secondary == "Completed"
    check_outputs(plane, job, 2)


GREETS = """
import threading
server = socket.create_server(("0.0.0.0", 9000))
def answer():
    while True:
        peer = server.accept()[0]
        peer.sendall(f"{os.environ['TRAINING_JOB_NAME']}/{socket.gethostname()}".encode())
        peer.close()
threading.Thread(target=answer, daemon=True).start()
(MEETING / f"{os.environ['TRAINING_JOB_NAME']} {ME}").touch()
wait_for(*(f"{job} {host}" for job in ("one", "two") for host in HOSTS))
for host in HOSTS:
    with socket.create_connection((host, 9000)) as peer:
        say("met", peer.makefile().read(), "as", host)
(MEETING / f"{os.environ['TRAINING_JOB_NAME']} {ME} done").touch()
wait_for(*(f"{job} {host} done" for job in ("one", "two") for host in HOSTS))
"""


def test_two_jobs_at_once_see_their_own_hosts_alone(plane: Plane) -> None:
    together = {"S3Uri": f"file://{plane.home.parent}/meeting"}
    for name in ("one", "two"):
        plane.submit(plane.request(name, START + GREETS, hosts=2, CheckpointConfig=together))
    for job in plane.wait_over("one", "two"):
        assert job.life.secondary == "Completed", job.life.failure_reason
        for host in names(2):
            met = re.findall(
                r"met (\S+) as (\S+)", plane.store.home.log(job.name, host).read_text()
            )
            assert met == [(f"{job.name}/{name}", name) for name in names(2)]
