"""A script in an interpreter that was kept ready does what it does in a fresh one.

Each script runs both ways, by the same toolkit in the same kind of folder; all that can be seen of
it is compared.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[2] / "containers" / "toolkit" / "bin" / "train"

#: Says in which process it was imported; loads what a framework would load.
FRAMEWORK = """
import json, logging, os, random, threading
with open(os.environ["IMPORTED"], "w") as file:
    file.write(str(os.getpid()))
"""

#: Before every script, on one line, so that the lines after it keep their numbers.
FIRST = (
    "import os; __name__ == '__main__' and "
    "open(os.environ['SM_MODEL_DIR'] + '/pid', 'w').write(str(os.getpid()))\n"
)

SAME = {
    "names": "print({k: str(v) for k, v in globals().items() if k not in ('os',)})",
    "module": "import sys\nprint(vars(sys.modules['__main__']) is globals(), __file__, __spec__)",
    "arguments": "import sys\nprint(sys.argv, getattr(sys, 'orig_argv', None), sys.flags)",
    "search path": "import sys\nprint(sys.path, os.getcwd())",
    "environment": "print(sorted(os.environ.items()))",
    "traceback": "def f():\n    raise KeyError('k')\nf()",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError from e",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0], a[2].tb_lineno)\n1 / 0",
    "exit text": "import sys\nsys.exit('no more')",
    "exit code": "import sys\nsys.exit(3)",
    "exit none": "raise SystemExit",
    "exit at once": "print('before')\nos._exit(4)",
    "killed": "os.kill(os.getpid(), 9)",
    "terminated": "os.kill(os.getpid(), 15)",
    "interrupted": "import time\nos.kill(os.getpid(), 2)\ntime.sleep(9)",
    "syntax": "def f(:\n",
    "missing module": "import not_there",
    "input": "import sys\nprint(repr(sys.stdin.read()))",
    "handlers": "import signal\nprint([str(signal.getsignal(n)) for n in (1, 2, 13, 15, 17)])",
    "files": "print(sorted(os.listdir('/proc/self/fd')))",
    "group": "print(os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid())",
    "at exit": "import atexit, threading, time\natexit.register(print, 'last')\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()",
    "unbuffered": "import sys\nsys.stdout.write('no end')\nsys.stderr.write('err')\nos._exit(0)",
    "beside": "import beside\nprint(beside.__file__, beside.VALUE)",
    "resources": "import importlib.util\nprint(importlib.util.find_spec('beside').origin)",
    "spawn": "import multiprocessing as m\ndef f(x):\n    return x + 1\n"
    "if __name__ == '__main__':\n"
    "    with m.get_context('spawn').Pool(1) as p:\n        print(p.map(f, [1, 2]))",
    "fork": "import multiprocessing as m\ndef f(x):\n    return os.environ['SM_HP_A']\n"
    "with m.get_context('fork').Pool(1) as p:\n    print(p.map(f, [1]))",
    "child": "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', "
    "'import sys, os; print(sys.path, sorted(os.environ))'], capture_output=True, text=True))",
    "pickle": "import pickle\nclass C: pass\nprint(pickle.loads(pickle.dumps(C)).__module__)",
    "annotations": "import typing\nclass C:\n    x: 'C'\nprint(typing.get_type_hints(C))",
    "warning": "import warnings\nwarnings.warn('careful')",
    "logging": "import logging\nlogging.warning('careful')",
}


class Host:
    """One /opt/ml tree, and the toolkit in it."""

    def __init__(self, base: Path, program: str = "train.py") -> None:
        self.base = base
        self.code = base / "code"
        for name in ("code", "input/config", "output", "model"):
            (base / name).mkdir(parents=True)
        self.library = base.parent / "lib"  # what lies in the tree itself is the job's own
        self.library.mkdir(exist_ok=True)
        (self.library / "torch.py").write_text(FRAMEWORK)
        self.config = base / "input" / "config"
        self.program = program
        resources = {"current_host": "algo-1", "hosts": ["algo-1"], "topology": None}
        (self.config / "resourceconfig.json").write_text(json.dumps(resources))
        (self.config / "inputdataconfig.json").write_text("{}")
        self.configure(old="1")
        self.environ = {
            "PATH": os.environ["PATH"],
            "SAGEMAKER_BASE_DIR": str(base),
            "SM_STUDIO_LOCAL_MODE": "true",
            "SAGEMAKER_TRAINING_MODULE": "sagemaker_pytorch_container.training:main",
            "PYTHONPATH": str(self.library),
            "IMPORTED": str(base / "imported"),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, **hyperparameters: str) -> None:
        document = {"sagemaker_program": self.program, **hyperparameters}
        (self.config / "hyperparameters.json").write_text(json.dumps(document))

    def start(self, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-IS", str(TRAIN)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.environ, **more},
            cwd="/",
        )

    def wait_at_the_door(self, seconds: float = 120.0) -> None:
        os.mkfifo(self.config / ".door")
        until = str(time.time() + seconds)
        door = str(self.config / ".door")
        self.start(SAGELET_DOOR=door, SAGELET_DOOR_UNTIL=until, SAGELET_PRELOAD="1")
        wait(lambda: (self.base / "imported").exists() and (self.base / "imported").read_text())

    def stage(self, files: dict[str, str]) -> None:
        self.configure(a="new")
        for name, text in files.items():
            (self.code / name).parent.mkdir(exist_ok=True)
            (self.code / name).write_text(text)

    def say(self, **document: object) -> None:
        part = self.config / ".door.part"
        part.write_text(json.dumps(document))
        part.rename(self.config / ".door.json")
        bell = os.open(self.config / ".door", os.O_WRONLY | os.O_NONBLOCK)
        os.write(bell, b".")
        os.close(bell)

    def end(self) -> dict[str, object]:
        """All that can be seen of the run, but for what names the folder, times and processes."""
        assert self.process
        out, err = self.process.communicate(timeout=60)
        pid = self.base / "model" / "pid"
        own = pid.read_text() if pid.exists() else "-"
        kept = (self.base / "imported").read_text() if (self.base / "imported").exists() else ""
        seen = {
            "code": self.process.returncode,
            "out": self.plain(out.decode(), own),
            "err": self.plain(err.decode(), own),
            "output": {
                path.name: self.plain(path.read_text(), own)
                for path in (self.base / "output").iterdir()
                if path.is_file()
            },
            "config": sorted(path.name for path in self.config.iterdir()),
        }
        self.in_kept = own == kept
        return seen

    def plain(self, text: str, pid: str) -> str:
        text = text.replace(str(self.base), "BASE").replace(f"[{pid}]", "[PID]")
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "TIME", text)
        return re.sub(r"0x[0-9a-f]+", "ADDRESS", text)


def wait(true, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def both(tmp_path: Path, files: dict[str, str], program: str = "train.py"):
    """What a cold and a kept host show; whether the script ran in the kept interpreter."""
    told = {"TRAINING_JOB_NAME": "new"}
    cold = Host(tmp_path / "cold", program)
    cold.stage(files)
    cold.start(**told)
    kept = Host(tmp_path / "kept", program)
    kept.wait_at_the_door()
    kept.stage(files)
    kept.say(environment=told)
    return cold.end(), kept.end(), kept.in_kept


@pytest.mark.parametrize("name", SAME)
def test_scripts_do_the_same(tmp_path, name):
    files = {"train.py": FIRST + SAME[name] + "\n", "beside.py": "VALUE = 5\n"}
    cold, kept, in_kept = both(tmp_path, files)
    assert kept == cold
    assert in_kept or name == "syntax"


def test_a_script_in_a_folder_does_the_same(tmp_path):
    script = FIRST + "import sys, beside, deeper\nprint(sys.argv, sys.path, __file__)\n"
    files = {"sub/train.py": script, "beside.py": "", "sub/deeper.py": ""}
    cold, kept, in_kept = both(tmp_path, files, "sub/train.py")
    assert kept == cold
    assert in_kept


@pytest.mark.parametrize(
    "name", ["random.py", "logging/__init__.py", "sitecustomize.py", "sub/json.py"]
)
def test_what_hides_a_loaded_module_gets_a_fresh_interpreter(tmp_path, name):
    script = FIRST + "import random, json, sys\nprint(random.__file__, json.__file__, sys.path)\n"
    program = "sub/train.py" if name.startswith("sub/") else "train.py"
    hidden = "import sys\nVALUE = 1\ndef __getattr__(name): return None\n"
    cold, kept, in_kept = both(tmp_path, {program: script, name: hidden}, program)
    assert kept == cold
    assert not in_kept


@pytest.mark.parametrize("name", ["random.txt", "json/data.txt", "models.py"])
def test_what_hides_nothing_does_not(tmp_path, name):
    _, _, in_kept = both(tmp_path, {"train.py": FIRST, name: ""})
    assert in_kept


def test_another_variable_that_may_shape_a_framework_gets_a_fresh_interpreter(tmp_path):
    host = Host(tmp_path / "kept")
    host.wait_at_the_door()
    host.stage({"train.py": FIRST + "print(os.environ['OMP_NUM_THREADS'])\n"})
    host.say(environment={"OMP_NUM_THREADS": "2"})
    assert host.end()["out"] == "2\n"
    assert not host.in_kept


def test_a_kept_interpreter_that_died_is_replaced(tmp_path):
    host = Host(tmp_path / "kept")
    host.wait_at_the_door()
    os.kill(int((host.base / "imported").read_text()), 9)
    host.stage({"train.py": FIRST + "print('here')\n"})
    host.say(environment={})
    seen = host.end()
    assert (seen["code"], seen["out"]) == (0, "here\n")
    assert not host.in_kept


@pytest.mark.parametrize("fault", ["raise RuntimeError", "import os; os._exit(7)"])
def test_a_framework_that_cannot_be_imported_is_the_scripts_business(tmp_path, fault):
    host = Host(tmp_path / "kept")
    with (host.library / "torch.py").open("a") as file:
        file.write(fault + "\n")
    host.wait_at_the_door()
    host.stage({"train.py": FIRST + "import torch\n"})
    host.say(environment={})
    seen = host.end()
    assert seen["code"] == 1
    assert ("RuntimeError" in str(seen["err"])) == ("raise" in fault)


def test_nobody_comes(tmp_path):
    host = Host(tmp_path / "kept")
    host.wait_at_the_door(2.0)
    host.say(until=time.time() + 0.1)
    seen = host.end()
    assert (seen["code"], seen["out"], seen["err"], seen["output"]) == (0, "", "", {})


def test_a_host_that_waits_ends_when_it_is_told_to(tmp_path):
    host = Host(tmp_path / "kept")
    host.wait_at_the_door()
    assert host.process
    host.process.terminate()
    seen = host.end()
    assert (seen["code"], seen["err"], seen["output"]) == (0, "", {})
    kept = int((host.base / "imported").read_text())
    assert not Path(f"/proc/{kept}").exists()
