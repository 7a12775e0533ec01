"""Which bucket and key a request names: in its path, or the bucket in its host."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sagelet.aws.request import Request
from sagelet.domain.errors import Refusal

#: A host that begins with a bucket's name: bucket.localhost, bucket.s3.eu-west-1.amazonaws.com.
_VIRTUAL = re.compile(
    r"(?P<bucket>.+)\.(?:s3\.localhost|localhost|s3[.-](?:[a-z0-9.-]+\.)?amazonaws\.com(?:\.cn)?)"
)
#: Hosts of S3 itself that would match.
_PLAIN = re.compile(r"s3(?:[.-][a-z0-9-]+)?|s3\.dualstack\.[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket, or an object in it, or neither."""

    bucket: str | None
    key: str | None

    @property
    def labels(self) -> int:
        """How many of the two there are."""
        return (self.bucket is not None) + (self.key is not None)


def find_address(request: Request) -> Address:
    """Read it.

    Raises:
        Refusal: InvalidURI: it is not UTF-8.
    """
    path = request.path.partition("?")[0].removeprefix("/")
    bucket = _bucket_in_host(request.headers.get("host", ""))
    if bucket is None:
        name, _, key = path.partition("/")
        return Address(_text(name) or None, _text(key) or None)
    return Address(bucket, _text(path) or None)


def _bucket_in_host(host: str) -> str | None:
    name = host.lower().partition(":")[0]
    found = _VIRTUAL.fullmatch(name)
    if found is None or _PLAIN.fullmatch(found["bucket"]):
        return None
    return found["bucket"]


def _text(raw: str) -> str:
    try:
        return unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeError:
        raise Refusal("InvalidURI", "Couldn't parse the specified URI.") from None
