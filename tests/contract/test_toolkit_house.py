"""The toolkit runs in any image: Python 3.8 grammar, standard library, nothing of the host."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagelet.domain import failure
from sagelet_toolkit import ranks

TOOLKIT = Path(__file__).parents[2] / "containers" / "toolkit"
SOURCES = [*sorted((TOOLKIT / "sagelet_toolkit").rglob("*.py")), TOOLKIT / "bin" / "train"]
# Each costs every job milliseconds before the user's first line.
SLOW_TO_IMPORT = {
    "argparse", "asyncio", "collections", "contextlib", "dataclasses", "enum", "functools", "json",
    "logging", "pathlib", "re", "shutil", "signal", "socket", "subprocess", "tarfile", "tempfile",
    "traceback", "typing", "urllib",
}  # fmt: skip


def imports_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_parses_as_python_3_8(source):
    ast.parse(source.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_imports_only_the_standard_library_and_itself(source):
    allowed = sys.stdlib_module_names | {"sagelet_toolkit"}
    assert set(imports_of(ast.parse(source.read_text()))) <= allowed


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_is_short_and_says_what_belongs_in_it(source):
    text = source.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 300


def test_launcher_is_executable_and_isolated():
    launcher = TOOLKIT / "bin" / "train"
    assert os.access(launcher, os.X_OK)
    assert launcher.read_text().startswith("#!/usr/bin/env -S python3 -IS\n")


def test_a_start_imports_nothing_slow():
    program = (
        f"import sys; sys.path.insert(0, {str(TOOLKIT)!r}); import sagelet_toolkit.train; "
        "print(*sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-IS", "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert SLOW_TO_IMPORT.isdisjoint(output.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["serve"], "not supported yet"), ([], "usage:"), (["train", "x"], "usage:")],
)
def test_other_commands_are_refused(arguments, says):
    result = subprocess.run(
        [sys.executable, "-m", "sagelet_toolkit", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=TOOLKIT,
    )
    assert result.returncode == 2
    assert says in result.stderr


def test_both_sides_know_a_lost_peer_by_the_same_words():
    """They may not share code; what a container says of its processes, a job says of its hosts."""
    assert failure._LOST == ranks._LOST
