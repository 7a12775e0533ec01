"""How long until the user's first line: our `train`, sagemaker-training's, and no toolkit at all.

Every round runs each contender once, so that a busy moment hits all of them. Medians, one process.
Usage: python benchmarks/toolkit.py [rounds]
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = Path(__file__).parents[1] / "containers" / "toolkit" / "bin" / "train"
SCRIPT = """import time
first_line = time.time_ns()
import os
with open(os.environ["FIRST_LINE"], "w") as file:
    file.write(str(first_line))
"""
CONFIG = {
    "hyperparameters": {
        "sagemaker_program": '"train.py"',
        "lr": "0.1",
        "epochs": "5",
        "opt": "adam",
    },
    "inputdataconfig": {"training": {"TrainingInputMode": "File"}},
    "resourceconfig": {"current_host": "localhost", "hosts": ["localhost"]},
}


def prepare(base):
    for name, document in CONFIG.items():
        path = base / "input" / "config" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    for name in ("code", "output", "model"):
        (base / name).mkdir()
    (base / "code" / "train.py").write_text(SCRIPT)
    return base / "code" / "train.py"


def contenders(script):
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "python train.py": [python, str(script)],
        "sagelet train": [python, "-IS", str(TRAIN)],
    }
    if importlib.util.find_spec("sagemaker_training"):
        commands["sagemaker-training train"] = [python, "-m", "sagemaker_training.cli.train"]
    else:
        print("sagemaker-training is not installed: left out\n")
    return commands


def measure(command, environ, stamp):
    """Milliseconds until the first line (nan without a script) and until the end."""
    stamp.unlink(missing_ok=True)
    started = time.time_ns()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    total = time.time_ns() - started
    first = int(stamp.read_text()) - started if stamp.exists() else float("nan")
    return first / 1e6, total / 1e6


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory)
        commands = contenders(prepare(base))
        stamp = base / "first-line"
        environ = {**os.environ, "SAGEMAKER_BASE_DIR": directory, "FIRST_LINE": str(stamp)}
        times = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                measured = measure(command, environ, stamp)
                if number:  # the first round fills caches
                    times[name].append(measured)
    unit = statistics.median(total for _, total in times["python -c pass"])
    print(f"Medians of {rounds} rounds, Python {sys.version.split()[0]}, milliseconds\n")
    print("| command | first line | x pass | total | x pass |")
    print("|---|---:|---:|---:|---:|")
    for name, measured in times.items():
        first, total = (statistics.median(column) for column in zip(*measured, strict=True))
        shown = f"{first:.1f} | {first / unit:.2f}" if first == first else "- | -"  # noqa: PLR0124
        print(f"| `{name}` | {shown} | {total:.1f} | {total / unit:.2f} |")


if __name__ == "__main__":
    main()
