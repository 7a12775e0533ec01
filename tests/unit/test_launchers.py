"""Which launchers a job asks for, and what is refused before it starts."""

import pytest

from sagelet.domain.errors import ValidationException
from sagelet.domain.hosts import plan
from sagelet.domain.launchers import (
    MPI,
    MULTI_WORKER,
    PARAMETER_SERVER,
    SMDDP,
    XLA,
    check_launchers,
    launchers_of,
)


def test_a_launcher_is_asked_for_by_a_value_that_is_true():
    asked = {
        MPI: "true",
        "sagemaker_pytorch_ddp_enabled": '"yes"',
        "sagemaker_torch_distributed_enabled": "false",
        "sagemaker_parameter_server_enabled": "0",
        "lr": "true",
    }
    assert launchers_of(asked) == (MPI, "sagemaker_pytorch_ddp_enabled")
    assert launchers_of({MPI: "True"}) == (MPI,)  # no JSON: a text, and not an empty one


def test_a_plan_names_its_launchers(job_of):
    made = plan(job_of(HyperParameters={MPI: "true"}), "/folder", {}, None)
    assert made.launchers == (MPI,)


def check(*launchers, framework="pytorch", hosts=1, shared=False):
    check_launchers(launchers, framework, hosts, shared_machine=shared)


def test_what_exists_only_on_sagemaker_is_refused():
    with pytest.raises(ValidationException, match=f"HyperParameters.{XLA}: .*torch_distributed"):
        check(XLA)
    with pytest.raises(ValidationException, match=f"{SMDDP}: .*multi_worker_mirrored_strategy"):
        check(SMDDP, framework="tensorflow")
    check(MPI, SMDDP, framework="tensorflow")  # MPI comes first
    check("sagemaker_torch_distributed_enabled", SMDDP, XLA)


def test_what_sdk_2_sends_for_pytorchddp_is_not_refused():
    check(SMDDP, hosts=2)
    check(SMDDP, hosts=2, shared=True)


def test_mpi_between_hosts_needs_hosts():
    check(MPI, hosts=2)
    check(MPI, shared=True)
    with pytest.raises(ValidationException, match="needs Docker"):
        check(MPI, hosts=2, shared=True)


@pytest.mark.parametrize("name", [MULTI_WORKER, PARAMETER_SERVER])
@pytest.mark.parametrize("shared", [True, False])
def test_tensorflow_runs_between_hosts_everywhere(name, shared):
    check(name, framework="tensorflow", hosts=2, shared=shared)
