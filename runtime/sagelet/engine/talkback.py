"""How a job reaches the control plane: an endpoint, credentials of its own, a region.

A job's access key and secret are derived from the home's secret and the job, so that they need
not be stored, and they end with the job.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sagelet.domain.hosts import Access, JobPlan, Mount
from sagelet.domain.jobs import Job
from sagelet.store import Store
from sagelet.store.jobs import PlacedJob

_log = logging.getLogger("sagelet.engine")

#: How the access keys of jobs begin.
PREFIX = "SAGELETJOB"

#: Where a container finds the certificates to trust.
BUNDLE_TARGET = "/etc/sagelet/ca-bundle.pem"

#: The address of hosts that share this machine's network.
LOOPBACK = "127.0.0.1"

#: Addresses that are never reached through the proxy.
_DIRECT = "localhost,127.0.0.1,169.254.169.254,169.254.170.2"


@dataclass(frozen=True, slots=True)
class TalkBack:
    """``endpoint`` gives the URL of the control plane at an address of this machine.

    A listener on an address other than loopback is opened when it is first asked for.
    """

    store: Store
    secret: bytes
    endpoint: Callable[[str], str | None]
    #: The certificates to trust; made if need be.
    bundle: Callable[[], Path]
    s3_endpoint: str | None = None

    def join(self, job: Job, plan: JobPlan, address: str | None) -> JobPlan | None:
        """The plan with what its hosts need; None when they cannot reach us.

        ``address`` is where they reach this machine. What the request's Environment sets is left
        as it is.
        """
        endpoint = self.endpoint(address) if address else None
        if endpoint is None:
            return None
        contained = address != LOOPBACK
        access_key, secret = self._credentials(job)
        bundle = self._bundle()
        given = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if self.s3_endpoint is not None:
            given["AWS_ENDPOINT_URL_S3"] = self.s3_endpoint
        if bundle is not None:
            # For clients that insist on https://sts.<region>.amazonaws.com.
            seen = BUNDLE_TARGET if contained else str(bundle)
            given |= {
                "HTTPS_PROXY": endpoint.replace("://", f"://{access_key}:{secret}@"),
                "NO_PROXY": _DIRECT,
                "AWS_CA_BUNDLE": seen,
                "REQUESTS_CA_BUNDLE": seen,
            }
        mounts = (
            (Mount(str(bundle), BUNDLE_TARGET, Access.READ_ONLY),)
            if contained and bundle is not None
            else ()
        )
        return replace(
            plan,
            hosts=tuple(
                replace(
                    host,
                    environment={**given, **host.environment},
                    mounts=(*host.mounts, *mounts),
                )
                for host in plan.hosts
            ),
        )

    def _bundle(self) -> Path | None:
        try:
            return self.bundle()
        except OSError as error:
            _log.warning("no certificates for jobs: %s", error)
            return None

    def reopen(self, address: str | None) -> None:
        """Listen again for hosts that an earlier process told the address."""
        if address is not None:
            self.endpoint(address)

    def key_of(self, access_key: str) -> tuple[str, bool] | None:
        """The secret of a live job's access key, and whether the job is in a container."""
        if not access_key.startswith(PREFIX):
            return None
        for job in self.store.placed():
            known, secret = self._credentials(job)
            if hmac.compare_digest(known.encode(), access_key.encode()):
                return secret, job.backend == "docker"
        return None

    def _credentials(self, job: Job | PlacedJob) -> tuple[str, str]:
        text = f"{job.region}/{job.key}/{job.created}".encode()
        key = hmac.new(self.secret, b"key " + text, hashlib.sha256).hexdigest()
        secret = hmac.new(self.secret, b"secret " + text, hashlib.sha256).hexdigest()
        return PREFIX + key[:10].upper(), secret[:40]
