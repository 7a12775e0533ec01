"""Trains a convolutional network of a chosen width on MNIST, in a job of experiments.py."""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--hidden_channels", type=int, default=10)
parser.add_argument("--dropout", type=float, default=0.2)
parser.add_argument("--optimizer", default="sgd")
parser.add_argument("--mean", type=float, default=0.1307)
parser.add_argument("--std", type=float, default=0.3081)
given = parser.parse_args()

torch.manual_seed(1)
channel = Path(os.environ["SM_CHANNEL_TRAINING"])


def load(part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised images and their labels."""
    images = np.load(channel / f"{part}_data.npy").reshape(-1, 1, 28, 28)
    labels = np.load(channel / f"{part}_labels.npy")
    normal = (torch.tensor(images, dtype=torch.float32) - given.mean) / given.std
    return normal, torch.tensor(labels, dtype=torch.int64)


images, labels = load("train")
unseen, truth = load("eval")
model = nn.Sequential(
    nn.Conv2d(1, given.hidden_channels, 5),
    nn.MaxPool2d(2),
    nn.ReLU(),
    nn.Dropout(given.dropout),
    nn.Flatten(),
    nn.Linear(given.hidden_channels * 144, 10),
)
loss_of = nn.CrossEntropyLoss()
make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[given.optimizer]
optimizer = make(model.parameters(), lr=0.01)
for epoch in range(1, given.epochs + 1):
    model.train()
    for batch in torch.randperm(len(images)).split(64):
        optimizer.zero_grad()
        loss = loss_of(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
    print(f"Epoch: {epoch}, train loss: {loss.item():.4f};", flush=True)
    model.eval()
    with torch.no_grad():
        scores = model(unseen)
    right = (scores.argmax(1) == truth).float().mean().item()
    print(f"Test Average loss: {loss_of(scores, truth).item():.4f}, Test Accuracy: {right:.4f};")
torch.save(model.state_dict(), Path(os.environ["SM_MODEL_DIR"]) / "model.pth")
