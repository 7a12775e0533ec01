"""Image URIs: which framework they ask for, and what its scripts' time needs."""

import pytest

from sagelet.domain.frameworks import Framework, framework_of

AWS = "763104351884.dkr.ecr.us-west-2.amazonaws.com"
OLD = "520713654638.dkr.ecr.eu-west-1.amazonaws.com"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
CHINA = "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    ("uri", "name", "version"),
    [
        (f"{AWS}/tensorflow-training:2.1.0-gpu-py3", "tensorflow", "2.1.0"),
        (f"{AWS}/tensorflow-training:2.13-cpu-py310", "tensorflow", "2.13"),
        (
            f"{AWS}/tensorflow-training:2.16.2-gpu-py310-cu123-ubuntu20.04-sagemaker",
            "tensorflow",
            "2.16.2",
        ),
        (f"{AWS}/pytorch-training:1.6.0-gpu-py3", "pytorch", "1.6.0"),
        (f"{AWS}/pytorch-training:2.3-cpu-py311", "pytorch", "2.3"),
        (f"{CHINA}/pytorch-training:2.3-cpu-py311", "pytorch", "2.3"),
        (f"{OLD}/sagemaker-tensorflow-scriptmode:1.12-cpu-py3", "tensorflow", "1.12"),
        (f"{OLD}/sagemaker-tensorflow:1.9-gpu-py2", "tensorflow", "1.9"),
        (f"{OLD}/sagemaker-pytorch:1.0.0-cpu-py3", "pytorch", "1.0.0"),
        (f"{AWS}/pytorch-training:2.3-cpu-py311@sha256:{'a' * 64}", "pytorch", "2.3"),
        (f"{AWS}/pytorch-training@sha256:{'a' * 64}", "pytorch", None),
        (f"{AWS}/tensorflow-training:latest", "tensorflow", None),
        ("tensorflow-training:2.13-cpu-py310", "tensorflow", "2.13"),
        ("pytorch-training", "pytorch", None),
        ("sagelet/pytorch-training:2.13.0-cpu", "pytorch", "2.13.0"),
        ("sagelet/tensorflow:cpu", "tensorflow", None),
        ("pytorch", "pytorch", None),
        ("tensorflow", "tensorflow", None),
        ("pytorch:2.3-gpu", "pytorch", "2.3"),
        (f"{SKLEARN}/sagemaker-scikit-learn:1.4-2-cpu-py3", "sklearn", "1.4"),
        (f"{SKLEARN}/sagemaker-scikit-learn:0.20.0-cpu-py3", "sklearn", "0.20.0"),
        ("sagemaker-scikit-learn:1.2-1", "sklearn", "1.2"),
        ("sagelet/sklearn:1.2.2-cpu", "sklearn", "1.2.2"),
        ("sklearn", "sklearn", None),
    ],
)
def test_training_images_name_their_framework(uri, name, version):
    assert framework_of(uri) == Framework(name, version)


@pytest.mark.parametrize(
    "uri",
    [
        "mine:1",
        "python",
        "",
        "tensorflow:2.16.1",
        "pytorch:latest",
        "pytorch/pytorch:2.3.0-cuda12.1-cudnn8-runtime",
        "tensorflow/tensorflow:latest-gpu",
        "localhost:5000/pytorch-training:2.3-cpu",
        "my-pytorch-training:2.3-cpu-py311",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-algorithm:1",
        f"{AWS}/tensorflow-inference:2.13-cpu",
        f"{AWS}/pytorch-inference:2.3-cpu-py311",
        f"{AWS}/huggingface-pytorch-training:1.13.1-transformers4.26.0-gpu-py39-cu117-ubuntu20.04",
        "520713654638.dkr.ecr.us-west-2.amazonaws.com/sagemaker-tensorflow-serving:1.12-cpu",
        "sklearn:latest",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest",
        "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer",
    ],
)
def test_other_images_are_somebody_s_own(uri):
    assert framework_of(uri) is None


@pytest.mark.parametrize("version", ["1.12", "2.0", "2.1.0", "2.9.1", "2.13", "2.15", "2.15.0"])
def test_tensorflow_before_2_16_gets_keras_2(version):
    framework = framework_of(f"{AWS}/tensorflow-training:{version}-cpu-py3")
    assert framework.environment == {"TF_USE_LEGACY_KERAS": "1"}


@pytest.mark.parametrize("tag", [":2.16", ":2.16.1-cpu", ":2.21.0-gpu", ":3.0", ":latest", ""])
def test_later_tensorflow_keeps_its_own_keras(tag):
    assert framework_of(f"tensorflow-training{tag}").environment == {}


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        (":0.20.0-cpu-py3", {"SAGELET_SKLEARN": "0.20"}),
        (":0.23-1-cpu-py3", {}),
        (":1.2-1-cpu-py3", {}),
        ("", {}),
    ],
)
def test_scripts_for_scikit_learn_0_20_find_its_names(tag, found):
    assert framework_of(f"{SKLEARN}/sagemaker-scikit-learn{tag}").environment == found


def test_keras_is_no_matter_of_torch():
    assert framework_of(f"{AWS}/pytorch-training:1.6.0-gpu-py3").environment == {}
