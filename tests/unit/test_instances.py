"""What an instance type has."""

import pytest

from sagelet.aws.model import load_operation
from sagelet.domain.instances import InstanceSize, instance_size

#: Accelerated types whose capacity is not known here: such a job must say --gpus itself.
UNKNOWN_GPUS = ("ml.g7.", "ml.g7e.", "ml.p6e-gb200.")


@pytest.mark.parametrize(
    ("name", "cpus", "memory", "gpus"),
    [
        ("ml.m5.large", 2, 8, 0),
        ("ml.m5.xlarge", 4, 16, 0),
        ("ml.m5.24xlarge", 96, 384, 0),
        ("ml.m4.10xlarge", 40, 160, 0),
        ("ml.c5.xlarge", 4, 8, 0),
        ("ml.c5.9xlarge", 36, 72, 0),
        ("ml.c5n.18xlarge", 72, 192, 0),
        ("ml.c6i.32xlarge", 128, 256, 0),
        ("ml.r5d.16xlarge", 64, 512, 0),
        ("ml.c6g.medium", 1, 2, 0),
        ("ml.m7i-flex.4xlarge", 16, 64, 0),
        ("ml.t3.medium", 2, 4, 0),
        ("ml.p3.2xlarge", 8, 61, 1),
        ("ml.p3.16xlarge", 64, 488, 8),
        ("ml.g4dn.12xlarge", 48, 192, 4),
        ("ml.g6e.24xlarge", 96, 768, 4),
        ("ml.p5.4xlarge", 16, 256, 1),
        ("ml.p4d.24xlarge", 96, 1152, 8),
        ("m5.large", 2, 8, 0),
    ],
)
def test_published_figures(name, cpus, memory, gpus):
    assert instance_size(name) == InstanceSize(cpus, memory, gpus)


@pytest.mark.parametrize(
    "name", ["local", "local_gpu", "", "ml.m5", "ml.m5.metal", "ml.trn1.2xlarge", "ml.x.large"]
)
def test_what_is_unknown_limits_nothing(name):
    assert instance_size(name) is None


def test_every_training_type_with_gpus_asks_for_them(tmp_path):
    shapes = load_operation("sagemaker", "CreateTrainingJob", tmp_path).shapes
    accelerated = [t for t in shapes["TrainingInstanceType"]["enum"] if t[3] in "gp"]
    assert len(accelerated) > 40
    for name in accelerated:
        if not name.startswith(UNKNOWN_GPUS):
            assert instance_size(name).gpus, name


def test_only_accelerated_types_have_gpus(tmp_path):
    shapes = load_operation("sagemaker", "CreateTrainingJob", tmp_path).shapes
    for name in shapes["TrainingInstanceType"]["enum"]:
        size = instance_size(name)
        if size and name[3] not in "gp":
            assert (size.gpus, size.cpus > 0, size.memory > 0) == (0, True, True)
