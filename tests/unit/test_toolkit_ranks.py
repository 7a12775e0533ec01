"""Which process failed first, from what torchrun and mpirun really write."""

import pytest

from sagelet_toolkit.ranks import first_to_fail, lost_a_peer

TORCHRUN = """\
W1127 03:56:02.128000 7060 torch/distributed/run.py:874] Setting OMP_NUM_THREADS to 1
{said}\
W1127 03:56:04.572000 7060 torch/distributed/elastic/multiprocessing/api.py:1028] Sending SIGTERM
E1127 03:56:04.604000 7060 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode)
Traceback (most recent call last):
  File "/opt/venv/bin/torchrun", line 8, in <module>
    sys.exit(main())
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
t.py FAILED
------------------------------------------------------------
Failures:
[1]:
  host      : algo-2
  rank      : 3 (local_rank: 1)
  exitcode  : -15 (pid: 7065)  (SIGTERM)
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-27_03:56:04
  host      : algo-2
  rank      : 2 (local_rank: 0)
  exitcode  : {code} (pid: 7066)
  error_file: <N/A>
============================================================
"""
BOOM = 'Traceback (most recent call last):\n  File "t.py", line 6, in <module>\nValueError: boom\n'
LOST = (
    'Traceback (most recent call last):\n  File "t.py", line 9, in <module>\n'
    "RuntimeError: [gloo/transport/tcp/pair.cc:553] Connection closed by peer [10.0.0.2]:29312.\n"
)


def by(rank, text):
    return "".join(f"[rank{rank}]: {line}\n" for line in text.splitlines())


def tagged(rank, host, text, stream="stderr"):
    label = f"[1,mpirank:{rank},{host}]<{stream}>:"
    return "".join(f"{label}{line}\n" for line in text.splitlines())


def read(text, status=1):
    fault = first_to_fail(text, status)
    return fault.status, fault.text.decode().rstrip("\n"), fault.where


def test_torchrun_names_the_process():
    text = TORCHRUN.format(said=by(2, BOOM) + by(3, LOST), code=1)
    assert read(text) == (1, BOOM.rstrip(), "Rank 2 on algo-2 failed first")


def test_a_process_that_lost_another_is_not_the_first():
    text = TORCHRUN.format(said=by(2, LOST) + by(3, BOOM), code=1)
    assert read(text) == (1, BOOM.rstrip(), "Rank 3 on algo-2 failed first")


def test_a_process_without_a_process_group_has_no_label():
    assert read(TORCHRUN.format(said=BOOM, code=3))[:2] == (3, BOOM.rstrip())


def test_torchrun_tells_of_a_signal():
    status, said, where = read(TORCHRUN.format(said="", code=-9))
    assert (status, said, where) == (-9, "", "Rank 2 on algo-2 failed first")


MPI_ABORT = """\
--------------------------------------------------------------------------
MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD
with errorcode 3.
--------------------------------------------------------------------------
"""
MPI_EXIT = """\
--------------------------------------------------------------------------
mpirun detected that one or more processes exited with non-zero status, thus causing
the job to be terminated. The first process to do so was:

  Process name: [[48929,1],1]
  Exit code:    4
--------------------------------------------------------------------------
"""
MPI_SIGNAL = """\
--------------------------------------------------------------------------
mpirun noticed that process rank 1 with PID 0 on node algo-2 exited on signal 9 (Killed).
--------------------------------------------------------------------------
"""
RUNPY = (
    "Traceback (most recent call last):\n"
    '  File "<frozen runpy>", line 198, in _run_module_as_main\n'
    '  File "/opt/venv/lib/python3.11/site-packages/mpi4py/run.py", line 53, in run_command_line\n'
    '    run_path(sys.argv[0], run_name="__main__")\n'
    '  File "t.py", line 6, in <module>\n'
    "    f()\n"
    "ValueError: boom\n"
)


@pytest.mark.parametrize(("report", "status"), [(MPI_ABORT, 3), (MPI_EXIT, 4), ("", 1)])
def test_mpirun_names_the_process_sometimes(report, status):
    said = (
        tagged(0, "algo-1", "epoch 1", "stdout")
        + tagged(1, "algo-2", RUNPY)
        + tagged(1, "algo-2", "printed meanwhile", "stdout")
        + tagged(0, "algo-1", LOST)
    )
    expected = (
        'Traceback (most recent call last):\n  File "t.py", line 6, in <module>\n    f()\n'
        "ValueError: boom"
    )
    assert read(" JOB MAP\n" + said + report) == (status, expected, "Rank 1 on algo-2 failed first")


def test_mpirun_tells_of_a_signal():
    text = tagged(1, "algo-2", "a last word") + MPI_SIGNAL
    assert read(text, 137) == (-9, "a last word", "Rank 1 on algo-2 failed first")


def test_both_labels_of_pytorchddp_go():
    assert read(tagged(1, "algo-2", by(1, BOOM)) + MPI_ABORT)[1] == BOOM.rstrip()


def test_what_nobody_understands_stays_whole():
    text = "There are not enough slots available in the system\n"
    assert read(text) == (1, text.rstrip(), "")


def test_consequences_are_told_from_causes():
    assert lost_a_peer(LOST)
    assert not lost_a_peer(BOOM)
