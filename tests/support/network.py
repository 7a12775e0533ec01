"""What this machine must allow for the tests of hosts' networks; CI allows all of it."""

import os
import shutil
from pathlib import Path

import pytest

from sagelet.execution.networks import SLIRP
from sagelet.execution.probe import networks_refused


def needs(scratch: Path, slirp: str | None) -> None:
    """Skip where several hosts cannot have a network of their own, with a way out or without."""
    refused = networks_refused(scratch, slirp)
    if refused:
        pytest.skip(f"needs network namespaces: {refused}")


def slirp_of(scratch: Path) -> str:
    """Where slirp4netns is; CI has it."""
    slirp = shutil.which(SLIRP)
    if slirp is None:
        assert os.environ.get("CI") != "true", f"in CI {SLIRP} may not be missing"
        pytest.skip(f"needs {SLIRP}")
    needs(scratch, slirp)
    return slirp
