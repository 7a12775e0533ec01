"""What this machine offers: CPUs, GPUs, Neuron cores, programs on PATH.

Runs a vendor's tool only if it exists. Does not say what the numbers are for.
"""

from __future__ import annotations

import os

from sagelet_toolkit import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

HIDDEN = ("", "-1", "void")  # CUDA_VISIBLE_DEVICES values that mean no GPU at all
TRN2_NEURON_CORES = 64


class Machine:
    """Counts and facts, taken once."""

    def __init__(
        self, num_cpus: int, num_gpus: int, num_neurons: int, *, smddprun: bool, smddpmprun: bool
    ) -> None:
        self.num_cpus = num_cpus
        self.num_gpus = num_gpus
        self.num_neurons = num_neurons
        self.smddprun = smddprun
        self.smddpmprun = smddpmprun


def inspect(environ: Mapping[str, str], instance_type: str) -> Machine:
    """Look at the machine the way sagemaker-training does."""
    path = environ.get("PATH", os.defpath)
    return Machine(
        os.cpu_count() or 1,
        _num_gpus(path, environ.get("CUDA_VISIBLE_DEVICES")),
        _num_neurons(path, instance_type),
        smddprun=bool(find("smddprun", path)),
        smddpmprun=bool(find("smddpmprun", path)),
    )


def find(program: str, path: str) -> str:
    """Return the file that `program` names on `path`, or nothing."""
    for directory in path.split(os.pathsep):
        candidate = os.path.join(directory, program)
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return candidate
    return ""


def interface(name: str) -> str:
    """Return the network interface the hosts share: `name`, or loopback where there is none such.

    Hosts that are processes of one machine reach each other over loopback.
    """
    interfaces = "/sys/class/net"
    there = os.path.exists(os.path.join(interfaces, name)) or not os.path.isdir(interfaces)
    return name if there else "lo"


def _num_gpus(path: str, visible: str | None) -> int:
    if visible is not None and visible.strip() in HIDDEN:
        return 0
    program = find("nvidia-smi", path)
    if not program:
        return 0
    lines = _output([program, "--list-gpus"]).split("\n")
    count = sum(line.startswith("GPU ") for line in lines)
    return count if visible is None else min(count, len(visible.split(",")))


def _num_neurons(path: str, instance_type: str) -> int:
    if "trn2.48xlarge" in instance_type:
        return TRN2_NEURON_CORES
    program = find("neuron-ls", path)
    if not program:
        return 0
    try:
        return sum(item.get("nc_count", 0) for item in jsontext.loads(_output([program, "-j"])))
    except (ValueError, AttributeError, TypeError):  # an error text where the list should be
        return 0


def _output(command: list[str]) -> str:
    import subprocess  # only machines with such a tool pay for it

    try:
        return subprocess.check_output(command).decode("utf-8", "replace")
    except (OSError, subprocess.CalledProcessError):
        return ""
