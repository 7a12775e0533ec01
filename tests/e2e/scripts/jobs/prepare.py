"""Split a table of people and make numbers of it, as scripts for scikit-learn of its time do."""

import argparse
import os

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler

PLACE = "/opt/ml/processing"
parser = argparse.ArgumentParser()
parser.add_argument("--train-test-split-ratio", type=float, default=0.3)
ratio = parser.parse_args().train_test_split_ratio

people = pd.read_csv(os.path.join(PLACE, "input", "people.csv")).dropna().drop_duplicates()
print("read", people.shape)
train, test = train_test_split(people, test_size=ratio, random_state=0)
prepare = make_column_transformer(
    (KBinsDiscretizer(encode="onehot-dense", n_bins=4), ["age"]),
    (StandardScaler(), ["hours"]),
    (OneHotEncoder(sparse=False), ["trade"]),
)
for name, table in (("train", prepare.fit_transform(train)), ("test", prepare.transform(test))):
    labels = (train if name == "train" else test)["rich"]
    pd.DataFrame(table).assign(rich=labels.to_numpy()).to_csv(
        f"{PLACE}/{name}/{name}.csv", index=False
    )
    print(name, table.shape)
