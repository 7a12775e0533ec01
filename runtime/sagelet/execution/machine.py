"""What this machine has: cores, memory, NVIDIA GPUs; how busy these are."""

import os
import shutil
import subprocess
from collections.abc import Iterator

from sagelet.domain.machine import Machine
from sagelet.domain.usage import Gpu

#: How long the driver may take to answer, in seconds: whoever starts, and whoever only looks.
PATIENCE = 20.0
GLANCE = 5.0

_COLUMNS = "index,uuid,utilization.gpu,memory.used,memory.total"
_MIB = 1 << 20


def look(visible: str | None) -> Machine:
    """This machine. ``visible`` is our own CUDA_VISIBLE_DEVICES: only those GPUs are given away."""
    pool = [str(number) for number in range(len(list_gpus()))]
    if visible is not None:
        pool = [name.strip() for name in visible.split(",") if name.strip()][: len(pool)]
    return Machine(*room(), gpus=tuple(pool))


def room() -> tuple[float, int]:
    """Cores, and memory in bytes."""
    return (
        float(len(os.sched_getaffinity(0))),
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    )


def list_gpus() -> list[str]:
    """One description a GPU, from ``nvidia-smi``; empty where there is no driver."""
    return [line for line in _ask("--list-gpus", PATIENCE) if line.startswith("GPU ")]


def look_at_gpus() -> dict[str, Gpu]:
    """Each GPU by its number and by its UUID; none where the driver does not answer.

    What it does not know of a GPU (of one in parts, say) leaves the GPU out.
    """
    found: dict[str, Gpu] = {}
    for number, uuid, gpu in _rows():
        found[number] = found[uuid] = gpu
    return found


def _rows() -> Iterator[tuple[str, str, Gpu]]:
    for line in _ask(f"--query-gpu={_COLUMNS}", GLANCE, "--format=csv,noheader,nounits"):
        try:
            number, uuid, busy, used, there = (part.strip() for part in line.split(","))
            yield number, uuid, Gpu(float(busy), int(used) * _MIB, int(there) * _MIB)
        except ValueError:
            continue


def _ask(question: str, seconds: float, *more: str) -> list[str]:
    """The lines that ``nvidia-smi`` answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, question, *more],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines()


def full(folder: str) -> float | None:
    """How much of the folder's file system is taken, in percent, as ``df`` has it."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    taken = found.f_blocks - found.f_bfree
    usable = taken + found.f_bavail
    return 100.0 * taken / usable if usable else None
