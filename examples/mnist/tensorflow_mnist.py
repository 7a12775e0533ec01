#!/usr/bin/env python3
"""Trains a small convolutional network on MNIST with TensorFlow.

Written for SageMaker's script mode, where the SM_* variables say where things are; run as a plain
script it reads ./data beside this file (`python data.py data` makes it) and writes ./model.
Works with Keras 3 (on one host) and, where TF_USE_LEGACY_KERAS=1 or TensorFlow is older than 2.16,
with Keras 2.

Several hosts train one model together (MultiWorkerMirroredStrategy): each batch is shared out among
them, so that the result is nearly that of one host, and the first one saves it.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# TensorFlow reads these when imported. Warnings and errors only; and Keras 2 where several hosts
# train together, for Keras 3 cannot fit a model over several workers.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
if len(json.loads(os.environ.get("SM_HOSTS", "[]"))) > 1:
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf

HERE = Path(__file__).resolve().parent
KERAS_VERSION = getattr(tf.keras, "__version__", "2")  # tf_keras does not say


def cpu_limit() -> int:
    """CPUs a container's quota grants us, 0 for no limit; TensorFlow counts the machine's cores."""
    cgroup = Path("/sys/fs/cgroup")
    try:
        if (cgroup / "cpu.max").exists():  # cgroup v2
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text()
        return max(1, int(quota) // int(period)) if int(quota) > 0 else 0
    except (OSError, ValueError):  # no cgroup, or "max"
        return 0


def build_model(learning_rate: float) -> Any:
    """Two convolutions, two dense layers, on N x 784 pixels."""
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(784,)),
            tf.keras.layers.Reshape((28, 28, 1)),
            tf.keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dropout(0.3),
            tf.keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=tf.keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


class MetricsLine(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Prints one line an epoch, for people and for metric regular expressions."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Starts the clock."""
        self.start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Prints the epoch's results; the evaluation images are in the time."""
        logs = logs or {}
        print(
            f"epoch={epoch + 1} train_loss={logs['loss']:.4f} test_loss={logs['val_loss']:.4f} "
            f"test_accuracy={logs['val_accuracy']:.4f} seconds={time.monotonic() - self.start:.1f}",
            flush=True,
        )


def join(hosts: list[str], current: str) -> tuple[Any, int, int]:
    """The strategy to train by, our number among the workers, and how many there are."""
    if len(hosts) == 1:
        return tf.distribute.get_strategy(), 0, 1
    if "TF_CONFIG" not in os.environ:  # a job with distribution has it already
        # Hosts that share this machine's ports with other jobs are told which are theirs.
        first = int(os.environ.get("SAGELET_PORTS_FROM", "0"))
        ports = [first + 1 + number if first else 8890 for number in range(len(hosts))]
        workers = [f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)]
        task = {"type": "worker", "index": hosts.index(current)}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
    task = json.loads(os.environ["TF_CONFIG"])["task"]
    return tf.distribute.MultiWorkerMirroredStrategy(), task["index"], len(hosts)


class Digits:
    """Images and labels, mapped from disk."""

    def __init__(self, directory: Path, name: str) -> None:
        self.images = np.load(directory / f"{name}_data.npy", mmap_mode="r")
        self.labels = np.load(directory / f"{name}_labels.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: Any) -> tuple[Any, Any]:
        """The images and labels with these numbers."""
        return self.images[chosen], self.labels[chosen]

    def shuffled(self, size: int, seed: int, worker: int, workers: int) -> tuple[Any, int]:
        """Our share of batches of ``size`` images, and their number.

        Over all workers every image comes once, in as many batches on each.
        """
        steps = math.ceil(len(self) / size)
        order = np.random.default_rng(seed).permutation(len(self))[worker::workers]

        def batches() -> Iterator[tuple[Any, Any]]:
            for chosen in np.array_split(order, steps):
                yield self.take(chosen)

        images = tf.TensorSpec((None, 784), tf.float32)
        labels = tf.TensorSpec((None,), self.labels.dtype)
        return tf.data.Dataset.from_generator(batches, output_signature=(images, labels)), steps


def ours(data: Any, _context: Any) -> Any:
    """What this worker reads, whoever else there is."""
    return data


def digest(model: Any) -> str:
    """A checksum of the weights: the same on every host that trained along."""
    total = hashlib.sha256()
    for value in model.get_weights():
        total.update(value.tobytes())
    return total.hexdigest()[:16]


def save(model: Any, directory: Path) -> None:
    """Writes a SavedModel; since Keras 3 `save` writes Keras's own format instead."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    if KERAS_VERSION.startswith("3."):
        model.export(str(directory), verbose=False)
    else:
        model.save(str(directory))
    print(f"saved {directory / 'saved_model.pb'}")


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
    tf.keras.utils.set_random_seed(args.seed)
    tf.config.threading.set_intra_op_parallelism_threads(cpu_limit())  # 0: TensorFlow's choice
    strategy, worker, workers = join(args.hosts, args.current_host)
    train, test = Digits(args.train, "train"), Digits(args.train, "eval")
    device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    print(
        f"TensorFlow {tf.__version__}, Keras {KERAS_VERSION} on {device}, worker {worker + 1} of "
        f"{workers}: {len(train)} images, {len(test)} to test"
    )

    with strategy.scope():
        model = build_model(args.learning_rate)
    for epoch in range(args.epochs):
        data, steps = train.shuffled(args.batch_size, args.seed + epoch, worker, workers)
        if workers > 1:  # as it is: it would be shared out once more
            data = strategy.distribute_datasets_from_function(functools.partial(ours, data))
        model.fit(
            data,
            steps_per_epoch=steps,
            initial_epoch=epoch,
            epochs=epoch + 1,
            validation_data=(test.images, test.labels),
            verbose=0,
            callbacks=[MetricsLine()] if worker == 0 else [],
        )
    print(f"weights={digest(model)}", flush=True)
    with tempfile.TemporaryDirectory() as elsewhere:
        # Saving needs every worker; the model of the first is the one to keep.
        folder = args.sm_model_dir if worker == 0 else Path(elsewhere)
        save(model, folder / "000000001")


if __name__ == "__main__":
    main()
