"""A PyTorch script that prints its average loss over MNIST's test set, as torchvision reads it."""

import argparse
import json
import logging
import os
import sys

import sagemaker_containers  # noqa: F401 - the published script does so, for nothing
import torch
from torch import nn, optim
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.StreamHandler(sys.stdout))


def digits(folder, train):
    shades = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.1307, 0.3081)])
    return datasets.MNIST(folder, train=train, transform=shades)


def average_loss(model, loader):
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for images, labels in loader:
            total += functional.cross_entropy(model(images), labels, reduction="sum").item()
            count += len(labels)
    return total / count


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--backend")
    parser.add_argument("--hosts", type=list, default=json.loads(os.environ["SM_HOSTS"]))
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--data-dir", default=os.environ["SM_CHANNEL_TRAINING"])
    args = parser.parse_args()
    assert args.backend == "gloo", args
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 144, 10)
    )
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)
    training = DataLoader(digits(args.data_dir, True), args.batch_size, shuffle=True)
    testing = DataLoader(digits(args.data_dir, False), 1000)
    for epoch in range(1, args.epochs + 1):
        model.train()
        for images, labels in training:
            optimizer.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        logger.info("Train Epoch: %d", epoch)
        logger.info("Test set: Average loss: %.4f\n", average_loss(model, testing))
    torch.save(model.state_dict(), os.path.join(args.model_dir, "model.pth"))
