"""What this machine can do for the process backend, tried and not guessed."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from sagelet.execution import detached, networks


def namespaces_refused(scratch: Path) -> str | None:
    """None when a host can have its own namespaces; else why not, in the kernel's words."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        root, source = Path(folder, "ml"), Path(folder, "source")
        (root / "input/data/probe").mkdir(parents=True)
        source.mkdir()
        mount = {
            "source": str(source),
            "target": "/opt/ml/input/data/probe",
            "access": "cow",
            "scratch": f"{folder}/scratch",
        }
        spec = {
            "folder": folder,
            "root": str(root),
            "hostname": "algo-1",
            "hosts": [("algo-1", "127.0.1.1")],
            "argv": ["true"],
            "environment": {"PATH": os.defpath},
            "mounts": [mount],
            "isolated": False,
            "grace": 1,
            "namespaces": True,
            "held": [],
            "hub": None,
        }
        Path(folder, "host.json").write_text(json.dumps(spec))
        subprocess.run(
            detached.command("sagelet.execution.shim", Path(folder, "host.json"), 0),
            check=False,
            capture_output=True,
            timeout=30,
        )
        try:
            started = json.loads(Path(folder, "started.json").read_text())
        except (OSError, ValueError):
            return "the probe did not start"
        if started["tier"] == "namespaces" and not started["notes"]:
            return None
        return "; ".join(started["notes"])


def networks_refused(scratch: Path, slirp: str | None) -> str | None:
    """None when several hosts can have a network of their own; else why not.

    ``slirp`` is where slirp4netns is; without it the network has no way out.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        place, names = Path(folder, "network"), ("algo-1", "algo-2")
        with networks.started(
            place, names, isolated=slirp is None, hub=True, slirp=slirp
        ) as network:
            if network.ready is not None:
                os.read(network.ready, 1)
        networks.end(place)
        try:
            error: str | None = json.loads(Path(network.record).read_text())["error"]
        except (OSError, ValueError):
            return "the probe did not start"
        return error
