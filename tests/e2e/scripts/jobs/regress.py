"""Fit a model to a prepared table, in script mode."""

import argparse
import os

import joblib
import pandas as pd
import sklearn
from sklearn.linear_model import LogisticRegression

parser = argparse.ArgumentParser()
parser.add_argument("--max_iter", type=int, default=100)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
args = parser.parse_args()

table = pd.read_csv(os.path.join(args.train, "train.csv"))
model = LogisticRegression(max_iter=args.max_iter)
model.fit(table.drop(columns="rich").to_numpy(), table["rich"])
joblib.dump(model, os.path.join(args.model_dir, "model.joblib"))
print("framework", os.environ["SM_FRAMEWORK_MODULE"], sklearn.__version__)
print("train:accuracy=%.3f" % model.score(table.drop(columns="rich").to_numpy(), table["rich"]))
