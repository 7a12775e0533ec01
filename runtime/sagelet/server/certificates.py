"""Certificates for clients that insist on AWS's own addresses: made here, trusted by choice.

A home has an authority of its own, which may speak for amazonaws.com only, and a certificate of
it. Clients trust it by a bundle that has the system's authorities too. Layout::

    tls/authority.pem   its key and certificate (mode 0600)
    tls/server.pem      ours: key, certificate, what it is for and until when (mode 0600)
    tls/ca-bundle.pem   what clients trust
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

#: How long the authority, and a certificate of it, are good for, in days.
AUTHORITY_DAYS = 3650
SERVER_DAYS = 396
#: A certificate with less than this left is made anew, in days.
RENEWAL_DAYS = 30

_DAY = 86_400
_DOMAINS = ("amazonaws.com", "amazonaws.com.cn")
_ABOUT = re.compile(rb"^Sagelet: (\{.*\})$", re.MULTILINE)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Certificates:
    """The certificates of one home.

    ``regions`` are more than AWS's. ``trusted`` are further bundles (files or folders) that
    clients trusted before they were given ours. ``clock`` gives epoch seconds.
    """

    def __init__(
        self,
        home: Path,
        regions: Collection[str] = (),
        trusted: Collection[Path] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = home / "tls"
        self._regions = frozenset(regions)
        self._trusted = tuple(trusted)
        self._clock = clock
        self._lock = threading.Lock()
        self._made: tuple[float, ssl.SSLContext] | None = None

    @property
    def bundle(self) -> Path:
        """What clients must trust (AWS_CA_BUNDLE); ``prepare`` makes it."""
        return self._folder / "ca-bundle.pem"

    def ensure(self) -> Path:
        """The bundle; ``prepare`` is left out where it was done within a day.

        Raises:
            OSError: the files cannot be written.
        """
        try:
            fresh = self._clock() - self.bundle.stat().st_mtime < _DAY
        except FileNotFoundError:
            fresh = False
        if not fresh:
            self.prepare()
            os.utime(self.bundle)
        return self.bundle

    def context(self) -> ssl.SSLContext:
        """TLS as AWS, for as long as its certificate lasts; from any thread.

        Raises:
            OSError: the files cannot be written or read.
        """
        with self._lock:
            if self._made is None or self._clock() > self._made[0]:
                until = self.prepare()
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self._folder / "server.pem")
                self._made = until - RENEWAL_DAYS * _DAY, context
            return self._made[1]

    def prepare(self) -> float:
        """Make what is missing or old; gives the epoch second at which the certificate ends.

        Several processes may do so at once.

        Raises:
            OSError: the files cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            authority = self._authority()
            until = self._server(authority)
            self._bundle(authority)
        return until

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _authority(self) -> bytes:
        """Its file: key and certificate."""
        path = self._folder / "authority.pem"
        kept = _read(path)
        if _good(kept, self._clock() + SERVER_DAYS * _DAY) and _loads(path):
            return kept
        from sagelet.server.issuing import make_authority

        now = datetime.fromtimestamp(self._clock(), UTC)
        made = make_authority(now, AUTHORITY_DAYS, _DOMAINS)
        _write(path, made, 0o600)
        return made

    def _server(self, authority: bytes) -> float:
        names = _names(self._regions)
        purpose = hashlib.sha256(authority + "\n".join(names).encode()).hexdigest()
        path = self._folder / "server.pem"
        kept = _read(path)
        if not (_good(kept, self._clock() + RENEWAL_DAYS * _DAY, purpose) and _loads(path)):
            from sagelet.server.issuing import make_server

            now = datetime.fromtimestamp(self._clock(), UTC)
            kept = make_server(authority, names, now, SERVER_DAYS, purpose)
            _write(path, kept, 0o600)
        return float(_about(kept)["until"])

    def _bundle(self, authority: bytes) -> None:
        own = _CERTIFICATE.findall(authority)
        parts = [b"# sagelet: this home\n", *own]
        for place in (_system_bundle(), *self._trusted):
            if place is None or place.resolve() == self.bundle.resolve():
                continue
            parts += [f"# {place}\n".encode(), *_certificates(place)]
        wanted = b"".join(part if part.endswith(b"\n") else part + b"\n" for part in parts)
        if _read(self.bundle) != wanted:
            _write(self.bundle, wanted, 0o644)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor, part = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(part).replace(path)
    except OSError:
        with suppress(OSError):
            Path(part).unlink()
        raise


def _about(content: bytes) -> dict[str, str]:
    """What stands above the certificate, so that nothing slow is loaded to look at it."""
    found = _ABOUT.search(content)
    try:
        said = json.loads(found[1]) if found else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _good(content: bytes, until: float, purpose: str = "") -> bool:
    """Whether a file of ours is whole and its certificate lasts until then, for that purpose."""
    said = _about(content)
    whole = content.endswith(b"-----END PRIVATE KEY-----\n") and _CERTIFICATE.search(content)
    return bool(whole) and said.get("purpose") == purpose and float(said.get("until", 0)) > until


def _loads(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    except (OSError, ValueError):  # ssl's errors are OSErrors
        return False
    return True


def _names(regions: Collection[str]) -> list[str]:
    """Every name that AWS's SDKs call and we answer for."""
    names = ["sts.amazonaws.com", "*.amazonaws.com"]
    for region in sorted({*_aws_regions(), *regions}):
        domain = _DOMAINS[1] if region.startswith("cn-") else _DOMAINS[0]
        names += [f"*.{region}.{domain}", f"*.s3.{region}.{domain}"]
    return names


def _aws_regions() -> set[str]:
    """The regions in botocore's data; botocore is not imported for this."""
    data = _package("botocore") / "data"
    partitions = json.loads((data / "partitions.json").read_bytes())["partitions"]
    wanted = [part for part in partitions if part["outputs"]["dnsSuffix"] in _DOMAINS]
    return {name for part in wanted for name in part["regions"] if not name.endswith("-global")}


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{name} is not installed")
    return Path(spec.submodule_search_locations[0])


def _system_bundle() -> Path | None:
    """What this system trusts; without that, what botocore brings."""
    paths = ssl.get_default_verify_paths()
    candidates = [paths.cafile, "/etc/ssl/certs/ca-certificates.crt", paths.capath]
    for candidate in candidates:
        if candidate and _certificates(Path(candidate)):
            return Path(candidate)
    with suppress(ModuleNotFoundError):
        return _package("certifi") / "cacert.pem"
    return _package("botocore") / "cacert.pem"


def _certificates(place: Path) -> list[bytes]:
    """The certificates in a file, or in the files of a folder, each once."""
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    found: dict[bytes, None] = {}
    for file in files:
        with suppress(OSError):
            found.update(dict.fromkeys(_CERTIFICATE.findall(file.read_bytes())))
    return list(found)
