"""The user's entry point: is the name usable, what kind is it, which command runs it.

Does not unpack or install (`code`) and does not start anything (`process`).
"""

from __future__ import annotations

import os
import sys

from sagelet_toolkit.failure import ClientError

PACKAGE = "PACKAGE"
PROGRAM = "PROGRAM"
COMMAND = "COMMAND"

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_NAME = _LETTERS | frozenset("._+-/")
_PLAIN = _LETTERS | frozenset("@%+=:,./_-")
_LISTED = 12


def check(name: object) -> str:
    """Return the entry point's name if sagemaker-training would run it, by its rules."""
    if not isinstance(name, str) or not name:
        raise ClientError(
            "No entry point: set the hyperparameter 'sagemaker_program' (or the variable"
            " SAGEMAKER_PROGRAM) to the script to run, relative to the source directory."
        )
    strange = sorted({repr(letter) for letter in name if letter not in _NAME})
    parts = name.split("/")
    if strange:
        fault = "it contains " + ", ".join(strange)
    elif name[0] in "-/+":
        fault = f"it begins with {name[0]!r}"
    elif not all(parts):
        fault = "it has an empty path segment"
    elif "." in parts or ".." in parts:
        fault = "it has a '.' or '..' segment"
    else:
        return name
    raise ClientError(
        f"The entry point {name!r} cannot be used: {fault}. SageMaker takes a path inside the"
        " source directory made of letters, digits and . _ + - only, such as 'bin/train.sh'."
    )


def kind(code_dir: str, name: str) -> str:
    """Tell what an entry point is from its name and from a setup.py beside it."""
    if name.endswith(".sh"):
        return COMMAND
    if "setup.py" in os.listdir(code_dir):
        return PACKAGE
    return PROGRAM if name.endswith(".py") else COMMAND


def check_exists(code_dir: str, name: str) -> None:
    """Refuse a script that is not there, and show what is."""
    if os.path.isfile(os.path.join(code_dir, name)):
        return
    held = sorted(
        entry.name + "/" if entry.is_dir() else entry.name for entry in os.scandir(code_dir)
    )
    listing = ", ".join(held[:_LISTED]) + (", ..." if len(held) > _LISTED else "")
    raise ClientError(
        f"The entry point {name!r} is not in {code_dir}, which holds: {listing or 'nothing'}."
        " Set 'sagemaker_program' to one of the scripts there, or add it to the source directory."
    )


def make_executable(path: str) -> None:
    """Let `sh -c ./path` run a script that lost its mode in an archive."""
    if os.access(path, os.X_OK):
        return
    try:
        os.chmod(path, os.stat(path).st_mode | 0o100)
    except OSError as error:
        raise ClientError(
            f"{path} is not executable and cannot be made so: {error.strerror}."
        ) from None


def python() -> str:
    """The interpreter that runs the user's code: the one that runs the toolkit."""
    return sys.executable


def command(entry_kind: str, name: str, arguments: list[str]) -> list[str]:
    """Build the argument list that runs the entry point."""
    if entry_kind == PACKAGE:
        return [python(), "-m", name[:-3] if name.endswith(".py") else name, *arguments]
    if entry_kind == PROGRAM:
        return [python(), "--", name, *arguments]
    return ["/bin/sh", "-c", " ".join(["./" + name] + [quote(item) for item in arguments])]


def quote(text: str) -> str:
    """Quote one word for a POSIX shell."""
    if text and all(letter in _PLAIN for letter in text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def show(argv: list[str]) -> str:
    """Write a command so that it can be pasted into a shell."""
    return " ".join([quote(item) for item in argv])
