"""What a script prints passes the toolkit's `train` whole, unchanged and in order."""

import os
import signal
import subprocess

import pytest

from support.toolkit import LIMIT

GARBAGE = bytes(range(256)) * 300 + b"\r\n\n\xff\xfe no newline at the end"


def test_stdout_is_inherited(job):
    job.script("import os; print(os.fstat(1).st_ino, os.fstat(2).st_ino)")
    (reading, writing), (reading_error, writing_error) = os.pipe(), os.pipe()
    inodes = os.fstat(writing).st_ino, os.fstat(writing_error).st_ino
    with subprocess.Popen(job.command, stdout=writing, stderr=writing_error, env=job.environ({})):
        os.close(writing)
        os.close(writing_error)
        with os.fdopen(reading, "rb") as output, os.fdopen(reading_error, "rb") as log:
            seen = [int(word) for word in output.read().split()]
            log.read()
    assert seen[0] == inodes[0]
    assert seen[1] != inodes[1]


def test_binary_output_passes_unchanged(job):
    job.script(f"import os\nfor fd in (1, 2): os.write(fd, b'<<<'); os.write(fd, {GARBAGE!r})\n"
               "os._exit(1)")  # fmt: skip
    result = job.run(text=False)
    assert result.stdout == b"<<<" + GARBAGE
    assert b"<<<" + GARBAGE + b"20" in result.stderr
    assert "no newline at the end" in job.failure()[:LIMIT]


def test_one_line_of_ten_megabytes(job):
    job.script("import sys\nfor s in (sys.stdout, sys.stderr): s.write('é' * 5_000_000)\n"
               "raise SystemExit(1)")  # fmt: skip
    result = job.run(PYTHONIOENCODING="utf-8")
    assert result.stdout == "é" * 5_000_000
    assert "é" * 5_000_000 in result.stderr
    assert len(job.failure()) < 100_000


@pytest.mark.parametrize("to", ["pipe", "file"])
def test_order_is_kept_where_both_streams_are_one(job, tmp_path, to):
    job.script("import os\nfor n in range(3000): os.write(1 + n % 2, b'%d\\n' % n)\n"
               "raise ValueError('last')")  # fmt: skip
    target = tmp_path / "log"
    with target.open("wb") as file:
        process = subprocess.Popen(
            job.command,
            stdout=subprocess.PIPE if to == "pipe" else file,
            stderr=subprocess.STDOUT,
            env=job.environ({}),
        )
        output = process.communicate()[0] or target.read_bytes()
    assert [int(line) for line in output.splitlines() if line.isdigit()] == list(range(3000))
    assert 'ErrorMessage "ValueError: last' in job.failure()


def test_stderr_nobody_reads_ends_the_script_as_it_would_alone(job):
    job.script("import os, time\ntime.sleep(0.5)\nfor _ in range(100): os.write(2, b'x' * 65536)")
    process = subprocess.Popen(
        job.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=job.environ({})
    )
    process.stderr.close()
    assert process.wait(60) in (1, 128 + signal.SIGPIPE)
    assert "ExitCode" in job.failure()


@pytest.mark.parametrize("to", ["stdout", "stderr"])
def test_a_million_lines_arrive_in_order(job, to):
    job.script(
        f"import sys\nwith open(sys.{to}.fileno(), 'w', closefd=False) as file:\n"
        "    for n in range(1_000_000): print('line', n, file=file)\n"
    )
    result = job.run()
    assert result.returncode == 0
    lines = [line for line in getattr(result, to).splitlines() if line.startswith("line ")]
    assert lines == [f"line {n}" for n in range(1_000_000)]
