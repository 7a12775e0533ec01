"""Settings, read once from the environment; nothing else reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: What a job without Docker may see of the caller's environment.
_INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "TMPDIR",
    "TERM",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
    "XDG_CACHE_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
_INHERITED_PREFIXES = ("LC_", "PIP_")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things lie and who we are.

    SAGELET_HOME: jobs, models, database (~/.sagelet).
    SAGELET_CACHE: framework environments, wheels, parsed service models (~/.cache/sagelet).
    SAGELET_BACKEND: the default of --backend (auto).
    SAGELET_NAMESPACES=off: run jobs without Docker in private folders, never in namespaces.
    SAGELET_ACCOUNT: the account in ARNs (123456789012).
    AWS_REGION, AWS_DEFAULT_REGION: the region in ARNs and in jobs (us-east-1).
    DOCKER_HOST: the engine's address (the system's socket, else a rootless engine's).
    TORCH_INDEX_URL: an extra package index that has CPU builds of torch.
    HTTP_PROXY, HTTPS_PROXY, NO_PROXY: handed to image builds and to jobs without Docker.
    """

    home: Path
    cache: Path
    account: str
    region: str
    backend: str
    namespaces: bool
    docker_host: str | None
    runtime_dir: str | None
    build_args: Mapping[str, str]
    inherited: Mapping[str, str]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the environment."""
        user = Path(environ.get("HOME") or "~").expanduser()
        cache = environ.get("SAGELET_CACHE") or (
            Path(environ.get("XDG_CACHE_HOME") or user / ".cache") / "sagelet"
        )
        return cls(
            home=_absolute(environ.get("SAGELET_HOME") or user / ".sagelet"),
            cache=_absolute(cache),
            account=environ.get("SAGELET_ACCOUNT") or "123456789012",
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            backend=environ.get("SAGELET_BACKEND") or "auto",
            namespaces=environ.get("SAGELET_NAMESPACES", "on") != "off",
            docker_host=environ.get("DOCKER_HOST") or None,
            runtime_dir=environ.get("XDG_RUNTIME_DIR") or None,
            build_args={
                key: environ[key]
                for key in ("TORCH_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
                if environ.get(key)
            },
            inherited={
                key: value
                for key, value in environ.items()
                if key in _INHERITED or key.startswith(_INHERITED_PREFIXES)
            },
        )


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().resolve()
