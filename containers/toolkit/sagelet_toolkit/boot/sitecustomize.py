"""Runs first in an interpreter that is kept ready: imports the framework, then waits for its job.

`site` imports it at the start, before the script; once the job is here it returns, and the
interpreter goes on as it always does. So tracebacks, `__main__`, exit codes and signals are those
of `python script.py`. Whatever is not as it would be then ends this interpreter; `preload`, which
started it, then starts a new one.
"""
# ruff: noqa: INP001  (a folder of the search path, not a package)

from __future__ import annotations

import importlib
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    Files = dict[str, tuple[int, int]]

BOOT = "SAGELET_BOOT"
TAKEN = b"y"
REFUSED = 3
ANYTIME = ("sitecustomize", "usercustomize")  # site imports them at every start
LOADED = (".py", ".pyc", ".so")


def files() -> Files:
    """What the loaded modules came from: file -> its time and size."""
    found = {}
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if isinstance(name, str):
            try:
                status = os.stat(name)
            except OSError:
                continue
            found[name] = (status.st_mtime_ns, status.st_size)
    return found


def shadowed(folder: str) -> bool:
    """Tell whether a script in `folder` would get something there in place of what is loaded."""
    for entry in os.scandir(folder):
        name = entry.name.partition(".")[0]
        if name in sys.modules or name in ANYTIME:
            inside = os.path.join(entry.path, "__init__.py")
            if os.path.exists(inside) if entry.is_dir() else entry.name.endswith(LOADED):
                return True
    return False


def changed(known: Files) -> bool:
    """Tell whether a loaded file is not what it was."""
    for name, (time, size) in known.items():
        status = os.stat(name)
        if (status.st_mtime_ns, status.st_size) != (time, size):
            return True
    return False


def become(job: Mapping[str, Any]) -> None:
    """Take over the job's environment and arguments, and its code's place in the search path."""
    environment = job["environment"]
    for name in set(os.environb) - set(environment):
        del os.environb[name]
    for name, value in environment.items():
        if os.environb.get(name) != value:
            os.environb[name] = value
    sys.argv[:] = job["arguments"]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = job["command"]
    sys.path[:] = [job["code"]] + [path for path in sys.path if path != job["code"]]
    for path in [path for path, finder in sys.path_importer_cache.items() if finder is None]:
        del sys.path_importer_cache[path]  # it may be there by now
    importlib.invalidate_caches()


def prepare() -> Files:
    """Import what the script will import; return the files, as they were loaded."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != here]
    sys.path_importer_cache.pop(here, None)
    mine = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")  # the environment's own, which this one hid
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    sys.modules.setdefault("sitecustomize", mine)  # the import system insists on one
    __import__(os.environ.pop("SAGELET_BOOT_MODULE"))
    return files()


def main() -> None:
    """Prepare, wait, become."""
    wake, answer, message, root = os.environ.pop(BOOT).split(",", 3)
    path = os.environ.pop("SAGELET_BOOT_PATH")
    os.environ["PYTHONPATH"] = path
    known = prepare()
    if any(name.startswith(root + "/") for name in known):
        os._exit(REFUSED)  # the next job has its own there
    if not os.read(int(wake), 1):
        os._exit(0)
    with open(int(message), "rb") as file:
        file.seek(0)
        job = marshal.load(file)  # noqa: S302  (from our own parent)
    script = os.path.join(job["code"], job["arguments"][0])
    folders = {job["code"], os.path.dirname(os.path.realpath(script))}
    if changed(known) or any(shadowed(folder) for folder in folders):
        os._exit(REFUSED)
    become(job)
    os.write(int(answer), TAKEN)
    os.close(int(wake))
    os.close(int(answer))


if os.environ.get(BOOT):
    try:
        main()
    except BaseException:  # noqa: BLE001  (whatever it is, a fresh interpreter shows it)
        os._exit(REFUSED)
