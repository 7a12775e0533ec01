"""How many NVIDIA GPUs this machine has, and how many a host may get."""

import shutil
import subprocess

from sagelet.domain.errors import ResourceLimitExceeded
from sagelet.domain.hosts import JobPlan


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


def deal_gpus(plan: JobPlan, visible: str | None) -> dict[str, tuple[str, ...]]:
    """Host -> the devices it gets, no device twice.

    ``visible`` is the caller's own CUDA_VISIBLE_DEVICES: only those are dealt.

    Raises:
        ResourceLimitExceeded: there are fewer than the job asks for.
    """
    wanted = {host.name: host.gpus for host in plan.hosts}
    if not plan.gpu:
        return dict.fromkeys(wanted, ())
    pool = [str(number) for number in range(len(list_gpus()))]
    if visible is not None:
        pool = [name.strip() for name in visible.split(",") if name.strip()][: len(pool)]
    share = len(pool) // len(wanted)
    counts = {name: share if count < 0 else count for name, count in wanted.items()}
    if sum(counts.values()) > len(pool) or not all(counts[n] for n in wanted if wanted[n]):
        asked = sum(max(count, 1) for count in wanted.values() if count)
        raise ResourceLimitExceeded(
            f"The job asks for {asked} GPU(s) over {len(wanted)} host(s) and this machine has "
            f"{len(pool)} to give: ask for fewer (--gpus, or another instance type), or check the "
            "driver with `nvidia-smi`."
        )
    left = iter(pool)
    return {name: tuple(next(left) for _ in range(count)) for name, count in counts.items()}
