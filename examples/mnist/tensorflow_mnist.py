#!/usr/bin/env python3
"""Trains a small convolutional network on MNIST with TensorFlow.

Written for SageMaker's script mode, where the SM_* variables say where things are; run as a plain
script it reads ./data beside this file (`python data.py data` makes it) and writes ./model.
Works with Keras 3 and, where TF_USE_LEGACY_KERAS=1 or TensorFlow is older than 2.16, with Keras 2.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

# TensorFlow reads it when imported: warnings and errors only.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

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


def load(directory: Path, name: str) -> tuple[Any, Any]:
    """Images and labels, mapped from disk."""
    images = np.load(directory / f"{name}_data.npy", mmap_mode="r")
    labels = np.load(directory / f"{name}_labels.npy", mmap_mode="r")
    return images, labels


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
    train_images, train_labels = load(args.train, "train")
    test_images, test_labels = load(args.train, "eval")
    device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
    print(
        f"TensorFlow {tf.__version__}, Keras {KERAS_VERSION} on {device}: "
        f"{len(train_labels)} images, {len(test_labels)} to test"
    )

    model = build_model(args.learning_rate)
    model.fit(
        train_images,
        train_labels,
        batch_size=args.batch_size,
        epochs=args.epochs,
        validation_data=(test_images, test_labels),
        verbose=0,
        callbacks=[MetricsLine()],
    )
    if args.current_host == args.hosts[0]:
        save(model, args.sm_model_dir / "000000001")


if __name__ == "__main__":
    main()
