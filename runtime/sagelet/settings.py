"""Settings, read once from the environment; nothing else reads it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sagelet.domain.errors import ValidationException
from sagelet.domain.options import BACKENDS, size_in_bytes, size_in_words

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
    SAGELET_BACKEND: where jobs run that do not say it: docker, process or auto (auto).
    SAGELET_NAMESPACES=off: run jobs without Docker in private folders, never in namespaces.
    SAGELET_NETWORKS=off: without Docker, let hosts share this machine's network, as one host does.
    SAGELET_ACCOUNT: the account in ARNs (123456789012).
    AWS_REGION, AWS_DEFAULT_REGION: the region in ARNs and in jobs (us-east-1).
    DOCKER_HOST: the engine's address (the system's socket, else a rootless engine's).
    TORCH_INDEX_URL: an extra package index that has CPU builds of torch.
    HTTP_PROXY, HTTPS_PROXY, NO_PROXY: handed to image builds and to jobs without Docker.
    SAGELET_HOST, SAGELET_PORT: where ``sagelet serve`` listens (127.0.0.1, 4580).
    SAGELET_ALLOWED_HOSTS: further names clients may know the control plane by, with commas.
    SAGELET_ACCESS_KEY_ID, SAGELET_SECRET_ACCESS_KEY: demand these credentials of every client.
    SAGELET_VALIDATION=relaxed: leave out the checks of patterns, for suites written for mocks.
    SAGELET_S3_ENDPOINT_URL: keep objects in the S3 at this address (``aws``: AWS itself).
    SAGELET_S3_CACHE_SIZE: how much of it is kept here, under SAGELET_CACHE (20g).
    """

    home: Path
    cache: Path
    account: str
    region: str
    backend: str
    namespaces: bool
    networks: bool
    docker_host: str | None
    runtime_dir: str | None
    build_args: Mapping[str, str]
    inherited: Mapping[str, str]
    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    credentials: tuple[str, str] | None
    relaxed: bool
    s3_endpoint: str | None
    s3_cache_size: int
    #: Options of ``sagelet serve``, which no variable sets.
    test_mode: bool = False
    simulate_instances: bool = False
    max_jobs: int | None = None
    #: The variables that set what people may see.
    variables: Mapping[str, str] = field(default_factory=dict)

    def shown(self) -> list[tuple[str, str, str]]:
        """Name, value, and what set it, of what people may see: no credentials.

        A variable's name or an option of ``sagelet serve``; "" where it is the default.
        """
        told = Settings.from_environ(self.variables)
        found = []
        for name, (member, variables, option) in _SHOWN.items():
            value = getattr(self, member)
            if option and value != getattr(told, member):
                origin = option
            else:
                origin = next((each for each in variables if self.variables.get(each)), "")
            word = size_in_words(value) if member == "s3_cache_size" else _word(value)
            found.append((name, word, origin))
        return found

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the environment, as it was before ``sagelet env``."""
        environ = without_ours(environ)
        user = Path(environ.get("HOME") or "~").expanduser()
        cache = environ.get("SAGELET_CACHE") or (
            Path(environ.get("XDG_CACHE_HOME") or user / ".cache") / "sagelet"
        )
        return cls(
            home=_absolute(environ.get("SAGELET_HOME") or user / ".sagelet"),
            cache=_absolute(cache),
            account=_account(environ.get("SAGELET_ACCOUNT") or "123456789012"),
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            backend=_backend(environ.get("SAGELET_BACKEND") or "auto"),
            namespaces=environ.get("SAGELET_NAMESPACES", "on") != "off",
            networks=environ.get("SAGELET_NETWORKS", "on") != "off",
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
            host=environ.get("SAGELET_HOST") or "127.0.0.1",
            port=_port(environ.get("SAGELET_PORT") or "4580"),
            allowed_hosts=tuple(
                name.strip()
                for name in environ.get("SAGELET_ALLOWED_HOSTS", "").split(",")
                if name.strip()
            ),
            credentials=_credentials(environ),
            relaxed=_relaxed(environ.get("SAGELET_VALIDATION") or "strict"),
            s3_endpoint=_endpoint(environ.get("SAGELET_S3_ENDPOINT_URL") or None),
            s3_cache_size=_size(environ.get("SAGELET_S3_CACHE_SIZE") or "20g"),
            variables={key: value for key, value in environ.items() if value and key in _VARIABLES},
        )


#: Settings that people may see, by their own names: the member, the variables that set it (the
#: first of them that is there), the option of ``sagelet serve`` that does.
_SHOWN: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "SAGELET_HOME": ("home", ("SAGELET_HOME",), ""),
    "SAGELET_CACHE": ("cache", ("SAGELET_CACHE", "XDG_CACHE_HOME"), ""),
    "SAGELET_BACKEND": ("backend", ("SAGELET_BACKEND",), ""),
    "SAGELET_NAMESPACES": ("namespaces", ("SAGELET_NAMESPACES",), ""),
    "SAGELET_NETWORKS": ("networks", ("SAGELET_NETWORKS",), ""),
    "SAGELET_ACCOUNT": ("account", ("SAGELET_ACCOUNT",), ""),
    "AWS_REGION": ("region", ("AWS_REGION", "AWS_DEFAULT_REGION"), ""),
    "DOCKER_HOST": ("docker_host", ("DOCKER_HOST",), ""),
    "SAGELET_HOST": ("host", ("SAGELET_HOST",), "--host"),
    "SAGELET_PORT": ("port", ("SAGELET_PORT",), "--port"),
    "SAGELET_ALLOWED_HOSTS": ("allowed_hosts", ("SAGELET_ALLOWED_HOSTS",), ""),
    "SAGELET_VALIDATION=relaxed": ("relaxed", ("SAGELET_VALIDATION",), ""),
    "SAGELET_S3_ENDPOINT_URL": ("s3_endpoint", ("SAGELET_S3_ENDPOINT_URL",), ""),
    "SAGELET_S3_CACHE_SIZE": ("s3_cache_size", ("SAGELET_S3_CACHE_SIZE",), ""),
    "--test-mode": ("test_mode", (), "--test-mode"),
    "--simulate-instances": ("simulate_instances", (), "--simulate-instances"),
    "--max-jobs": ("max_jobs", (), "--max-jobs"),
}

_VARIABLES = frozenset(name for _, names, _ in _SHOWN.values() for name in names)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)


#: What ``sagelet env`` puts before the name of a variable, to keep its earlier value.
SAVED = "SAGELET_SAVED_"


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as it was before ``sagelet env`` pointed it at a control plane.

    Else a control plane started from such a shell would be its own proxy. The region stays: it
    means the same here and there.
    """
    before = {key: value for key, value in environ.items() if not key.startswith(SAVED)}
    for key, value in environ.items():
        name = key.removeprefix(SAVED)
        if key.startswith(SAVED) and name not in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            before.pop(name, None)
            if value:
                before[name] = value
    return before


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text, re.ASCII):
        raise ValidationException(f"SAGELET_ACCOUNT: '{text}' is not an account: 12 digits.")
    return text


def _backend(text: str) -> str:
    if text not in BACKENDS:
        raise ValidationException(f"SAGELET_BACKEND: '{text}' is not auto, docker or process.")
    return text


def _relaxed(text: str) -> bool:
    if text not in ("relaxed", "strict"):
        raise ValidationException(f"SAGELET_VALIDATION: '{text}' is neither strict nor relaxed.")
    return text == "relaxed"


def _endpoint(text: str | None) -> str | None:
    if text in (None, "aws"):
        return text
    try:
        url = urlsplit(text)
        fine = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ValidationException(
            f"SAGELET_S3_ENDPOINT_URL: '{text}' is neither http(s)://host[:port] nor aws."
        )
    return text


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise ValidationException(f"SAGELET_PORT: '{text}' is not a port (0 to 65535).")
    return int(text)


def _size(text: str) -> int:
    try:
        return size_in_bytes(text)
    except ValueError as error:
        raise ValidationException(f"SAGELET_S3_CACHE_SIZE: {error}") from None


def _credentials(environ: Mapping[str, str]) -> tuple[str, str] | None:
    key = environ.get("SAGELET_ACCESS_KEY_ID")
    secret = environ.get("SAGELET_SECRET_ACCESS_KEY")
    if not key and not secret:
        return None
    if not key or not secret:
        raise ValidationException(
            "SAGELET_ACCESS_KEY_ID and SAGELET_SECRET_ACCESS_KEY go together: set both or neither."
        )
    return key, secret


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().resolve()
