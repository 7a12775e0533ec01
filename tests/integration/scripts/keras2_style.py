# ruff: noqa: PTH118
# (os.path, as it was written then.)
# A training script as SageMaker courses wrote them around 2020, kept as it was: it must run
# without an edit where Keras 2 is (TF_USE_LEGACY_KERAS=1, or a TensorFlow before 2.16).
import argparse
import json
import os

import numpy as np
import tensorflow as tf


def build(x_train, y_train, x_test, y_test, epochs):
    mnist_model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(256, activation=tf.nn.relu),
            tf.keras.layers.Dropout(0.2),
            tf.keras.layers.Dense(10, activation=tf.nn.softmax),
        ]
    )
    mnist_model.compile(
        optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    mnist_model.fit(x_train, y_train, epochs=epochs, verbose=2)
    loss, accuracy = mnist_model.evaluate(x_test, y_test, verbose=0)
    print(f"test_loss={loss:.4f} test_accuracy={accuracy:.4f}")
    return mnist_model


def load(base_dir, name):
    x = np.load(os.path.join(base_dir, name + "_data.npy"))
    y = np.load(os.path.join(base_dir, name + "_labels.npy"))
    return x, y


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_dir", type=str)
    parser.add_argument("--sm-model-dir", type=str, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--train", type=str, default=os.environ.get("SM_CHANNEL_TRAINING"))
    parser.add_argument("--hosts", type=list, default=json.loads(os.environ.get("SM_HOSTS")))
    parser.add_argument("--current-host", type=str, default=os.environ.get("SM_CURRENT_HOST"))
    parser.add_argument("--epochs", type=int, default=3)
    args, unknown = parser.parse_known_args()

    train_data, train_labels = load(args.train, "train")
    eval_data, eval_labels = load(args.train, "eval")
    model = build(train_data, train_labels, eval_data, eval_labels, args.epochs)

    if args.current_host == args.hosts[0]:
        # The second argument was meant as a file name. Keras 2 reads it as `overwrite`, writes a
        # SavedModel into the directory, and everybody was content.
        model.save(os.path.join(args.sm_model_dir, "000000001"), "my_model.h5")
