"""A PyTorch script that reads MNIST's own gzip files from two channels."""

import argparse
import gzip
import json
import logging
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.StreamHandler(sys.stdout))


def read(folder, name):
    def content(kind, header):
        with gzip.open(os.path.join(folder, f"{name}-{kind}-ubyte.gz")) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    images = content("images-idx3", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return TensorDataset(
        torch.tensor(images), torch.tensor(content("labels-idx1", 8).astype(np.int64))
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--hosts", type=list, default=json.loads(os.environ["SM_HOSTS"]))
    parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAINING"])
    parser.add_argument("--test", default=os.environ["SM_CHANNEL_TESTING"])
    parser.add_argument("--num-gpus", type=int, default=os.environ["SM_NUM_GPUS"])
    args = parser.parse_args()
    device = torch.device("cuda" if args.num_gpus > 0 else "cpu")
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 144, 10)
    ).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=args.learning_rate)
    loss_of = nn.CrossEntropyLoss()
    for epoch in range(args.epochs):
        for images, labels in DataLoader(read(args.train, "train"), args.batch_size, shuffle=True):
            optimizer.zero_grad()
            loss = loss_of(net(images.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
        right = total = 0
        with torch.no_grad():
            for images, labels in DataLoader(read(args.test, "t10k"), 1000):
                right += (net(images.to(device)).argmax(1).cpu() == labels).sum().item()
                total += len(labels)
        logger.info("epoch %d: accuracy %d/%d", epoch, right, total)
    torch.save(net.cpu().state_dict(), os.path.join(args.model_dir, "model.pth"))
