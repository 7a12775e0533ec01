"""The MNIST examples on several hosts: one model, every digit once an epoch, saved once."""

import io
import json
import os
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from support.cli import sagelet
from support.serve import EXAMPLES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: Runs the example beside it, and writes down which digits its host trained on, in their order.
WATCHED = """
import os
import numpy as np
import {example} as example

kind = example.{kind}
taken, take = [], kind.take

def watched(self, chosen):
    if len(self) == 10_000:
        taken.append(np.array(chosen))
    return take(self, chosen)

kind.take = watched
example.main()
host = os.environ["SM_CURRENT_HOST"]
np.savez(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], f"{{host}}.npz"), *taken)
"""

EPOCHS = 2

#: Where framework environments are kept between runs.
CACHE = os.environ.get("SAGELET_CACHE")


@pytest.mark.parametrize(
    ("framework", "kind", "hosts", "backend"),
    [
        ("pytorch", "Split", 4, "process"),
        pytest.param("pytorch", "Split", 2, "docker", marks=pytest.mark.docker),
        ("tensorflow", "Digits", 2, "process"),
        pytest.param("tensorflow", "Digits", 2, "docker", marks=pytest.mark.docker),
    ],
)
def test_hosts_train_one_model_together(
    home: Path,
    digits: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    framework: str,
    kind: str,
    hosts: int,
    backend: str,
) -> None:
    monkeypatch.delenv("SAGELET_CACHE")
    if CACHE is not None:
        monkeypatch.setenv("SAGELET_CACHE", CACHE)
    source = tmp_path / "source"
    source.mkdir()
    example = f"{framework}_mnist"
    shutil.copy(EXAMPLES / f"mnist/{example}.py", source)
    (source / "watched.py").write_text(WATCHED.format(example=example, kind=kind))
    done = sagelet(
        *("train", "watched.py", "--source-dir", str(source), "--framework", framework),
        *("--hosts", str(hosts), "--backend", backend, "--name", "together", "--model", "digits"),
        *("--channel", f"training={digits}", "--hp", f"epochs={EPOCHS}", "--json"),
        timeout=850,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    artifacts = json.loads(done.stdout)["ModelArtifacts"]["S3ModelArtifacts"]
    logs = [(home / f"jobs/us-east-1/together/algo-{n}/log").read_text() for n in numbers(hosts)]
    weights = {re.search(r"^weights=([0-9a-f]{16})$", log, re.MULTILINE)[1] for log in logs}
    assert len(weights) == 1
    accuracy = re.findall(r"test_accuracy=([0-9.]+)", "".join(logs))
    assert len(accuracy) == EPOCHS  # one host says it
    assert float(accuracy[-1]) > 0.9

    share = 10_000 // hosts
    with tarfile.open(Path(artifacts.removeprefix("file://")).with_name("output.tar.gz")) as tar:
        taken = [epochs(read(tar, f"algo-{n}.npz"), share) for n in numbers(hosts)]
    for epoch in range(EPOCHS):
        seen = np.concatenate([of_host[epoch] for of_host in taken])
        assert np.array_equal(np.sort(seen), np.arange(10_000))
    assert not np.array_equal(taken[0][0], taken[0][1])

    versions = json.loads(sagelet("models", "--json").stdout)
    assert [(v["Name"], v["Version"]) for v in versions] == [("digits", 1)]
    with tarfile.open(home / "models/digits/1/model.tar.gz") as tar:
        roots = {name.partition("/")[0] for name in tar.getnames()}
    assert roots == {"000000001"}


def numbers(hosts: int) -> range:
    return range(1, hosts + 1)


def read(tar: tarfile.TarFile, name: str) -> list[np.ndarray]:
    with np.load(io.BytesIO(tar.extractfile(name).read())) as batches:
        return [batches[f"arr_{number}"] for number in range(len(batches))]


def epochs(batches: list[np.ndarray], share: int) -> list[np.ndarray]:
    """A host's digits by epoch; a reader may look at a first batch, and then begin again."""
    found, run = [], []
    for chosen in batches:
        if run and np.array_equal(chosen, run[0]):
            run = []
        run.append(chosen)
        if sum(map(len, run)) >= share:
            found.append(np.concatenate(run))
            run = []
    return found
