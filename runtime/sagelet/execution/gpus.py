"""How many NVIDIA GPUs this machine has, and how many a host may get."""

import shutil
import subprocess

from sagelet.domain.errors import ResourceLimitExceeded


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


def granted_gpus(wanted: int) -> int:
    """The number of GPUs a host gets; -1 asks for all there are.

    Raises:
        ResourceLimitExceeded: there are fewer, or none.
    """
    if wanted == 0:
        return 0
    there = len(list_gpus())
    if there == 0 or wanted > there:
        asked = "all GPUs" if wanted < 0 else f"{wanted} GPU(s)"
        raise ResourceLimitExceeded(
            f"The job asks for {asked} a host and this machine has {there}: ask for fewer "
            "(--gpus, or another instance type), or check the driver with `nvidia-smi`."
        )
    return there if wanted < 0 else wanted
