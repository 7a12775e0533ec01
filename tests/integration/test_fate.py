"""Many hosts, one fate: whatever happens to one of them, the job ends, and says truthfully why.

Hosts meet in their checkpoints, a folder that all of them and the test see at once.
"""

import json
import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagelet.domain.training import TrainingJob
from support.plane import Plane, left_behind, left_in_docker

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


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    plane = Plane(home, tmp_path / "code")
    if request.param == "docker":
        plane.backend, plane.image = "docker", request.getfixturevalue("image")
    (tmp_path / "meeting").mkdir()
    plane.start()
    yield plane
    plane.close()


@pytest.fixture
def docker(home: Path, tmp_path: Path, image: str) -> Iterator[Plane]:
    """What only containers can suffer."""
    plane = Plane(home, tmp_path / "code")
    plane.backend, plane.image = "docker", image
    (tmp_path / "meeting").mkdir()
    plane.start()
    yield plane
    plane.close()


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


def send(plane: Plane, host: str, number: signal.Signals) -> None:
    """Signal the processes of a host from outside, as the kernel or an operator would."""
    if plane.backend == "docker":
        docker_said("kill", "-s", number.name, containers(plane)[host])
        return
    shim = json.loads((plane.folder("job") / host / "started.json").read_text())["pid"]
    for pid in below(shim):
        os.kill(pid, number)


def below(pid: int) -> list[int]:
    """All descendants of a process, the youngest first."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [*below(int(child)), int(child)]
    return found


def test_a_failing_host_ends_the_others_within_two_seconds(plane: Plane) -> None:
    submit(
        plane,
        """
meet()
if ME == "algo-2":
    say("failing")
    raise ValueError("no more")
hang()
""",
    )
    job = ended(plane)
    assert job.life.secondary == "Failed"
    reason = job.life.failure_reason
    assert "ValueError: no more" in reason
    assert reason.endswith("exit code: 1 (algo-2)")
    (failed,) = said(plane, "algo-2", "failing")
    for host in ("algo-1", "algo-3"):
        (told,) = said(plane, host, "told to end")
        assert 0 < told - failed < 2
        assert said(plane, host, "ready")
    check_outputs(plane, job)


def test_a_host_that_leaves_a_failure_file_has_failed_and_ends_the_others(plane: Plane) -> None:
    submit(
        plane,
        """
meet()
if ME == "algo-3":
    (BASE / "output/failure").write_text("out of coffee")
    sys.exit(0)
hang()
""",
    )
    job = ended(plane)
    assert job.life.failure_reason == "AlgorithmError: out of coffee, exit code: 0 (algo-3)"
    assert said(plane, "algo-1", "told to end")
    assert said(plane, "algo-2", "told to end")


def test_a_host_that_cannot_be_told_is_killed_after_the_grace(plane: Plane) -> None:
    submit(
        plane,
        """
if ME == "algo-3":
    deaf()
meet()
if ME == "algo-1":
    say("failing")
    raise ValueError("no more")
hang()
""",
        options={"grace": "1"},
    )
    job = ended(plane)
    assert "ValueError: no more" in job.life.failure_reason
    assert job.life.failure_reason.endswith("(algo-1)")
    (failed,) = said(plane, "algo-1", "failing")
    assert said(plane, "algo-3", "here")[-1] - failed > 0.5
    assert said(plane, "algo-2", "told to end")
    check_outputs(plane, job)


def test_the_first_to_fail_is_the_reason_whoever_is_heard_of_first(plane: Plane) -> None:
    """Nobody listens while they fail: a new control plane then hears of both at once."""
    submit(
        plane,
        """
meet()
wait_for("fail")
if ME == "algo-1":
    wait_for("second")
(MEETING / "gone").touch()
raise ValueError("I am " + ME)
""",
        hosts=2,
    )
    wait_until_all_are_ready(plane, 2)
    ids = containers(plane) if plane.backend == "docker" else {}
    plane.die()

    def is_gone(host: str) -> bool:
        if plane.backend == "docker":
            return docker_said("inspect", "-f", "{{.State.Running}}", ids[host]) == "false"
        return (plane.folder("job") / host / "exit.json").exists()

    meeting(plane, "fail").touch()
    plane.wait(lambda: is_gone("algo-2"), "the second host's end")
    meeting(plane, "second").touch()
    plane.wait(lambda: is_gone("algo-1"), "the first host's end")
    plane.start()
    job = ended(plane)
    assert "I am algo-2" in job.life.failure_reason
    assert job.life.failure_reason.endswith("(algo-2)")


@pytest.fixture
def small_memory(plane: Plane, tmp_path: Path) -> Iterator[str]:
    """Python that puts its process where there is little memory."""
    if plane.backend == "docker":
        yield ""  # all its hosts have 64 MB
        return
    controller = Path("/sys/fs/cgroup/memory")
    unified = not controller.exists()
    place = (Path("/sys/fs/cgroup") if unified else controller) / f"sagelet-{os.getpid()}"
    try:
        place.mkdir()
        limit = place / ("memory.max" if unified else "memory.limit_in_bytes")
        limit.write_text(str(64 << 20))
        if unified:
            (place / "memory.swap.max").write_text("0")
    except OSError as error:
        pytest.skip(f"needs a memory cgroup: {error}")
    yield f"pathlib.Path('{place}/cgroup.procs').write_text('0')\n"
    place.rmdir()


def test_a_host_that_is_out_of_memory_says_so(plane: Plane, small_memory: str) -> None:
    hungry = small_memory.replace("\n", "\n    ")
    submit(
        plane,
        f"""
meet()
if ME == "algo-2":
    {hungry}
    held = bytearray(600_000_000)
    held[::4096] = b"x" * len(held[::4096])
hang()
""",
    )
    job = ended(plane)
    assert job.life.failure_reason == (
        "ClientError: Please use an instance type with more memory, or reduce the size of job "
        "data processed on an instance. (algo-2)"
    )
    assert said(plane, "algo-1", "told to end")
    assert said(plane, "algo-3", "told to end")


DEAF_THIRD = """
if ME == "algo-3":
    deaf()
meet()
hang()
"""


def test_a_stop_stops_all_also_who_does_not_listen(plane: Plane) -> None:
    submit(plane, DEAF_THIRD, options={"grace": "1"})
    wait_until_all_are_ready(plane)
    plane.stop("job")
    job = ended(plane)
    assert job.life.secondary == "Stopped"
    assert job.life.failure_reason is None
    assert said(plane, "algo-1", "told to end")
    assert said(plane, "algo-2", "told to end")
    check_outputs(plane, job)


def test_a_hung_host_ends_at_max_runtime(plane: Plane) -> None:
    """The others are through; what they all wrote is stored."""
    submit(
        plane,
        """
deaf()
meet()
if ME == "algo-2":
    hang()
""",
        options={"grace": "1"},
        StoppingCondition={"MaxRuntimeInSeconds": 3},
    )
    job = ended(plane)
    assert job.life.primary == "Stopped"
    assert job.life.secondary == "MaxRuntimeExceeded"
    check_outputs(plane, job)


def test_sixteen_hosts_meet_by_name_and_leave_everything(plane: Plane) -> None:
    submit(
        plane,
        """
for host in HOSTS:
    socket.gethostbyname(host)
say("I am", socket.gethostname())
meet()
""",
        hosts=16,
        options={"cpus": "0.1"},
    )
    job = ended(plane)
    assert job.life.secondary == "Completed", job.life.failure_reason
    for host in names(16):
        assert said(plane, host, f"I am {host}")
    files = {"shared": "algo-1", **{name: name for name in names(16)}}
    assert stored(plane, job) == {"model": files, "output": files}


def test_a_host_killed_from_outside_fails_the_job(plane: Plane) -> None:
    submit(plane, "meet()\nhang()")
    wait_until_all_are_ready(plane)
    send(plane, "algo-2", signal.SIGKILL)
    job = ended(plane)
    assert job.life.secondary == "Failed"
    assert job.life.failure_reason == (
        "AlgorithmError: the host was killed by SIGKILL, exit code: 137 (algo-2)"
    )
    assert said(plane, "algo-1", "told to end")
    assert said(plane, "algo-3", "told to end")
    check_outputs(plane, job)


@pytest.mark.parametrize("how", ["stop", "max runtime", "failure"])
def test_a_frozen_host_ends_with_the_others(plane: Plane, how: str) -> None:
    submit(
        plane,
        """
meet()
wait_for("go on")
if ME == "algo-1" and (MEETING / "fail").exists():
    raise ValueError("no more")
hang()
""",
        options={"grace": "1"},
        StoppingCondition={"MaxRuntimeInSeconds": 4 if how == "max runtime" else 600},
    )
    wait_until_all_are_ready(plane)
    if plane.backend == "docker":
        docker_said("pause", containers(plane)["algo-2"])
    else:
        send(plane, "algo-2", signal.SIGSTOP)
    if how == "failure":
        meeting(plane, "fail").touch()
    if how == "stop":
        plane.stop("job")
    meeting(plane, "go on").touch()
    job = ended(plane)
    endings = {"stop": "Stopped", "max runtime": "MaxRuntimeExceeded", "failure": "Failed"}
    assert job.life.secondary == endings[how]
    if how == "failure":
        assert job.life.failure_reason.endswith("exit code: 1 (algo-1)")
    check_outputs(plane, job)


@pytest.mark.docker
def test_a_container_removed_from_outside_fails_the_job_in_its_host_s_name(docker: Plane) -> None:
    submit(docker, "meet()\nhang()")
    wait_until_all_are_ready(docker)
    docker_said("rm", "-f", containers(docker)["algo-2"])
    job = ended(docker)
    assert job.life.secondary == "Failed"
    assert "algo-2" in job.life.failure_reason
    assert said(docker, "algo-1", "told to end")
    assert said(docker, "algo-3", "told to end")
    check_outputs(docker, job)


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


@pytest.mark.docker
def test_hosts_that_are_cut_off_fail_by_their_own_time_limit(docker: Plane) -> None:
    submit(docker, TALKS, hosts=2)
    talks = [meeting(docker, f"{name} talks") for name in names(2)]
    docker.wait(lambda: all(path.exists() for path in talks), "the hosts to talk")
    cut_off(docker, "algo-2")
    job = ended(docker)
    assert job.life.secondary == "Failed"
    assert re.search(
        r"TimeoutError: timed out.* \(algo-[12]\)$", job.life.failure_reason, re.DOTALL
    )
    check_outputs(docker, job, 2)


@pytest.mark.docker
def test_hosts_that_have_nothing_to_say_do_not_miss_the_network(docker: Plane) -> None:
    submit(docker, 'meet()\nwait_for("go on")', hosts=2)
    wait_until_all_are_ready(docker, 2)
    cut_off(docker, "algo-2")
    meeting(docker, "go on").touch()
    job = ended(docker)
    assert job.life.secondary == "Completed"
    check_outputs(docker, job, 2)


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


@pytest.mark.docker
def test_two_jobs_at_once_see_their_own_hosts_alone(docker: Plane) -> None:
    together = {"S3Uri": f"file://{docker.home.parent}/meeting"}
    for name in ("one", "two"):
        docker.submit(docker.request(name, START + GREETS, hosts=2, CheckpointConfig=together))
    for job in docker.wait_over("one", "two"):
        assert job.life.secondary == "Completed", job.life.failure_reason
        for host in names(2):
            met = re.findall(
                r"met (\S+) as (\S+)", docker.store.home.log(job.name, host).read_text()
            )
            assert met == [(f"{job.name}/{name}", name) for name in names(2)]
