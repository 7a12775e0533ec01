"""Stock AWS clients, each in an environment of its own, made where it is missing.

They lie in SAGELET_CLIENTS (~/.cache/sagelet/clients) under a name that says their pins, so that
several checkouts share them and a new pin makes a new one.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PINS = {
    "boto3": ("boto3==1.44.5", "awscli==1.46.3"),
    "sagemaker2": ("sagemaker==2.257.7", "sagemaker-experiments==0.1.45", "scikit-learn==1.9.1"),
    "sagemaker3": ("sagemaker==3.27.0",),
    "mlflow": ("mlflow==3.17.2", "pyarrow==25.0.1", "tensorboard==2.21.0"),
    "moto": ("moto[server,s3]==5.2.5", "boto3==1.44.5"),
}


def folder() -> Path:
    return Path(os.environ.get("SAGELET_CLIENTS") or Path.home() / ".cache/sagelet/clients")


def environment(name: str) -> Path:
    """Where the environment of a client lies or would lie."""
    interpreter = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(" ".join((interpreter, *PINS[name])).encode()).hexdigest()[:8]
    return folder() / f"{name}-{key}"


def client_python(name: str) -> Path:
    """The interpreter of an environment that has this client; it is made if need be."""
    place = environment(name)
    python = place / "bin/python"
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / ".complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
            install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*install, *PINS[name]], check=True)
            (place / ".complete").touch()
    return python


def main() -> None:
    """Make all of them, or those named."""
    for name in sys.argv[1:] or PINS:
        print(client_python(name), flush=True)


if __name__ == "__main__":
    main()
