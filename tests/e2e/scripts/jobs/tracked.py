"""Runs in a job: a model of a kind, its metrics printed and tracked."""

import argparse

from smexperiments.tracker import Tracker

parser = argparse.ArgumentParser()
parser.add_argument("--hidden_channels", type=int)
parser.add_argument("--optimizer")
given = parser.parse_args()

with Tracker.load() as tracker:
    tracker.log_parameters({"seen": given.hidden_channels * 2, "device": "cpu"})
    tracker.log_input("notes", "s3://notes/of/it.txt", media_type="text/plain")
    for epoch in range(4):
        accuracy = 1 - 1 / (given.hidden_channels + epoch)
        print(f"test_accuracy={accuracy:.6f};", flush=True)
        tracker.log_metric("train:loss", 1 / (epoch + 1), iteration_number=epoch)
