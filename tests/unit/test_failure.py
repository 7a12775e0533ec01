"""FailureReason, in SageMaker's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.failure import LIMIT, OUT_OF_MEMORY, blames_another, host_failure
from sagelet_toolkit import ranks

KILLED = "AlgorithmError: the host was killed by SIGKILL, exit code: 137 (algo-2)"


def why(text=None, code=1, *, oom=False, error=None, host=None):
    return host_failure(text, code, oom=oom, error=error, host=host)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({}, "AlgorithmError: , exit code: 1"),
        ({"text": "boom"}, "AlgorithmError: boom, exit code: 1"),
        ({"text": "\n boom \n"}, "AlgorithmError: boom, exit code: 1"),
        ({"text": "boom", "code": 137}, "AlgorithmError: boom, exit code: 137"),
        ({"text": "boom", "host": "algo-2"}, "AlgorithmError: boom, exit code: 1 (algo-2)"),
        ({"code": 137, "host": "algo-2"}, KILLED),
        ({"code": 200}, "AlgorithmError: , exit code: 200"),
        ({"error": "no such image"}, "ClientError: no such image"),
        ({"error": "no such file", "host": "algo-2"}, "ClientError: no such file (algo-2)"),
        ({"text": "boom", "code": 137, "oom": True}, OUT_OF_MEMORY),
        ({"code": 137, "oom": True, "host": "algo-2"}, f"{OUT_OF_MEMORY} (algo-2)"),
    ],
)
def test_the_reason(how, text):
    assert why(**how) == text


def test_a_host_that_wrote_nothing_and_left_with_0_did_not_fail():
    assert why(None, 0) is None


@pytest.mark.parametrize("text", ["boom", ""])
def test_a_failure_file_fails_the_job_whatever_the_exit_code(text):
    assert why(text, 0) == f"AlgorithmError: {text}, exit code: 0"


def test_a_host_that_never_started_failed_even_with_code_0():
    assert why(None, 0, error="x") == "ClientError: x"


@given(
    st.none() | st.text(max_size=30).map(lambda text: text * 100),
    st.integers(0, 255),
    st.booleans(),
    st.none() | st.text(min_size=1, max_size=30).map(lambda text: text * 100),
    st.none() | st.just("algo-100"),
)
def test_a_reason_fits_and_says_whose_fault_it_was(text, code, oom, error, host):
    reason = host_failure(text, code, oom=oom, error=error, host=host)
    if reason is not None:
        assert len(reason) <= LIMIT == 1024
        ours = error or (oom and code != 0)  # a host that left with 0 did not die of it
        assert reason.startswith("ClientError: " if ours else "AlgorithmError: ")


def test_a_long_reason_keeps_its_beginning_and_the_exit_code():
    reason = why("a" + "x" * 5000, 3, host="algo-2")
    assert len(reason) == 1024
    assert reason.startswith("AlgorithmError: axxx")
    assert reason.endswith("xxx, exit code: 3 (algo-2)")


@pytest.mark.parametrize("words", ["", *ranks._LOST])
def test_host_and_container_agree_on_what_is_no_cause(words):
    text = f"RuntimeError: {words} [10.0.0.2]"
    assert blames_another(text) == ranks.lost_a_peer(text) == bool(words)
