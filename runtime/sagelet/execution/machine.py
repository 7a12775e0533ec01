"""What this machine has: cores, memory, NVIDIA GPUs."""

import os
import shutil
import subprocess

from sagelet.domain.machine import Machine


def look(visible: str | None) -> Machine:
    """This machine. ``visible`` is our own CUDA_VISIBLE_DEVICES: only those GPUs are given away."""
    pool = [str(number) for number in range(len(list_gpus()))]
    if visible is not None:
        pool = [name.strip() for name in visible.split(",") if name.strip()][: len(pool)]
    return Machine(
        cpus=float(len(os.sched_getaffinity(0))),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        gpus=tuple(pool),
    )


def list_gpus() -> list[str]:
    """One description a GPU, from ``nvidia-smi``; empty where there is no driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, "--list-gpus"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line for line in done.stdout.splitlines() if line.startswith("GPU ")]
