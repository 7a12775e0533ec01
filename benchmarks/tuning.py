"""What a tuning job costs beside Optuna alone, and what it finds.

Overhead: the same script, two seconds long, is run as many times by a tuning job (process backend)
and by Optuna's ``study.optimize``, which starts it as a plain subprocess and reads its output. What
is found: both choose learning rates for the same small network on real MNIST, trained here.

Usage: python benchmarks/tuning.py [--rounds N] [--trials N] [--seconds S] [--seeds N]
"""

import functools
import itertools
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from rounds import Sample, arguments, collect, pairwise, ratio, spread, table
from workshop import PYTHON, Workshop, workshop

from sagelet.app import digits
from sagelet.domain.suggestions import suggest
from sagelet.domain.tuning import TuningJob
from sagelet.domain.warm_start import Tried
from sagelet.engine.bayes import next_point

PARALLEL = 2

SCRIPT = """
import argparse, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--seconds", type=float)
found, _ = parser.parse_known_args()
time.sleep(found.seconds)
print(f"acc={1 - abs(found.lr - 0.01)}", flush=True)
"""

LR = {"Name": "lr", "MinValue": "0.0001", "MaxValue": "10", "ScalingType": "Logarithmic"}
MOMENTUM = {"Name": "momentum", "MinValue": "0", "MaxValue": "0.99", "ScalingType": "Linear"}
HIDDEN = {"Name": "hidden", "MinValue": "4", "MaxValue": "128", "ScalingType": "Logarithmic"}

PROBLEMS: dict[str, dict[str, list[dict[str, str]]]] = {
    "learning rate": {"ContinuousParameterRanges": [LR]},
    "learning rate, momentum, width": {
        "ContinuousParameterRanges": [LR, MOMENTUM],
        "IntegerParameterRanges": [HIDDEN],
    },
}

INTRODUCTION = """## Tuning

{trials} training jobs of a script that takes {seconds} s, {parallel} at a time: a tuning job
on the process backend, from its creation to its end, beside Optuna's `study.optimize` with
{parallel} threads that start the script as a plain subprocess. Budget: at most 1.3 x. Then what
both find: the best test accuracy of a small network on MNIST after {trials} trials one after the
other, Optuna with its defaults (TPE); the median of {seeds} seeds, to be at least Optuna's.

Medians (least to most) of {rounds} rounds. Optuna {version}, load average {load:.1f}.
"""


def main() -> None:
    parser = arguments(rounds=3)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with workshop() as place:
        ours = functools.partial(tuned, place, given.trials, given.seconds)
        theirs = functools.partial(optimized, place, given.trials, given.seconds)
        samples = collect([ours, theirs], given.rounds, warm=False)
    print(
        INTRODUCTION.format(
            trials=given.trials,
            seconds=f"{given.seconds:g}",
            parallel=PARALLEL,
            seeds=given.seeds,
            rounds=given.rounds,
            version=optuna.__version__,
            load=os.getloadavg()[0],
        )
    )
    times = pairwise(samples["ours"], samples["Optuna"], ratio)
    each = [
        (one - other) * PARALLEL / given.trials
        for one, other in zip(samples["ours"], samples["Optuna"], strict=True)
    ]
    rows = [
        [
            spread(samples["ours"], 1),
            spread(samples["Optuna"], 1),
            spread(times, 2),
            spread(each, 2),
            "1.3 x",
        ]
    ]
    header = ["tuning job, s", "Optuna alone, s", "ratio", "more a trial, s", "budget"]
    print(table(header, rows), end="\n\n")
    rows = []
    for name, ranges in PROBLEMS.items():
        found = [search(ranges, given.trials, seed) for seed in range(given.seeds)]
        peer = [optimize(ranges, given.trials, seed) for seed in range(given.seeds)]
        verdict = "yes" if statistics.median(found) >= statistics.median(peer) else "no"
        rows.append([name, spread(found, 4), spread(peer, 4), verdict])
    header = ["hyperparameters", "Bayesian, best accuracy", "Optuna's TPE", "at least as good"]
    print(table(header, rows), end="\n\n")


def request(place: Workshop, name: str, trials: int, seconds: float) -> dict[str, Any]:
    """A CreateHyperParameterTuningJob request."""
    training = place.request("process", None, place.script("train.py", SCRIPT))
    static = {**training.pop("HyperParameters"), "seconds": str(seconds)}
    tags = training.pop("Tags")
    for member in ("TrainingJobName", "InputDataConfig"):
        del training[member]
    metrics = [{"Name": "acc", "Regex": "acc=([0-9.]+)"}]
    training["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": config(PROBLEMS["learning rate"], trials, PARALLEL, 1),
        "TrainingJobDefinition": {**training, "StaticHyperParameters": static},
        "Tags": tags,
    }


def config(ranges: dict[str, Any], trials: int, parallel: int, seed: int) -> dict[str, Any]:
    return {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "acc"},
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": trials,
            "MaxParallelTrainingJobs": parallel,
        },
        "ParameterRanges": ranges,
        "RandomSeed": seed,
    }


def tuned(place: Workshop, trials: int, seconds: float) -> Sample:
    """One tuning job."""
    store, engine = place.app.in_region(place.app.settings.region)
    name = f"search-{time.time_ns() % 10**12}"
    began = time.monotonic()
    engine.tuning.create(request(place, name, trials, seconds), {})
    while not place.app.idle():
        time.sleep(0.01)
    wall = time.monotonic() - began
    job = store.tuning_jobs.get(name)
    done = [each.status for each in store.tuning_jobs.tuned(name)]
    if job.status != "Completed" or done != ["Completed"] * trials:
        raise SystemExit(f"{name} {job.status}: {job.failure_reason} {done}")
    return {"ours": wall}


def optimized(place: Workshop, trials: int, seconds: float) -> Sample:
    """The same script, run by Optuna."""
    script = place.script("train.py", SCRIPT)

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-4, 10, log=True)
        command = [PYTHON, str(script), "--lr", str(lr), "--seconds", str(seconds)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        return float(said.partition("acc=")[2])

    began = time.monotonic()
    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=trials, n_jobs=PARALLEL)
    return {"Optuna": time.monotonic() - began}


@functools.cache
def mnist() -> tuple[Any, ...]:
    """A few thousand digits: images and labels to train with, and to test with."""
    with np.load(digits()) as found:
        names = sorted(found.files)
        arrays = {name: found[name] for name in names}
    images, labels = (arrays[name] for name in _pick(arrays))
    images = images.reshape(len(images), -1).astype(np.float32) / 255
    return images[:4000], labels[:4000], images[4000:7000], labels[4000:7000]


def _pick(arrays: dict[str, Any]) -> tuple[str, str]:
    """The names of the largest array of images and of its labels."""
    images = max(arrays, key=lambda name: arrays[name].size)
    labels = next(n for n, a in arrays.items() if a.ndim == 1 and len(a) == len(arrays[images]))
    return images, labels


@functools.cache
def accuracy(lr: float, momentum: float = 0.0, hidden: int = 32) -> float:
    """What one epoch with these hyperparameters leads to; always the same."""
    train, truth, test, expected = mnist()
    random = np.random.default_rng(0)
    sizes = (train.shape[1], hidden, 10)
    weights = [
        random.normal(0, np.sqrt(2 / one), (one, other)).astype(np.float32)
        for one, other in itertools.pairwise(sizes)
    ]
    biases = [np.zeros(size, np.float32) for size in sizes[1:]]
    moved = [np.zeros_like(each) for each in (*weights, *biases)]
    with np.errstate(all="ignore"):
        for start in range(0, len(train), 32):
            x, y = train[start : start + 32], truth[start : start + 32]
            inner = np.maximum(x @ weights[0] + biases[0], 0)
            scores = inner @ weights[1] + biases[1]
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            error = scores / scores.sum(axis=1, keepdims=True)
            error[np.arange(len(y)), y] -= 1
            error /= len(y)
            back = (error @ weights[1].T) * (inner > 0)
            steps = [x.T @ back, inner.T @ error, back.sum(axis=0), error.sum(axis=0)]
            for index, step in enumerate(steps):
                moved[index] = momentum * moved[index] - lr * step
                (*weights, *biases)[index][...] += moved[index]
        inner = np.maximum(test @ weights[0] + biases[0], 0)
        guessed = np.nan_to_num(inner @ weights[1] + biases[1]).argmax(axis=1)
    return float((guessed == expected).mean())


def search(ranges: dict[str, Any], trials: int, seed: int) -> float:
    """The best that a tuning job's own choices lead to."""
    document = {
        "HyperParameterTuningJobName": "search",
        "HyperParameterTuningJobConfig": config(ranges, trials, 1, seed),
        "TrainingJobDefinition": {},
    }
    job = TuningJob(document, "123456789012", "us-east-1", 0.0, seed)
    tried: list[Tried] = []
    for ordinal in range(trials):
        point = suggest(job, job.definitions[0], ordinal, tried, [], next_point)
        assert point is not None
        tried.append(Tried(point, accuracy(**_numbers(point))))
    return max(each.objective or 0.0 for each in tried)


def _numbers(point: dict[str, str]) -> dict[str, Any]:
    kinds: dict[str, Callable[[str], float]] = {"hidden": int}
    return {name: kinds.get(name, float)(text) for name, text in point.items()}


def optimize(ranges: dict[str, Any], trials: int, seed: int) -> float:
    """The best that Optuna's own sampler leads to."""

    def objective(trial: optuna.Trial) -> float:
        found: dict[str, Any] = {}
        for each in ranges.get("ContinuousParameterRanges", ()):
            found[each["Name"]] = trial.suggest_float(
                each["Name"],
                float(each["MinValue"]),
                float(each["MaxValue"]),
                log=each["ScalingType"] == "Logarithmic",
            )
        for each in ranges.get("IntegerParameterRanges", ()):
            found[each["Name"]] = trial.suggest_int(
                each["Name"], int(each["MinValue"]), int(each["MaxValue"]), log=True
            )
        return accuracy(**found)

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    return study.best_value


if __name__ == "__main__":
    main()
