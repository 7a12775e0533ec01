"""What a machine has, what a job asks of it, and whether it fits beside what runs already.

No job is refused for CPUs or memory: one that asks for more than there is runs when it is alone.
GPUs that a job insists on must exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sagelet.domain.errors import ResourceLimitExceeded
from sagelet.domain.jobs import Job

#: What a host that names no limit is counted with: a share of the cores, and this many bytes.
SHARE = 4
MEMORY = 1 << 30

#: Fractions of a core that floating point may lose.
ROUNDING = 1e-9

#: GPUs by host, in the order of the hosts.
Devices = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """``cpus`` in cores, ``memory`` in bytes, ``gpus`` by the names their driver knows."""

    cpus: float
    memory: int
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demand:
    """What a job takes over all its hosts; ``gpus`` by host."""

    cpus: float
    memory: int
    gpus: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a job was given."""

    demand: Demand
    devices: Devices


def demand_of(job: Job, machine: Machine) -> Demand:
    """What ``job`` takes of ``machine``.

    Raises:
        ResourceLimitExceeded: it insists on more GPUs than there are.
    """
    cpus, memory, gpus = 0.0, 0, []
    hosts = job.host_count
    share = len(machine.gpus) // hosts
    for group in job.groups:
        size = job.size_of(group.instance_type)
        cores = job.options.cpus or (float(size.cpus) if size else None)
        cpus += group.count * min(machine.cpus, cores or max(1.0, machine.cpus / SHARE))
        memory += group.count * (
            job.options.memory or (int(size.memory * 1024**3) if size else MEMORY)
        )
        wanted, insists = job.gpus_of(group.instance_type)
        if insists and wanted < 0 and not share:
            wanted = 1
        elif wanted < 0 or not insists:
            wanted = share if wanted < 0 else min(wanted, share)
        gpus += [wanted] * group.count
    if sum(gpus) > len(machine.gpus):
        raise ResourceLimitExceeded(
            f"The job asks for {sum(gpus)} GPU(s) over {hosts} host(s) and this machine has "
            f"{len(machine.gpus)} to give: ask for fewer (--gpus, or another instance type), or "
            "check the driver with `nvidia-smi`."
        )
    return Demand(cpus, memory, tuple(gpus))


def grant(
    demand: Demand, machine: Machine, running: Iterable[Grant], most: int | None = None
) -> Grant | None:
    """What the job gets beside ``running``, or None when it has to wait.

    ``most`` bounds the number of jobs that run at once.
    """
    held = list(running)
    if most is not None and len(held) >= most:
        return None
    cpus = machine.cpus - sum(g.demand.cpus for g in held)
    memory = machine.memory - sum(g.demand.memory for g in held)
    if held and (demand.cpus > cpus + ROUNDING or demand.memory > memory):
        return None
    taken = {device for g in held for host in g.devices for device in host}
    free = [device for device in machine.gpus if device not in taken]
    if sum(demand.gpus) > len(free):
        return None
    return Grant(demand, deal(demand, free))


def lacks_only_gpus(
    demand: Demand, machine: Machine, running: Iterable[Grant], most: int | None = None
) -> bool:
    """Whether a job that has to wait does so for GPUs alone."""
    without = Demand(demand.cpus, demand.memory, ())
    return grant(without, machine, running, most) is not None


def deal(demand: Demand, free: Iterable[str]) -> Devices:
    """Each host's GPUs, no device twice."""
    left = iter(free)
    return tuple(tuple(next(left) for _ in range(count)) for count in demand.gpus)
