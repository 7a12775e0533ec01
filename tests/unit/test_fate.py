"""Which host's end decides over all, and the reason that comes of it."""

import dataclasses
from pathlib import Path

import pytest

from sagelet.domain import hosts
from sagelet.engine.fate import Fate
from sagelet.execution.backend import HostExited, HostLost

PEER = "ExecuteUserScriptError: Connection closed by peer [10.0.0.2]:4711"


@pytest.fixture
def fate_of(job_of, tmp_path: Path):
    """``fate_of({host: failure file})`` of two hosts."""

    def make(failures: dict[str, str]) -> Fate:
        plan = hosts.plan(
            job_of(ResourceConfig={"InstanceCount": 2, "VolumeSizeInGB": 1}),
            str(tmp_path),
            {},
            None,
        )
        for host in plan.hosts:
            output = Path(host.folder) / "ml" / "output"
            output.mkdir(parents=True)
            if host.name in failures:
                (output / "failure").write_text(failures[host.name])
        return Fate(plan)

    return make


def reason(fate: Fate, *events: HostExited | HostLost) -> str | None:
    for event in events:
        fate.hear(event)
    assert not fate.waiting
    return fate.reason()


def test_hosts_that_all_succeed_have_no_reason(fate_of) -> None:
    fate = fate_of({})
    assert reason(fate, HostExited("algo-2", 0), HostExited("algo-1", 0)) is None
    assert not fate.failed


def test_who_ended_first_is_the_reason_not_who_was_heard_of_first(fate_of) -> None:
    fate = fate_of({"algo-1": "two", "algo-2": "one"})
    said = reason(fate, HostExited("algo-1", 1, time=2.0), HostExited("algo-2", 1, time=1.0))
    assert said == "AlgorithmError: one, exit code: 1 (algo-2)"


def test_a_host_that_lost_another_is_no_cause_though_it_ended_first(fate_of) -> None:
    fate = fate_of({"algo-1": PEER, "algo-2": "ValueError: mine"})
    said = reason(fate, HostExited("algo-1", 1, time=1.0), HostExited("algo-2", 1, time=2.0))
    assert said == "AlgorithmError: ValueError: mine, exit code: 1 (algo-2)"


@pytest.mark.parametrize(
    "other",
    [
        HostExited("algo-2", 0),
        HostExited("algo-2", 1, time=2.0),
        HostExited("algo-2", 143, time=2.0),
        HostExited("algo-2", 137, time=2.0),
    ],
)
def test_without_a_better_reason_it_is_one_all_the_same(fate_of, other: HostExited) -> None:
    """Cut off from each other both say so; one that was told to end did not bring it about."""
    failures = {"algo-1": PEER}
    if other.code == 1:
        failures["algo-2"] = PEER
    said = reason(fate_of(failures), HostExited("algo-1", 1, time=1.0), other)
    assert said == f"AlgorithmError: {PEER}, exit code: 1 (algo-1)"


def test_a_host_without_memory_is_the_cause_of_those_that_lost_it(fate_of) -> None:
    fate = fate_of({"algo-1": PEER})
    lost, killed = HostExited("algo-1", 1, time=1.0), HostExited("algo-2", 137, oom=True, time=2.0)
    assert "instance type with more memory" in (reason(fate, lost, killed) or "")


def test_a_host_that_disappeared_is_the_platform_s_fault(fate_of) -> None:
    fate = fate_of({"algo-1": PEER})
    lost = HostLost("algo-2", "its container was removed from outside", 2.0)
    said = reason(fate, HostExited("algo-1", 1, time=1.0), lost)
    assert said == "InternalServerError: algo-2 is gone: its container was removed from outside"


def test_a_failure_file_fails_a_host_whatever_its_exit_code(fate_of) -> None:
    fate = fate_of({"algo-2": "out of coffee"})
    fate.hear(HostExited("algo-2", 0, time=1.0))
    assert fate.failed
    assert fate.waiting == {"algo-1"}
    said = reason(fate, HostExited("algo-1", 143, time=2.0))
    assert said == "AlgorithmError: out of coffee, exit code: 0 (algo-2)"


def test_of_one_host_the_reason_does_not_name_it(job_of, tmp_path: Path) -> None:
    plan = hosts.plan(job_of(), str(tmp_path), {}, None)
    alone = dataclasses.replace(plan, hosts=plan.hosts[:1])
    assert reason(Fate(alone), HostExited("algo-1", 3)) == "AlgorithmError: , exit code: 3"
