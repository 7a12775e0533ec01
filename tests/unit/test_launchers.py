"""Which launchers a job asks for, and what is refused before it starts."""

import pytest

from sagelet.domain.errors import ValidationException
from sagelet.domain.hosts import plan
from sagelet.domain.launchers import ELSEWHERE, MPI, check_launchers, launchers_of


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


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_exists_only_on_sagemaker_is_refused(name):
    with pytest.raises(ValidationException, match=f"HyperParameters.{name}: .*torch_distributed"):
        check_launchers((name,), 1, shared_machine=False)


def test_mpi_between_hosts_needs_hosts():
    check_launchers((MPI,), 2, shared_machine=False)
    check_launchers((MPI,), 1, shared_machine=True)
    with pytest.raises(ValidationException, match="needs Docker"):
        check_launchers((MPI,), 2, shared_machine=True)
