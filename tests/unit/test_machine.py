"""What fits beside what: CPUs, memory, GPUs, the number of jobs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.errors import ResourceLimitExceeded
from sagelet.domain.machine import (
    MEMORY,
    Demand,
    Grant,
    Machine,
    deal,
    demand_of,
    grant,
    lacks_only_gpus,
)

GIB = 1 << 30
MACHINE = Machine(8.0, 32 * GIB, ("0", "1", "2", "3"))


def tagged(**options):
    return [{"Key": f"sagelet:{key}", "Value": value} for key, value in options.items()]


def resources(kind="local", count=1):
    return {"InstanceType": kind, "InstanceCount": count}


def held(*grants):
    return [Grant(Demand(cpus, memory, gpus), ()) for cpus, memory, gpus in grants]


def test_a_job_without_limits_counts_with_a_share_of_the_cores(job_of):
    assert demand_of(job_of(), MACHINE) == Demand(2.0, MEMORY, (0,))
    assert demand_of(job_of(), Machine(2.0, GIB)) == Demand(1.0, MEMORY, (0,))
    many = job_of(ResourceConfig=resources(count=3))
    assert demand_of(many, MACHINE) == Demand(6.0, 3 * MEMORY, (0, 0, 0))


def test_options_say_what_a_host_takes(job_of):
    job = job_of(Tags=tagged(cpus="1.5", memory="4g", gpus="2"), ResourceConfig=resources(count=2))
    assert demand_of(job, MACHINE) == Demand(3.0, 8 * GIB, (2, 2))


def test_an_instance_type_counts_once_it_is_simulated(job_of):
    job = job_of(ResourceConfig=resources("ml.g4dn.xlarge"))
    assert demand_of(job, MACHINE) == Demand(2.0, MEMORY, (1,))
    assert demand_of(replace(job, simulate=True), MACHINE) == Demand(4.0, 16 * GIB, (1,))


def test_no_host_counts_with_more_cores_than_there_are(job_of):
    job = replace(job_of(ResourceConfig=resources("ml.m5.24xlarge")), simulate=True)
    assert demand_of(job, MACHINE).cpus == 8.0


def test_groups_add_up(job_of):
    groups = [
        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 2},
        {"InstanceGroupName": "b", "InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1},
    ]
    job = replace(job_of(ResourceConfig={"InstanceGroups": groups}), simulate=True)
    assert demand_of(job, MACHINE) == Demand(8.0, 32 * GIB, (0, 0, 1))


@pytest.mark.parametrize(
    ("kind", "count", "gpus", "given"),
    [
        ("ml.p3.2xlarge", 1, ("0", "1"), (1,)),
        ("ml.p3.8xlarge", 1, ("0", "1"), (2,)),  # as far as there are any
        ("ml.p3.8xlarge", 2, ("0", "1"), (1, 1)),
        ("ml.p3.8xlarge", 3, ("0", "1"), (0, 0, 0)),
        ("ml.p3.2xlarge", 1, (), (0,)),
        ("ml.m5.large", 1, ("0", "1"), (0,)),
    ],
)
def test_a_type_that_is_not_simulated_takes_the_gpus_there_are(job_of, kind, count, gpus, given):
    job = job_of(ResourceConfig=resources(kind, count))
    assert demand_of(job, Machine(8.0, GIB, gpus)).gpus == given


def test_all_gpus_are_shared_out_evenly(job_of):
    job = job_of(Tags=tagged(gpus="all"), ResourceConfig=resources(count=2))
    assert demand_of(job, MACHINE).gpus == (2, 2)
    assert demand_of(job, Machine(8.0, GIB, ("0", "1", "2"))).gpus == (1, 1)


@pytest.mark.parametrize(
    ("options", "kind", "count", "gpus"),
    [
        ({"gpus": "1"}, "local", 1, ()),
        ({"gpus": "all"}, "local", 1, ()),
        ({"gpus": "all"}, "local", 2, ("0",)),
        ({"gpus": "2"}, "local", 2, ("0", "1", "2")),
        ({"simulate": "on"}, "ml.p3.8xlarge", 1, ("0", "1")),
    ],
)
def test_gpus_that_a_job_insists_on_must_exist(job_of, options, kind, count, gpus):
    job = job_of(Tags=tagged(**options), ResourceConfig=resources(kind, count))
    with pytest.raises(ResourceLimitExceeded, match=f"this machine has {len(gpus)} to give"):
        demand_of(job, Machine(8.0, GIB, gpus))


def test_what_does_not_fit_beside_the_others_waits():
    running = held((6.0, GIB, (0,)))
    assert grant(Demand(2.0, GIB, (0,)), MACHINE, running) is not None
    assert grant(Demand(2.5, GIB, (0,)), MACHINE, running) is None
    assert grant(Demand(1.0, 31 * GIB, (0,)), MACHINE, running) is not None
    assert grant(Demand(1.0, 32 * GIB, (0,)), MACHINE, running) is None


def test_a_job_that_asks_for_more_than_there_is_runs_alone():
    huge = Demand(64.0, 1 << 50, (0,))
    alone = grant(huge, MACHINE, [])
    assert alone is not None
    assert grant(Demand(0.01, 1, (0,)), MACHINE, [alone]) is None
    assert grant(huge, MACHINE, held((0.1, 1, (0,)))) is None


def test_a_bound_on_the_number_of_jobs():
    small = Demand(0.1, 1, (0,))
    assert grant(small, MACHINE, held((0.1, 1, (0,))), most=2) is not None
    assert grant(small, MACHINE, held((0.1, 1, (0,)), (0.1, 1, (0,))), most=2) is None


def test_what_is_missing_may_be_gpus_alone():
    running = held((6.0, GIB, (len(MACHINE.gpus),)))
    assert lacks_only_gpus(Demand(1.0, GIB, (1,)), MACHINE, running)
    assert not lacks_only_gpus(Demand(2.5, GIB, (1,)), MACHINE, running)
    assert not lacks_only_gpus(Demand(1.0, 32 * GIB, (1,)), MACHINE, running)
    assert not lacks_only_gpus(Demand(1.0, GIB, (1,)), MACHINE, running, most=1)


def test_fractions_of_a_core_add_up_to_a_core():
    machine, running = Machine(1.0, GIB), []
    for cpus in (0.1, 0.2, 0.7):  # as floats, 1 - (0.1 + 0.2) is less than 0.7
        got = grant(Demand(cpus, 1, (0,)), machine, running)
        assert got is not None
        running.append(got)


DEMANDS = st.builds(
    Demand,
    st.floats(0.01, 12.0),
    st.integers(1, 48 * GIB),
    st.lists(st.integers(0, 2), min_size=1, max_size=2).map(tuple),
)
#: A job comes, or the n-th of those that run ends.
HAPPENINGS = st.lists(DEMANDS | st.integers(0, 9), max_size=40)


@given(HAPPENINGS, st.none() | st.integers(1, 4))
def test_whatever_comes_and_ends_nothing_is_given_twice(happenings, most):
    """Also: whoever waits alone gets in, so that no queue stands still."""
    running: list[Grant] = []
    for happening in happenings:
        if isinstance(happening, int):
            if happening < len(running):
                del running[happening]
            continue
        got = grant(happening, MACHINE, running, most)
        if got is None:
            assert running
        else:
            assert got.demand == happening
            assert tuple(map(len, got.devices)) == happening.gpus
            running.append(got)
        devices = [device for g in running for host in g.devices for device in host]
        assert len(devices) == len(set(devices))
        assert set(devices) <= set(MACHINE.gpus)
        assert most is None or len(running) <= most
        if len(running) > 1:
            assert sum(g.demand.cpus for g in running) <= MACHINE.cpus + 1e-6
            assert sum(g.demand.memory for g in running) <= MACHINE.memory


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(0, 3))
def test_dealing_gives_each_host_its_number(counts, spare):
    free = [str(number) for number in range(sum(counts) + spare)]
    devices = deal(Demand(1.0, 1, tuple(counts)), free)
    assert [len(host) for host in devices] == counts
    assert [device for host in devices for device in host] == free[: sum(counts)]
