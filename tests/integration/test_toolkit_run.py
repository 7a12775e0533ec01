"""The toolkit's `train` as a real process: results, reasons, signals, streams, installs."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[2] / "containers" / "toolkit" / "bin" / "train"
LIMIT = 1024  # SageMaker shows this much of the failure file
NL = "\n"


class Job:
    """One /opt/ml tree and the command that trains in it."""

    def __init__(self, base):
        self.base = base
        self.code = base / "code"
        self.command = [sys.executable, "-IS", str(TRAIN)]
        for name in ("code", "input/config", "output"):
            (base / name).mkdir(parents=True)
        self.configure()

    def configure(self, **hyperparameters):
        given = {"sagemaker_program": "train.py", **hyperparameters}
        self.write_config("hyperparameters", json.dumps(given))
        self.write_config(
            "resourceconfig", '{"current_host":"algo-1","hosts":["algo-1"],"topology":null}'
        )
        self.write_config("inputdataconfig", "{}")

    def write_config(self, name, text):
        (self.base / "input" / "config" / f"{name}.json").write_text(text, encoding="utf-8")

    def script(self, text, name="train.py"):
        path = self.code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def environ(self, environ):
        return {**os.environ, "SAGEMAKER_BASE_DIR": str(self.base), **environ}

    def run(self, *, text=True, **environ):
        return subprocess.run(
            self.command,
            capture_output=True,
            text=text,
            check=False,
            env=self.environ(environ),
            timeout=120,
            cwd="/",
        )

    def start(self, prefix=(), **environ):
        return subprocess.Popen(
            [*prefix, *self.command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environ(environ),
            cwd="/",
        )

    def failure(self):
        return (self.base / "output" / "failure").read_text()

    def succeeded(self):
        return (self.base / "output" / "success").exists()


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path / "ml")


def failed(job, exit_code, *phrases, **environ):
    """Run a job that must fail; every phrase must be in what SageMaker shows of the reason."""
    result = job.run(**environ)
    assert result.returncode == exit_code, result.stderr
    assert "Reporting training FAILURE" in result.stderr
    assert not job.succeeded()
    shown = job.failure()[:LIMIT]
    for phrase in phrases:
        assert phrase in shown
    return result


# --- success ------------------------------------------------------------------------------------


def test_success(job):
    job.configure(lr="0.1")
    job.script(
        "import os, sys\n"
        "print(sys.argv, os.getcwd(), sys.flags.isolated, sys.flags.no_site, sys.executable)\n"
    )
    result = job.run(PYTHONPATH="/inherited")
    assert result.returncode == 0
    assert result.stdout == f"['train.py', '--lr', '0.1'] {job.code} 0 0 {sys.executable}\n"
    assert job.succeeded()
    assert not (job.base / "output" / "failure").exists()
    assert "Invoking user script" in result.stderr
    assert result.stderr.endswith("INFO     Reporting training SUCCESS\n")
    assert len(result.stderr.splitlines()) <= 5


def test_pythonpath_is_the_code_and_what_was_inherited(job):
    job.script("import os; print(os.environ['PYTHONPATH'], os.environ['PYTHONUNBUFFERED'])")
    assert job.run(PYTHONPATH="/a:/b", PYTHONUNBUFFERED="").stdout == f"{job.code}:/a:/b \n"
    assert job.run(PYTHONPATH="").stdout == f"{job.code} 1\n"


def test_launcher_works_through_a_link_on_the_path(job, tmp_path):
    link = tmp_path / "bin" / "train"
    link.parent.mkdir()
    link.symlink_to(TRAIN)
    job.command = ["train"]
    job.script("import sys; print(sys.prefix)")
    interpreter = Path(sys.executable).parent
    result = job.run(PATH=f"{link.parent}:{interpreter}:{os.environ['PATH']}")
    assert result.stdout == f"{sys.prefix}\n", result.stderr


def test_log_level(job):
    job.script("")
    job.configure(sagemaker_container_log_level="40")
    assert job.run().stderr == ""
    job.configure(sagemaker_container_log_level="10")
    stderr = job.run().stderr
    assert "Training Env:\n\n{" in stderr
    assert "\nSM_CURRENT_HOST=algo-1\n" in stderr


def test_several_hosts_without_a_launcher_run_the_script(job):
    hosts = '["127.0.0.1","127.0.0.2"]'
    job.write_config("resourceconfig", f'{{"current_host":"127.0.0.2","hosts":{hosts}}}')
    job.script("import os; print(os.environ['SM_HOSTS'], os.environ['SM_CURRENT_HOST'])")
    assert job.run().stdout == '["127.0.0.1","127.0.0.2"] 127.0.0.2\n'


def test_raw_utf8_configuration_in_the_c_locale(job):
    job.write_config("hyperparameters", '{"sagemaker_program":"train.py","ort":"Zürich 東"}')
    job.script(
        "import os; print(os.environb[b'SM_HP_ORT'].decode('utf-8') == 'Z\\xfcrich \\u6771')"
    )
    result = job.run(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert result.stdout == "True\n", result.stderr


# --- failures of the script -----------------------------------------------------------------------


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


# --- failures before the script -------------------------------------------------------------------


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


def test_the_only_host_needs_no_parameter_server(job):
    job.script("import os; print(os.environ.get('TF_CONFIG'))")
    job.configure(sagemaker_parameter_server_enabled="true")
    assert job.run().stdout == "None\n"


def test_scripts_of_a_framework_get_what_its_images_give(job):
    names = ["MASTER_ADDR", "MASTER_PORT", "NCCL_SOCKET_IFNAME", "NCCL_IB_DISABLE", "NCCL_DEBUG"]
    job.script(f"import os; print(*[os.environ.get(name) for name in {names}])")
    module = "sagemaker_pytorch_container.training:main"
    said = job.run(SAGEMAKER_TRAINING_MODULE=module, NCCL_DEBUG="INFO").stdout.split()
    assert said[:2] + said[3:] == ["algo-1", "7777", "1", "WARN"]
    assert job.run().stdout == "None None None None None\n"


def test_tensorflow_says_what_serving_would_miss(job):
    module = "sagemaker_tensorflow_container.training:main"
    job.script("import os; print(os.environ['S3_USE_HTTPS'], os.environ['TF_CPP_MIN_LOG_LEVEL'])")
    result = job.run(SAGEMAKER_TRAINING_MODULE=module)
    assert result.stdout == "1 1\n"
    assert "wrote no file" in result.stderr
    save = "os.makedirs(d); open(d + '/saved_model.pb', 'w').close()"
    job.script(f"import os; d = os.environ['SM_MODEL_DIR'] + '/export/best'; {save}")
    assert "must be a number" in job.run(SAGEMAKER_TRAINING_MODULE=module).stderr
    job.script(f"import os; d = os.environ['SM_MODEL_DIR'] + '/export/1'; {save}")
    assert "must be a number" in job.run(SAGEMAKER_TRAINING_MODULE=module).stderr  # `best` is there


def test_jobs_of_a_tuning_keep_their_model_dirs_apart(job):
    job.script("import os, sys; print(sys.argv[1:], os.environ['SM_HP_MODEL_DIR'])")
    job.configure(model_dir="s3://b/m", _tuning_objective_metric="acc")
    module = "sagemaker_tensorflow_container.training:main"
    result = job.run(SAGEMAKER_TRAINING_MODULE=module, TRAINING_JOB_NAME="t-1")
    assert result.stdout == "['--model_dir', 's3://b/m/t-1/model'] s3://b/m/t-1/model\n"


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


# --- source ---------------------------------------------------------------------------------------


def archive_of(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), 0o4755
                archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize("kind", ["archive", "directory", "file"])
def test_source(job, tmp_path, scheme, kind):
    source = tmp_path / "the source" / "train.py"
    source.parent.mkdir()
    source.write_text("print('ran')")
    path = {"archive": tmp_path / "s.tar.gz", "directory": source.parent, "file": source}[kind]
    if kind == "archive":
        archive_of(path, ("./", "."), ("./train.py", source.read_bytes()))
    job.code.rmdir()
    job.configure(sagemaker_submit_directory=f"{scheme}{path}")
    assert job.run().stdout == "ran\n"


def test_source_does_not_replace_code_that_is_there(job):
    job.script("print('there')")
    job.configure(sagemaker_submit_directory="/some/where")
    result = job.run()
    assert result.stdout == "there\n"
    assert "/some/where is not unpacked" in result.stderr


def test_source_on_s3_was_put_in_place_by_the_platform(job):
    job.script("print('there')")
    job.configure(sagemaker_submit_directory='"s3://bucket/source.tar.gz"')
    result = job.run()
    assert result.stdout == "there\n"
    assert "source.tar.gz" not in result.stderr.replace("SM_MODULE_DIR", "")


def test_source_on_s3_and_source_that_is_not_there(job):
    job.configure(sagemaker_submit_directory="s3://bucket/source.tar.gz")
    failed(job, 1, "s3://bucket/source.tar.gz", "does not download from S3")
    (job.base / "output" / "failure").unlink()
    job.configure(sagemaker_submit_directory="/nowhere")
    failed(job, 1, "The source /nowhere does not exist")


def test_archive_cannot_leave_the_code_directory(job, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    path = archive_of(
        tmp_path / "s.tar.gz",
        ("train.py", b"import os; print(sorted(os.listdir('.')))"),
        ("../up.py", b""),
        ("/abs.py", b""),
        ("out", str(outside)),
        ("out/file", b"kept inside: the link above was left out"),
        ("in", "train.py"),
        ("self", "."),
        ("self/loop.py", b""),
        ("in", b"replaces the link, not what it points to"),
    )
    job.configure(sagemaker_submit_directory=str(path))
    result = job.run()
    assert result.returncode == 0, result.stderr
    assert result.stdout == "['abs.py', 'in', 'loop.py', 'out', 'self', 'train.py', 'up.py']\n"
    assert "Left out of" in result.stderr
    assert list(outside.iterdir()) == []
    assert not (job.base / "up.py").exists()
    assert (job.code / "train.py").stat().st_mode & 0o7777 == 0o755


def test_broken_archive(job, tmp_path):
    path = archive_of(tmp_path / "s.tar.gz", ("train.py", os.urandom(100_000)))
    path.write_bytes(path.read_bytes()[:60_000])
    job.configure(sagemaker_submit_directory=str(path))
    failed(job, 1, f"{path} cannot be unpacked")


# --- entry points and installs --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.sh", "bin/tool"])
def test_shell_entry_point(job, name):
    job.configure(sagemaker_program=name, text="it's $HOME; *")
    job.script('printf "%s|" "$0" "$@"; exit ${RC:-0}', name).chmod(0o644)
    assert job.run().stdout == f"./{name}|--text|it's $HOME; *|"
    (job.base / "output" / "success").unlink()
    failed(job, 1, "ExitCode 5", "/bin/sh -c", RC="5")


WHEEL = {
    "METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "",
}
BACKEND = """
import os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    {hook}
    name = "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.write("entry.py")
        for file, text in {files!r}.items():
            wheel.writestr("thing-1.0.dist-info/" + file, text)
    return name
"""


def package(job, hook="pass"):
    job.script("", "setup.py")
    job.script("import sys; print(__name__, __spec__.name, sys.argv[1:])", "entry.py")
    job.script(BACKEND.format(hook=hook, files=WHEEL), "backend.py")
    job.script('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
               "pyproject.toml")  # fmt: skip
    job.configure(sagemaker_program="entry.py", lr="1")


def pip(tmp_path):
    """Have pip use no index and install outside the tests' own environment."""
    target = str(tmp_path / "site")
    return {
        "PIP_NO_INDEX": "1", "PIP_TARGET": target, "PYTHONPATH": target,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore",
    }  # fmt: skip


def test_package_entry_point(job, tmp_path):
    package(job)
    result = job.run(**pip(tmp_path))
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("__main__ entry ['--lr', '1']\n")
    assert (tmp_path / "site" / "entry.py").exists()


def test_package_that_does_not_build(job, tmp_path):
    package(job, hook="raise RuntimeError('no compiler')")
    failed(job, 1, "InstallModuleError", "-m pip install .", **pip(tmp_path))
    assert "no compiler" in job.failure()


def test_requirements(job, tmp_path):
    with zipfile.ZipFile(job.code / "thing-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("thing.py", "NAME = 'a thing'")
        for file, text in WHEEL.items():
            wheel.writestr("thing-1.0.dist-info/" + file, text)
    job.script("./thing-1.0-py3-none-any.whl\n", "requirements.txt")
    job.script("import thing; print(thing.NAME)")
    result = job.run(**pip(tmp_path))
    assert result.stdout.endswith("a thing\n"), result.stderr
    assert "Installing dependencies from requirements.txt" in result.stderr


def test_requirements_that_cannot_be_had(job, tmp_path):
    job.script("no-such-thing==1.0\n", "requirements.txt")
    job.script("print('ran')")
    failed(job, 1, 'InstallRequirementsError:\nExitCode 1\nErrorMessage "ERROR: No matching '
                   "distribution found for no-such-thing==1.0", **pip(tmp_path))  # fmt: skip


def test_code_artifact_is_refused(job):
    job.script("x\n", "requirements.txt")
    job.script("")
    failed(job, 1, "CA_REPOSITORY_ARN", "PIP_INDEX_URL", CA_REPOSITORY_ARN="arn:aws:x")


# --- signals --------------------------------------------------------------------------------------


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


def wait_for(process, text):
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(text)


def end(process):
    output = process.stdout.read()
    process.stdout.close()
    return process.wait(60), output


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
        f"if not pid:\n    {ignore or 'pass'}\n    time.sleep(60)\n    os._exit(0)\n"
        "time.sleep(0.3)\nprint(pid)\n"
    )
    started = time.monotonic()
    result = job.run()  # returns at the end of stdout and stderr: the child held both
    assert result.returncode == 0
    assert time.monotonic() - started < 15
    assert gone(int(result.stdout))


def test_process_outside_the_group_cannot_hold_the_job(job, tmp_path):
    job.script(
        "import os, sys, time\n"
        "if not os.fork():\n    os.setsid()\n    os.dup2(os.open('/dev/null', 1), 1)\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n    os._exit(0)\n"
        "time.sleep(0.3)\nprint('late', file=sys.stderr)\n"
    )
    started = time.monotonic()
    result = job.run()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert result.returncode == 0
    assert "late" in result.stderr
    assert time.monotonic() - started < 15


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


# --- streams --------------------------------------------------------------------------------------


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


def test_a_million_lines_take_no_longer(job):
    job.script("import sys\nfor n in range(1_000_000): print('line', n)")
    environ = job.environ({"PYTHONUNBUFFERED": ""})

    def seconds(command):
        started = time.monotonic()
        result = subprocess.run(command, capture_output=True, check=True, env=environ, cwd=job.code)
        assert result.stdout.count(b"\n") == 1_000_000
        return time.monotonic() - started

    pairs = [(seconds([sys.executable, "train.py"]), seconds(job.command)) for _ in range(3)]
    direct, ours = (min(column) for column in zip(*pairs, strict=True))
    assert ours < direct * 1.5 + 0.5


def test_a_failure_of_ours_is_told_too(job):
    job.script("")
    (job.base / "output" / "success").mkdir()
    result = job.run()
    assert result.returncode != 0
    assert job.failure().startswith("Framework Error: ")
