"""A script of the TensorFlow 2.1 days: the sample's four arrays, a dense layer, model.save."""

import argparse
import json
import os

import numpy as np
import tensorflow as tf


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_dir", type=str)
    parser.add_argument("--sm-model-dir", default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--data", default=os.environ.get("SM_CHANNEL_TRAINING"))
    parser.add_argument("--hosts", type=list, default=json.loads(os.environ.get("SM_HOSTS")))
    parser.add_argument("--current-host", default=os.environ.get("SM_CURRENT_HOST"))
    return parser.parse_known_args()[0]


def arrays(folder, part):
    return tuple(np.load(os.path.join(folder, f"{part}_{kind}.npy")) for kind in ("data", "labels"))


if __name__ == "__main__":
    args = arguments()
    network = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(256, activation=tf.nn.relu),
            tf.keras.layers.Dropout(0.2),
            tf.keras.layers.Dense(10, activation=tf.nn.softmax),
        ]
    )
    network.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(*arrays(args.data, "train"), verbose=2)
    loss, accuracy = network.evaluate(*arrays(args.data, "eval"), verbose=0)
    print("evaluated: accuracy %.4f" % accuracy)
    if args.current_host == args.hosts[0]:
        network.save(os.path.join(args.sm_model_dir, "000000001"), "digits.h5")
