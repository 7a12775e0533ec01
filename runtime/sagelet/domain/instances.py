"""What an ML instance type has: vCPUs, memory in GiB, GPUs.

Figures are those AWS publishes for the families people train on; a family that is not listed
imposes no limit. ``local`` (no InstanceType) is this machine as it is.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InstanceSize:
    """Capacity of one instance; ``memory`` in GiB."""

    cpus: int
    memory: float
    gpus: int = 0


#: Types with accelerators, by their names.
ACCELERATED = re.compile(r"ml\.(p|g|trn)\d")

_STEPS = {"medium": 1, "large": 2, "xlarge": 4}

#: GiB a vCPU, for families whose sizes are regular.
_RATIO = {"c": 2.0, "m": 4.0, "r": 8.0}

#: Families with accelerators or irregular sizes.
_IRREGULAR: dict[str, InstanceSize] = {
    "t3.medium": InstanceSize(2, 4),
    "t3.large": InstanceSize(2, 8),
    "t3.xlarge": InstanceSize(4, 16),
    "t3.2xlarge": InstanceSize(8, 32),
    "c4.large": InstanceSize(2, 3.75),
    "c4.xlarge": InstanceSize(4, 7.5),
    "c4.2xlarge": InstanceSize(8, 15),
    "c4.4xlarge": InstanceSize(16, 30),
    "c4.8xlarge": InstanceSize(36, 60),
    "c5n.xlarge": InstanceSize(4, 10.5),
    "c5n.2xlarge": InstanceSize(8, 21),
    "c5n.4xlarge": InstanceSize(16, 42),
    "c5n.9xlarge": InstanceSize(36, 96),
    "c5n.18xlarge": InstanceSize(72, 192),
    "m4.10xlarge": InstanceSize(40, 160),
    "p2.xlarge": InstanceSize(4, 61, 1),
    "p2.8xlarge": InstanceSize(32, 488, 8),
    "p2.16xlarge": InstanceSize(64, 732, 16),
    "p3.2xlarge": InstanceSize(8, 61, 1),
    "p3.8xlarge": InstanceSize(32, 244, 4),
    "p3.16xlarge": InstanceSize(64, 488, 8),
    "p3dn.24xlarge": InstanceSize(96, 768, 8),
    "p4d.24xlarge": InstanceSize(96, 1152, 8),
    "p4de.24xlarge": InstanceSize(96, 1152, 8),
    "p5.48xlarge": InstanceSize(192, 2048, 8),
    "p5e.48xlarge": InstanceSize(192, 2048, 8),
    "p5en.48xlarge": InstanceSize(192, 2048, 8),
    "p5.4xlarge": InstanceSize(16, 256, 1),
    "p6-b200.48xlarge": InstanceSize(192, 2048, 8),
    "p6-b300.48xlarge": InstanceSize(192, 4096, 8),
    "g4dn.xlarge": InstanceSize(4, 16, 1),
    "g4dn.2xlarge": InstanceSize(8, 32, 1),
    "g4dn.4xlarge": InstanceSize(16, 64, 1),
    "g4dn.8xlarge": InstanceSize(32, 128, 1),
    "g4dn.12xlarge": InstanceSize(48, 192, 4),
    "g4dn.16xlarge": InstanceSize(64, 256, 1),
    "g5.xlarge": InstanceSize(4, 16, 1),
    "g5.2xlarge": InstanceSize(8, 32, 1),
    "g5.4xlarge": InstanceSize(16, 64, 1),
    "g5.8xlarge": InstanceSize(32, 128, 1),
    "g5.12xlarge": InstanceSize(48, 192, 4),
    "g5.16xlarge": InstanceSize(64, 256, 1),
    "g5.24xlarge": InstanceSize(96, 384, 4),
    "g5.48xlarge": InstanceSize(192, 768, 8),
    "g6.xlarge": InstanceSize(4, 16, 1),
    "g6.2xlarge": InstanceSize(8, 32, 1),
    "g6.4xlarge": InstanceSize(16, 64, 1),
    "g6.8xlarge": InstanceSize(32, 128, 1),
    "g6.12xlarge": InstanceSize(48, 192, 4),
    "g6.16xlarge": InstanceSize(64, 256, 1),
    "g6.24xlarge": InstanceSize(96, 384, 4),
    "g6.48xlarge": InstanceSize(192, 768, 8),
    "g6e.xlarge": InstanceSize(4, 32, 1),
    "g6e.2xlarge": InstanceSize(8, 64, 1),
    "g6e.4xlarge": InstanceSize(16, 128, 1),
    "g6e.8xlarge": InstanceSize(32, 256, 1),
    "g6e.12xlarge": InstanceSize(48, 384, 4),
    "g6e.16xlarge": InstanceSize(64, 512, 1),
    "g6e.24xlarge": InstanceSize(96, 768, 4),
    "g6e.48xlarge": InstanceSize(192, 1536, 8),
}


def instance_size(instance_type: str) -> InstanceSize | None:
    """The capacity of ``ml.<family>.<size>``; None where nothing is known."""
    name = instance_type.removeprefix("ml.")
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    match = re.fullmatch(r"([cmr])\d+[a-z]*(?:-flex)?\.((\d+)?(medium|large|xlarge))", name)
    if match is None:
        return None
    cpus = _STEPS[match[4]] * int(match[3] or 1)
    return InstanceSize(cpus, cpus * _RATIO[match[1]])
