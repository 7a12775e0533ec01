"""Instance types with an Elastic Fabric Adapter, and the variables its libraries want."""

from __future__ import annotations

RDMA = frozenset(
    {
        "ml.p4d.24xlarge",
        "ml.p4de.24xlarge",
        "ml.p5.48xlarge",
        "ml.p5e.48xlarge",
        "ml.trn1.32xlarge",
        "ml.p6e-gb200.36xlarge",
    }
)
NCCL = RDMA | {"ml.g4dn.8xlarge", "ml.g4dn.12xlarge", "ml.g5.48xlarge", "ml.p3dn.24xlarge"}


def variables(instance_type: str) -> dict[str, str]:
    """What a process that talks through such an adapter needs; harmless without one."""
    found = {"FI_PROVIDER": "efa"} if instance_type in NCCL else {}
    if instance_type in RDMA:
        found.update(FI_EFA_USE_DEVICE_RDMA="1", RDMAV_FORK_SAFE="1")
    return found
