"""Many hosts, one fate: whatever happens to one of them, the job ends, and says truthfully why."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hosts import (
    check_outputs,
    containers,
    docker_said,
    ended,
    meeting,
    names,
    said,
    stored,
    submit,
    wait_until_all_are_ready,
)
from support.plane import Plane, plane_on


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def plane(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Plane]:
    plane = plane_on(request, home, tmp_path / "code")
    (tmp_path / "meeting").mkdir()
    plane.start()
    yield plane
    plane.close()


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
