"""Distributed launchers that a job's hyperparameters ask for, and which of them can run here.

What each one does is the toolkit's business (``containers/toolkit``).
"""

import json
from collections.abc import Mapping

from sagelet.domain.errors import ValidationException

MPI = "sagemaker_mpi_enabled"

#: Launchers of SageMaker that exist only there -> why.
ELSEWHERE = {
    "sagemaker_distributed_dataparallel_enabled": (
        "SageMaker's data parallel library (smdistributed) is closed"
    ),
    "sagemaker_pytorch_xla_multi_worker_enabled": (
        "the PyTorch/XLA launcher is part of SageMaker's own images"
    ),
}
KNOWN = (
    MPI,
    "sagemaker_parameter_server_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
    *ELSEWHERE,
)


def launchers_of(hyperparameters: Mapping[str, str]) -> tuple[str, ...]:
    """The launchers that are switched on; values are JSON, as the SDK writes them."""
    return tuple(name for name in KNOWN if name in hyperparameters and _on(hyperparameters[name]))


def _on(value: str) -> bool:
    try:
        return bool(json.loads(value))
    except ValueError:
        return bool(value)


def check_launchers(launchers: tuple[str, ...], hosts: int, *, shared_machine: bool) -> None:
    """Refuse what our toolkit cannot start.

    ``shared_machine``: the hosts are processes of one machine, with its network.

    Raises:
        ValidationException: with what to use instead.
    """
    for name in launchers:
        if name in ELSEWHERE:
            raise ValidationException(
                f"HyperParameters.{name}: {ELSEWHERE[name]} and cannot run here. Scripts made for "
                "it run with distribution={'torch_distributed': {'enabled': True}} and "
                "init_process_group('gloo'), or 'nccl' on GPUs."
            )
    if MPI in launchers and hosts > 1 and shared_machine:
        raise ValidationException(
            f"HyperParameters.{MPI}: MPI over several hosts needs Docker: without it the hosts "
            "share this machine's network and cannot be told apart. Start an engine, take one "
            "host, or use torch_distributed."
        )
