"""The job in the pictures: a network with one hidden layer, in numpy, in seconds anywhere."""

import argparse
import json
import os
from pathlib import Path

import numpy as np

BATCH = 100
SHOWN = 3  # the digit whose curves are drawn


def main() -> None:
    """Train, test, leave the network and what was measured of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--momentum", type=float)
    parser.add_argument("--activation")
    parser.add_argument("--epochs", type=int)
    given = parser.parse_args()
    folder = Path(os.environ["SM_CHANNEL_TRAINING"])
    images, digits, others, truth = (
        np.load(folder / f"{name}.npy")[:count]
        for name, count in (
            ("train_data", 6000),
            ("train_labels", 6000),
            ("eval_data", 1500),
            ("eval_labels", 1500),
        )
    )
    if given.activation not in ("relu", "tanh"):
        raise ValueError(f"'{given.activation}' is no activation: there are relu and tanh")
    print(f"\x1b[36m{len(images)} digits to learn from, {len(others)} to test with\x1b[0m")
    draw = np.random.default_rng(given.hidden)
    first = draw.normal(0, (2 / 784) ** 0.5, (784, given.hidden)).astype("f4")
    second = draw.normal(0, (1 / given.hidden) ** 0.5, (given.hidden, 10)).astype("f4")
    moves = [np.zeros_like(first), np.zeros_like(second)]

    def forward(batch):
        raw = batch @ first
        inner = np.maximum(raw, 0) if given.activation == "relu" else np.tanh(raw)
        scores = inner @ second
        scores = np.exp(scores - scores.max(1, keepdims=True))
        return inner, scores / scores.sum(1, keepdims=True)

    step = 0
    for epoch in range(given.epochs):
        order = draw.permutation(len(images))
        for start in range(0, len(images), BATCH):
            batch = order[start : start + BATCH]
            rows = np.arange(len(batch))
            inner, found = forward(images[batch])
            loss = -np.log(found[rows, digits[batch]] + 1e-9).mean()
            error = found / len(batch)
            error[rows, digits[batch]] -= 1 / len(batch)
            slope = (inner > 0) if given.activation == "relu" else 1 - inner**2
            back = images[batch].T @ ((error @ second.T) * slope)
            moves[1] = given.momentum * moves[1] - given.lr * (inner.T @ error)
            moves[0] = given.momentum * moves[0] - given.lr * back
            first += moves[0]
            second += moves[1]
            step += 1
            if step % 10 == 0:
                print(f"step={step} train_loss={loss:.4f};", flush=True)
        _, found = forward(others)
        right = (found.argmax(1) == truth).mean()
        loss = -np.log(found[np.arange(len(truth)), truth] + 1e-9).mean()
        print(f"epoch {epoch + 1}: test_accuracy={right:.4f}; test_loss={loss:.4f};", flush=True)
    left = Path(os.environ["SM_MODEL_DIR"])
    (left / "quality.json").write_text(json.dumps(quality(found, truth)))
    np.savez(left / "network.npz", first=first, second=second)


def quality(found, truth):
    """As trackers store it: a confusion matrix, the curves of one digit."""
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (truth, found.argmax(1)), 1)
    own = truth[np.argsort(-found[:, SHOWN])] == SHOWN
    hits, misses = np.cumsum(own), np.cumsum(~own)
    kept = np.unique(np.linspace(0, len(truth) - 1, 200).astype(int))
    recall, false = hits / hits[-1], misses / misses[-1]
    precision = hits / (hits + misses)
    area = float((np.diff(false) * (recall[1:] + recall[:-1]) / 2).sum())
    return {
        "ConfusionMatrix": {
            "type": "ConfusionMatrix",
            "version": 0,
            "title": "digits",
            "confusionMatrix": matrix.tolist(),
        },
        "ROCCurve": {
            "type": "ROCCurve",
            "version": 0,
            "title": "threes",
            "falsePositiveRate": false[kept].tolist(),
            "truePositiveRate": recall[kept].tolist(),
            "areaUnderCurve": area,
        },
        "PrecisionRecallCurve": {
            "type": "PrecisionRecallCurve",
            "version": 0,
            "title": "threes",
            "precision": precision[kept].tolist(),
            "recall": recall[kept].tolist(),
            "averagePrecisionScore": float(precision[own].mean()),
            "noSkill": float((truth == SHOWN).mean()),
        },
    }


if __name__ == "__main__":
    main()
