"""The toolkit's `train` when it cannot succeed: what SageMaker is told of the reason."""

import signal
import sys

import pytest

from support.toolkit import failed

# -- failures of the script


def test_exception_comes_first(job):
    job.configure(lr="0.1")
    job.script("def main():\n    raise ValueError('boom')\nmain()\n")
    failed(
        job, 1, f'Command "{sys.executable} -- train.py --lr 0.1"', "    raise ValueError('boom')"
    )
    assert job.failure().startswith(
        'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: boom\nTraceback (most'
    )


def test_deep_traceback_still_shows_the_cause(job):
    job.script("def f(n):\n    return f(n - 1) + 1 if n else {}['the key']\ntry:\n    f(40)\nexcept"
               " KeyError as e:\n    raise RuntimeError('x' * 3000) from e\n")  # fmt: skip
    failed(job, 1, 'ErrorMessage "RuntimeError: xxx')
    assert "KeyError: 'the key'" in job.failure()


@pytest.mark.parametrize(
    ("script", "first"),
    [
        ("import sys; sys.exit(3)", "nothing was written to stderr"),
        ("import sys\nprint('KeyError: harmless', file=sys.stderr)\nsys.exit('REAL: disk full')",
         "REAL: disk full"),
        ("import sys\nprint('ERROR: minor', file=sys.stderr)\nsys.exit('REAL')", "REAL"),
        ("x = = 1", "SyntaxError: invalid syntax"),
        ("import argparse; argparse.ArgumentParser().parse_args()",
         "train.py: error: unrecognized arguments: --lr 1"),
        ("import sys; sys.stderr.write('50%|##  | 1/2\\r50%|## | 1/2'); raise OSError('full')",
         "OSError: full"),
        ("raise RuntimeError('CUDA error\\nCompile with X')", "RuntimeError: CUDA error\nCompile"),
        ("raise ValueError('last') from ExceptionGroup('g', [KeyError('a')])", "ValueError: last"),
        ("raise ExceptionGroup('g', [KeyError('inner')])", "ExceptionGroup: g (1 sub-exc"),
    ],
)  # fmt: skip
def test_reason_is_what_ended_the_script(job, script, first):
    job.configure(lr="1")
    job.script(script)
    failed(job, 1, f'ErrorMessage "{first}')


@pytest.mark.parametrize(
    ("number", "phrase"),
    [(signal.SIGKILL, "OutOfMemory"), (signal.SIGSEGV, "SIGSEGV"), (signal.SIGABRT, "SIGABRT")],
)
def test_end_by_signal_exits_128_plus_n(job, number, phrase):
    job.script(f"import os; os.kill(os.getpid(), {int(number)})")
    failed(job, 128 + number, f"ExitCode -{int(number)}", phrase)


def test_failure_file_of_the_script_is_kept(job):
    job.script(f"open('{job.base}/output/failure', 'w').write('mine')\nraise ValueError('theirs')")
    failed(job, 1, "mine")
    assert job.failure() == "mine"


def test_failure_file_and_success(job):
    job.script(f"open('{job.base}/output/failure', 'w').write('mine')")
    assert job.run().returncode == 0
    assert job.failure() == "mine"


def test_a_host_that_lost_another_lets_it_speak_first(job):
    """The cause and what it brings about end together; the platform believes who ends first."""
    job.write_config("resourceconfig", '{"current_host":"algo-1","hosts":["algo-1","algo-2"]}')
    job.script("import sys; sys.exit('RuntimeError: Connection closed by peer')")
    told = failed(job, 1, "Connection closed by peer", SM_STUDIO_LOCAL_MODE="true").stderr
    assert "waiting for that one's reason" in told
    (job.base / "output" / "failure").unlink()
    job.script("import sys; sys.exit('RuntimeError: out of patience')")
    told = failed(job, 1, "out of patience", SM_STUDIO_LOCAL_MODE="true").stderr
    assert "waiting for that one's reason" not in told


# -- failures before the script


def test_missing_script_shows_what_is_there(job):
    job.script("", "main.py")
    job.script("", "lib/a.py")
    failed(job, 1, "'train.py' is not in", "which holds: lib/, main.py.")


def test_missing_script_in_an_empty_directory(job):
    failed(job, 1, "which holds: nothing.")


def test_no_program(job):
    job.write_config("hyperparameters", "{}")
    failed(job, 1, "No entry point", "sagemaker_program")


@pytest.mark.parametrize(
    ("name", "fault"),
    [("my train.py", "' '"), ("trän.py", "'ä'"), ("-c", "begins with '-'"), ("/bin/sh", "'/'"),
     ("../x.py", "'..'"), ("a//b.py", "empty path segment")],
)  # fmt: skip
def test_names_sagemaker_refuses(job, name, fault):
    job.configure(sagemaker_program=name)
    failed(job, 1, "cannot be used", fault)


@pytest.mark.parametrize("name", ["hyperparameters", "resourceconfig", "inputdataconfig"])
def test_broken_configuration(job, name):
    path = job.base / "input" / "config" / f"{name}.json"
    job.write_config(name, '{"a": 1,}' + " " * 2000)
    failed(job, 1, f"Framework Error: {path} is not valid JSON", "line 1 column")
    for text, phrase in [("[]", "must hold a JSON object, not list"), (None, "does not exist")]:
        (job.base / "output" / "failure").unlink()
        path.write_text(text) if text else path.unlink()
        failed(job, 1 if text else 2, phrase, str(path))


@pytest.mark.parametrize("document", ["{}", '{"hosts":["a"]}', '{"hosts":"a","current_host":"a"}'])
def test_incomplete_resource_configuration(job, document):
    job.write_config("resourceconfig", document)
    failed(job, 1, "resourceconfig.json must name")


def test_no_tree_at_all(job, tmp_path):
    result = job.run(SAGEMAKER_BASE_DIR=str(tmp_path / "nowhere"))
    assert result.returncode == 2
    assert "does not exist" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("name", "value", "exit_code", "phrases"),
    [
        ("blob", "x" * 140_000, 7, ["Argument list too long", "SM_HP_BLOB alone 140"]),
        ("nul", "a\0b", 1, ["NUL", "--nul"]),
        ("a=b", "1", 1, ["'SM_HP_A=B'", "'='"]),
        ("lone", "\ud800", 1, ["not valid Unicode"]),
    ],
)
def test_hyperparameters_a_process_cannot_be_given(job, name, value, exit_code, phrases):
    job.configure(**{name: value})
    job.script("")
    failed(job, exit_code, *[phrase for phrase in phrases if phrase != "--nul"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("distributed_dataparallel", "torchrun is not on PATH"),
        ("pytorch_xla_multi_worker", "SageMaker's own images"),
        ("torch_distributed", "torchrun is not on PATH"),
        ("mpi", "There is no mpirun"),
        ("pytorch_ddp", "torchrun is not on PATH"),
    ],
)
def test_launchers_that_cannot_run_say_why(job, name, says):
    job.script("print('ran')")
    job.configure(**{f"sagemaker_{name}_enabled": "true"})
    assert failed(job, 1, says, PATH="/nowhere").stdout == ""
    job.configure(**{f"sagemaker_{name}_enabled": "false"})
    assert job.run().stdout == "ran\n"


def test_a_failure_of_ours_is_told_too(job):
    job.script("")
    (job.base / "output" / "success").mkdir()
    result = job.run()
    assert result.returncode != 0
    assert job.failure().startswith("Framework Error: ")
