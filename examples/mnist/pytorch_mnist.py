#!/usr/bin/env python3
"""Trains a small convolutional network on MNIST with PyTorch.

Written for SageMaker's script mode, where the SM_* variables say where things are; run as a plain
script it reads ./data beside this file (`python data.py data` makes it) and writes ./model.

Several hosts, or several processes that torchrun started, train one model together
(DistributedDataParallel): each batch is shared out among them, so that the result is nearly that
of one host, and the first one saves it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# OpenMP reads it when torch is imported. Threads that wait by spinning are several times slower
# where other jobs want the same cores; sleeping costs little where none do.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch import distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

HERE = Path(__file__).resolve().parent


class Net(nn.Module):
    """Two convolutions, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.dense1 = nn.Linear(32 * 7 * 7, 128)
        self.dense2 = nn.Linear(128, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores (logits) for N x 784 pixels."""
        x = images.view(-1, 1, 28, 28)
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.dense1(x.flatten(1)))
        x = functional.dropout(x, 0.3, training=self.training)
        return self.dense2(x)  # type: ignore[no-any-return]


def cpu_limit() -> int:
    """CPUs this process may keep busy: a container's quota counts, not the machine's cores."""
    cgroup = Path("/sys/fs/cgroup")
    try:
        if (cgroup / "cpu.max").exists():  # cgroup v2
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
        limit = int(quota) // int(period)
    except (OSError, ValueError):  # no cgroup, or "max"
        limit = 0
    cores = os.cpu_count() or 1
    return min(cores, max(1, limit)) if limit > 0 else cores


class Team:
    """The processes that train together, and this one's place among them."""

    def __init__(self, hosts: list[str], current: str) -> None:
        env = os.environ
        self.local = int(env.get("LOCAL_RANK", "0"))
        # torchrun says who is who; without it each host runs one process.
        self.rank = int(env.get("RANK", str(hosts.index(current))))
        self.size = int(env.get("WORLD_SIZE", str(len(hosts))))
        self.cuda = torch.cuda.is_available()
        self.device = torch.device(f"cuda:{self.local}" if self.cuda else "cpu")
        if self.size > 1:
            env.setdefault("MASTER_ADDR", hosts[0])
            env.setdefault("MASTER_PORT", "7777")
            kind = "nccl" if self.cuda else "gloo"
            distributed.init_process_group(kind, rank=self.rank, world_size=self.size)

    def join(self, model: Net) -> nn.Module:
        """The model as all train it."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[self.local] if self.cuda else None)

    def sum(self, value: float) -> float:
        """The sum of everybody's value."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return float(total)

    def leave(self) -> None:
        """Wait for the others, then go."""
        if self.size > 1:
            # In a group of its own, so that it holds no tensor of earlier sums: DDP keeps the first
            # group's threads, and one that frees a tensor while Python ends aborts the process.
            distributed.barrier(distributed.new_group(backend="gloo"))
            distributed.destroy_process_group()


class Split:
    """Images and labels on disk: the files are mapped, and a batch is all that is ever copied."""

    def __init__(self, directory: Path, name: str, device: torch.device) -> None:
        self.images = np.load(directory / f"{name}_data.npy", mmap_mode="r")
        self.labels = np.load(directory / f"{name}_labels.npy", mmap_mode="r")
        self.device = device

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The images and labels with these numbers."""
        images = torch.from_numpy(self.images[chosen])
        labels = torch.from_numpy(self.labels[chosen]).long()
        return images.to(self.device), labels.to(self.device)

    def batches(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Every image once, in order."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))

    def shuffled(
        self, size: int, shuffle: np.random.Generator, team: Team
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Our share of batches of ``size`` images: over all workers every image comes once."""
        order = shuffle.permutation(len(self))[team.rank :: team.size]
        for chosen in np.array_split(order, math.ceil(len(self) / size)):
            yield self.take(chosen)


def train_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterator[Any], team: Team
) -> float:
    """One pass over the training images; returns the mean loss over all workers."""
    model.train()
    total, count = 0.0, 0
    for images, labels in batches:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return team.sum(total) / team.sum(count)


@torch.no_grad()
def evaluate(model: nn.Module, split: Split) -> tuple[float, float]:
    """Mean loss and accuracy."""
    model.eval()
    total, correct = 0.0, 0
    for images, labels in split.batches(1000):
        scores = model(images)
        total += functional.cross_entropy(scores, labels, reduction="sum").item()
        correct += int((scores.argmax(1) == labels).sum())
    return total / len(split), correct / len(split)


def digest(model: Net) -> str:
    """A checksum of the weights: the same on every host that trained along."""
    total = hashlib.sha256()
    for value in model.state_dict().values():
        total.update(value.cpu().numpy().tobytes())
    return total.hexdigest()[:16]


def save(model: Net, directory: Path) -> None:
    """Writes the weights, and beside them this file, whose Net class they fit."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = {name: value.cpu() for name, value in model.state_dict().items()}
    torch.save(weights, directory / "model.pt")
    shutil.copy(__file__, directory / "pytorch_mnist.py")
    print(f"saved {directory / 'model.pt'}")


def parse_args() -> argparse.Namespace:
    """Hyperparameters come as arguments, everything about the job from the environment."""
    env = os.environ
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model_dir", help="accepted because estimators pass it; not used")
    parser.add_argument("--sm-model-dir", type=Path, default=env.get("SM_MODEL_DIR", "model"))
    parser.add_argument(
        "--train", type=Path, default=env.get("SM_CHANNEL_TRAINING", str(HERE / "data"))
    )
    parser.add_argument("--hosts", type=json.loads, default=env.get("SM_HOSTS", '["localhost"]'))
    parser.add_argument("--current-host", default=env.get("SM_CURRENT_HOST", "localhost"))
    return parser.parse_args()


def main() -> None:
    """Trains, prints one line an epoch, saves on the first host."""
    args = parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(min(torch.get_num_threads(), cpu_limit()))
    team = Team(args.hosts, args.current_host)
    train = Split(args.train, "train", team.device)
    test = Split(args.train, "eval", team.device)
    model = Net().to(team.device)
    whole = team.join(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.learning_rate)
    shuffle = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed + team.rank)  # each worker drops out units of its own
    print(
        f"PyTorch {torch.__version__} on {team.device.type}, worker {team.rank + 1} of "
        f"{team.size}: {len(train)} images, {len(test)} to test"
    )

    for epoch in range(1, args.epochs + 1):
        start = time.monotonic()
        train_loss = train_epoch(
            whole, optimizer, train.shuffled(args.batch_size, shuffle, team), team
        )
        if team.rank == 0:
            test_loss, test_accuracy = evaluate(model, test)
            print(
                f"epoch={epoch} train_loss={train_loss:.4f} test_loss={test_loss:.4f} "
                f"test_accuracy={test_accuracy:.4f} seconds={time.monotonic() - start:.1f}",
                flush=True,
            )

    print(f"weights={digest(model)}", flush=True)
    if team.rank == 0:
        save(model, args.sm_model_dir / "000000001")
    team.leave()


if __name__ == "__main__":
    main()
