"""Distributed jobs as stock SDKs send them: `distribution=` of SDK 2, the drivers of SDK 3."""

import json
import re
from pathlib import Path

import pytest

from support.serve import Plane

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.3-cpu-py311"
DDP = """
import socket
import torch
import torch.distributed as dist
dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(total)
print(f"RESULT {dist.get_rank()} {dist.get_world_size()} {total.item():.0f} {socket.gethostname()}")
dist.barrier()
dist.destroy_process_group()  # a process that ends with one may abort
"""
MPI = """
import socket
from mpi4py import MPI
world = MPI.COMM_WORLD
total = world.allreduce(world.Get_rank() + 1)
print(f"RESULT {world.Get_rank()} {world.Get_size()} {total} {socket.gethostname()}")
"""
BOTH = ["0 2 3 algo-1", "1 2 3 algo-2"]


def results(messages: list[str]) -> list[str]:
    text = "\n".join(messages)
    return sorted(set(re.findall(r"RESULT (\d \d \d+ algo-\d)", text)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ddp.py").write_text(DDP)
    (tmp_path / "mpi.py").write_text(MPI)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "distribution", "instance_type"),
    [
        # The SDK lets it have GPU instances only; the tag of the job says that there are none.
        ("ddp.py", {"torch_distributed": {"enabled": True}}, "ml.g4dn.xlarge"),
        ("ddp.py", {"pytorchddp": {"enabled": True}}, "ml.m5.xlarge"),
        ("mpi.py", {"mpi": {"enabled": True, "processes_per_host": 1}}, "ml.m5.xlarge"),
    ],
    ids=["torch_distributed", "pytorchddp", "mpi"],
)
def test_distribution_of_sdk_2(
    plane: Plane, folder: Path, script: str, distribution: object, instance_type: str
) -> None:
    said = plane.ask(
        "sagemaker2", "v2_distributed.py", folder, script, json.dumps(distribution), instance_type
    )
    assert results(said) == BOTH


@pytest.mark.parametrize(("script", "kind"), [("ddp.py", "Torchrun"), ("mpi.py", "MPI")])
def test_drivers_of_sdk_3(plane: Plane, folder: Path, script: str, kind: str) -> None:
    said = plane.ask("sagemaker3", "v3_distributed.py", folder, script, kind, IMAGE)
    assert results(said) == BOTH
