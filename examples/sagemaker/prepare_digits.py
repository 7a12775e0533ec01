#!/usr/bin/env python3
"""Prepares MNIST for training: takes a share of the images and sets a part of them aside.

A processing job's script: it reads the four arrays of SageMaker's sample, and writes four like
them, whose evaluation images come from the training images. Each digit keeps its frequency, and the
original evaluation images stay unseen until the very end.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

PLACE = Path("/opt/ml/processing")

parser = argparse.ArgumentParser()
parser.add_argument("--share", type=float, default=0.5, help="of the images that are used")
parser.add_argument("--aside", type=float, default=0.2, help="of those, set aside")
args = parser.parse_args()

images = np.load(PLACE / "input" / "train_data.npy")
labels = np.load(PLACE / "input" / "train_labels.npy")
if args.share < 1:
    images, _, labels, _ = train_test_split(
        images, labels, train_size=args.share, stratify=labels, random_state=0
    )
train, held, train_labels, held_labels = train_test_split(
    images, labels, test_size=args.aside, stratify=labels, random_state=0
)
for name, array in (
    ("train_data", train),
    ("train_labels", train_labels),
    ("eval_data", held),
    ("eval_labels", held_labels),
):
    np.save(PLACE / "digits" / f"{name}.npy", array)
print(f"{len(train)} images to train with, {len(held)} set aside", flush=True)
Path("/opt/ml/output/message").write_text(f"{len(train)} + {len(held)} images")
