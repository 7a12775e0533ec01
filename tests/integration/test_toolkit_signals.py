"""The toolkit's `train` and processes: signals on their way to the script, and nothing left over.

Also as PID 1, which gets every orphan and no signal that it does not ask for.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.toolkit import end, package, pip, wait_for

HANDLER = """
import signal, sys, time
def handler(number, frame):
    print("saving", number, flush=True)
    sys.exit({code})
signal.signal(signal.{name}, handler)
print("ready", flush=True)
for _ in range(600):
    time.sleep(0.1)
"""


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 1)])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_signals_reach_the_script(job, name, code, expected):
    job.script(HANDLER.format(name=name, code=code))
    process = job.start()
    wait_for(process, "ready")
    process.send_signal(getattr(signal, name))
    exit_code, output = end(process)
    assert exit_code == expected
    assert f"saving {int(getattr(signal, name))}\n" in output
    assert job.succeeded() == (code == 0)


def test_script_without_a_handler_ends_by_the_signal(job):
    job.script("import time; print('ready'); time.sleep(60)")
    process = job.start()
    wait_for(process, "ready")
    process.terminate()
    assert end(process)[0] == 128 + signal.SIGTERM
    assert "ExitCode -15" in job.failure()
    assert "SIGTERM" in job.failure()


def test_script_that_ignores_the_signal_is_waited_for(job):
    job.script("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
               "print('ready'); time.sleep(1.5); print('done')")  # fmt: skip
    process = job.start()
    wait_for(process, "ready")
    process.terminate()
    exit_code, output = end(process)
    assert exit_code == 0
    assert "done" in output


def test_signal_while_installing_ends_the_job(job, tmp_path):
    package(job, hook="import time; open('building', 'w').close(); time.sleep(60)")
    process = job.start(**pip(tmp_path))
    deadline = time.monotonic() + 60
    while not (job.code / "building").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    exit_code, _ = end(process)
    assert exit_code == 128 + signal.SIGTERM
    assert not job.succeeded()


def test_signal_while_waiting_for_hosts_ends_the_job(job):
    job.script("print('ran')")
    job.write_config(
        "resourceconfig", '{"current_host":"127.0.0.1","hosts":["127.0.0.1","algo-2.invalid"]}'
    )
    process = job.start()
    wait_for(process, "Waiting for the name of host algo-2.invalid")
    process.terminate()
    assert end(process)[0] == 128 + signal.SIGTERM
    assert "Stopped by signal 15 before the script ran" in job.failure()


def gone(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


@pytest.mark.parametrize("stubborn", [False, True])
def test_nothing_is_left_running(job, stubborn):
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if stubborn else ""
    job.script(
        "import os, signal, time\n"
        "pid = os.fork()\n"
        f"if not pid:\n    {ignore or 'pass'}\n    time.sleep(60)\n"
        "    print('outlived', flush=True)\n    os._exit(0)\n"
        "time.sleep(0.3)\nprint(pid)\n"
    )
    result = job.run()  # returns at the end of stdout and stderr: the child held both
    assert result.returncode == 0
    assert "outlived" not in result.stdout
    assert gone(int(result.stdout))


def test_process_outside_the_group_cannot_hold_the_job(job, tmp_path):
    job.script(
        "import os, sys, time\n"
        "if not os.fork():\n    os.setsid()\n    os.dup2(os.open('/dev/null', 1), 1)\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n    os._exit(0)\n"
        "time.sleep(0.3)\nprint('late', file=sys.stderr)\n"
    )
    result = job.run()
    pid = int((tmp_path / "pid").read_text())
    assert not gone(pid), "the job waited for it"
    os.kill(pid, signal.SIGKILL)
    assert result.returncode == 0
    assert "late" in result.stderr


UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def can_unshare():
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pid_1 = pytest.mark.skipif(not can_unshare(), reason="unshare(1) may not make a PID namespace here")


@pid_1
def test_orphans_are_reaped_as_pid_1(job):
    job.script(
        "import glob, os, time\n"
        "if not os.fork():\n    if not os.fork():\n        time.sleep(0.2)\n    os._exit(0)\n"
        "os.wait()\ntime.sleep(1)\n"
        "states = [open(path).read().rsplit(')', 1)[1].split()[:2]\n"
        "          for path in glob.glob('/proc/[0-9]*/stat')]\n"
        "print('parent', os.getppid(), 'zombies', sum(s == 'Z' for s, _ in states))\n"
    )
    exit_code, output = end(job.start(prefix=UNSHARE))
    assert exit_code == 0, output
    assert "parent 1 zombies 0" in output


@pid_1
def test_sigterm_reaches_the_script_as_pid_1(job):
    job.script(HANDLER.format(name="SIGTERM", code=0))
    process = job.start(prefix=UNSHARE)
    wait_for(process, "ready")
    stats = (path.read_text().rsplit(")", 1) for path in Path("/proc").glob("[0-9]*/stat"))
    toolkit = [head.split()[0] for head, tail in stats if tail.split()[1] == str(process.pid)]
    os.kill(int(toolkit[0]), signal.SIGTERM)
    exit_code, output = end(process)
    assert exit_code == 0
    assert "saving 15" in output
