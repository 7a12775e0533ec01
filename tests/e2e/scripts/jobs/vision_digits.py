"""A PyTorch script that reads MNIST with torchvision, as most published ones do."""

import argparse
import os

import torch
from torch import nn, optim
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=5)
        self.fc1 = nn.Linear(8 * 144, 10)

    def forward(self, x):
        x = functional.relu(functional.max_pool2d(self.conv1(x), 2))
        return functional.log_softmax(self.fc1(x.flatten(1)), dim=1)


def loader(folder, train, batch_size):
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    )
    digits = datasets.MNIST(folder, train=train, transform=transform)
    return DataLoader(digits, batch_size=batch_size, shuffle=train)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--model-dir", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--data-dir", type=str, default=os.environ["SM_CHANNEL_TRAINING"])
    args = parser.parse_args()
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=args.learning_rate)
    for _ in range(args.epochs):
        for data, target in loader(args.data_dir, True, args.batch_size):
            optimizer.zero_grad()
            functional.nll_loss(model(data), target).backward()
            optimizer.step()
    correct = total = 0
    with torch.no_grad():
        for data, target in loader(args.data_dir, False, 1000):
            correct += model(data).argmax(1).eq(target).sum().item()
            total += len(target)
    print(f"Test set: accuracy {correct}/{total}")
    with open(os.path.join(args.model_dir, "model.pth"), "wb") as f:
        torch.save(model.state_dict(), f)
