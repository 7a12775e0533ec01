"""What hosts use of a machine: two looks at a host make a sample. Pure.

These are SageMaker's instance metrics. A job's script has no part in them: they are neither metrics
of the job nor of its trial component.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sagelet.domain.thinning import Point, kept

#: Between looks at the hosts of a job, in seconds: of one that just began, and at most.
INTERVAL = 2.0
LONGEST = 60.0

#: A job that has run for so many seconds is looked at that much more rarely by the second: the
#: samples of a day are about 5,000 a host.
DENSITY = 1000.0

#: Looking may take this share of a core.
SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a host.

    ``cpu`` is what its processes have used so far, in seconds of one core; ``cores`` and
    ``memory_limit`` (bytes) are what it may use. ``taken`` is on the clock that never jumps.
    """

    host: str
    taken: float
    cpu: float
    memory: int
    cores: float
    memory_limit: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """One look at a GPU: how busy it is, in percent, and its memory in bytes."""

    busy: float
    memory: int
    memory_limit: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What a host uses at a ``time`` (epoch seconds).

    ``cpu`` and ``gpu`` are percent, summed over cores and over GPUs; ``disk`` is the part of its
    file system that is full, in percent; the rest is bytes. What is None cannot be told.
    """

    host: str
    time: float
    cpu: float
    cores: float
    memory: int
    memory_limit: int
    disk: float | None = None
    gpu: float | None = None
    gpus: int = 0
    gpu_memory: int | None = None
    gpu_memory_limit: int | None = None
    place: int = 0


#: What a page draws of samples, in this order.
DRAWN: Mapping[str, Callable[[Sample], float | None]] = {
    "cpu": lambda sample: sample.cpu,
    "memory": lambda sample: sample.memory,
    "gpu": lambda sample: sample.gpu,
    "gpuMemory": lambda sample: sample.gpu_memory,
    "disk": lambda sample: sample.disk,
}


def _memory_share(sample: Sample) -> float | None:
    return 100.0 * sample.memory / sample.memory_limit if sample.memory_limit else None


def _gpu_memory_share(sample: Sample) -> float | None:
    if sample.gpu_memory is None or not sample.gpu_memory_limit:
        return None
    return 100.0 * sample.gpus * sample.gpu_memory / sample.gpu_memory_limit


#: SageMaker's instance metrics, all in percent; over GPUs they are summed.
INSTANCE_METRICS: Mapping[str, Callable[[Sample], float | None]] = {
    "CPUUtilization": lambda sample: sample.cpu,
    "DiskUtilization": lambda sample: sample.disk,
    "GPUMemoryUtilization": _gpu_memory_share,
    "GPUUtilization": lambda sample: sample.gpu,
    "MemoryUtilization": _memory_share,
}


def sample(
    before: Reading, now: Reading, time: float, disk: float | None, gpus: Sequence[Gpu]
) -> Sample | None:
    """What a host used between two looks; None if no time has passed.

    What children used is lost where nobody waited for them: the sum may shrink.
    """
    passed = now.taken - before.taken
    if passed <= 0:
        return None
    cpu = 100.0 * (now.cpu - before.cpu) / passed
    return Sample(
        now.host,
        time,
        round(min(max(cpu, 0.0), 100.0 * now.cores), 2),
        now.cores,
        now.memory,
        now.memory_limit,
        None if disk is None else round(disk, 2),
        sum(gpu.busy for gpu in gpus) if gpus else None,
        len(gpus),
        sum(gpu.memory for gpu in gpus) if gpus else None,
        sum(gpu.memory_limit for gpu in gpus) if gpus else None,
    )


def interval(ran: float, took: float) -> float:
    """Until the next look at a job that has run for ``ran``, after one that ``took``; seconds."""
    return max(min(max(INTERVAL, ran / DENSITY), LONGEST), took / SHARE)


def drawn(samples: Sequence[Sample], width: int) -> dict[str, list[Point]]:
    """Each quantity there is, thinned to a width in pixels, a host for itself."""
    hosts: dict[str, list[Sample]] = {}
    for each in samples:
        hosts.setdefault(each.host, []).append(each)
    found: dict[str, list[Point]] = {}
    for name, value_of in DRAWN.items():
        points = [point for each in hosts.values() for point in _line(each, value_of, width)]
        if points:
            found[name] = sorted(points)
    return found


def _line(
    samples: Sequence[Sample], value_of: Callable[[Sample], float | None], width: int
) -> list[Point]:
    told = [(each, value) for each in samples if (value := value_of(each)) is not None]
    wanted = kept([value for _, value in told], width)
    return [
        Point(each.place, each.time, value, each.host)
        for each, value in (told[index] for index in wanted)
    ]
