"""The rules of S3: names, listing order, ETag arithmetic. Where bytes lie is the store's matter."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sagelet.domain.errors import Refusal

#: Longest key, in bytes of UTF-8.
MAX_KEY = 1024
#: Largest object of one PutObject, largest part of an upload, in bytes.
MAX_PUT = 5 << 30
#: Smallest part of an upload but its last, in bytes.
MIN_PART = 5 << 20
#: Highest number of a part.
MAX_PARTS = 10_000
#: Longest name in a folder of Linux's file systems, in bytes.
_MAX_FILE_NAME = 255

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket_name(name: str) -> None:
    """Refuse a name that no bucket may have.

    Raises:
        Refusal: InvalidBucketName.
    """
    if (
        not _BUCKET.fullmatch(name)
        or _ADDRESS.fullmatch(name)
        or name.startswith(_RESERVED_STARTS)
        or name.endswith(_RESERVED_ENDS)
    ):
        raise Refusal("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)


def check_key(key: str) -> None:
    """Refuse a key that no object may have.

    Raises:
        Refusal: KeyTooLongError, InvalidURI.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise Refusal("InvalidURI", "Couldn't parse the specified URI.") from None
    if size > MAX_KEY:
        raise Refusal(
            "KeyTooLongError",
            "Your key is too long",
            Size=str(size),
            MaxSizeAllowed=str(MAX_KEY),
        )


def no_such_bucket(name: str) -> Refusal:
    """There is no bucket of that name."""
    return Refusal("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=name)


def no_such_key(key: str) -> Refusal:
    """There is no object of that key."""
    return Refusal("NoSuchKey", "The specified key does not exist.", 404, Key=key)


def no_such_upload(upload: str) -> Refusal:
    """There is no multipart upload of that id."""
    return Refusal(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have"
        " been aborted or completed.",
        404,
        UploadId=upload,
    )


def invalid_part(number: int, etag: str = "") -> Refusal:
    """A part named for completion is not there, or is another."""
    return Refusal(
        "InvalidPart",
        "One or more of the specified parts could not be found.  The part may not have been"
        " uploaded, or the specified entity tag may not match the part's entity tag.",
        PartNumber=str(number),
        ETag=etag,
    )


def multipart_etag(etags: Iterable[str]) -> str:
    """The ETag of an object put together from parts: ``etags`` are their MD5s in hex."""
    digests = [bytes.fromhex(etag) for etag in etags]
    joined = hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()
    return f"{joined}-{len(digests)}"


def tree_path(key: str) -> tuple[str, ...] | None:
    """The file's path below its bucket's folder in the readable tree; None: it cannot have one."""
    parts = tuple(key.split("/"))
    for part in parts:
        if part in ("", ".", "..") or "\0" in part or len(part.encode()) > _MAX_FILE_NAME:
            return None
    return parts


def successor(prefix: str) -> str | None:
    """The least string above all that begin with ``prefix``, in UTF-8 order; None: there is none.

    UTF-8 order is the order of code points, of which surrogates are none.
    """
    for index in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[index])
        if code < 0x10FFFF:
            return prefix[:index] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None


class Keyed(Protocol):
    """Anything that has a key."""

    @property
    def key(self) -> str:
        """Its key."""


K = TypeVar("K", bound=Keyed)

#: ``seek(start, inclusive)`` yields what comes from ``start`` on, in UTF-8 order of keys.
Seek = Callable[[str, bool], Iterator[K]]


@dataclass(slots=True)
class Page(Generic[K]):
    """One page of a listing. ``last``: where the next one goes on, when there is ``more``."""

    items: list[K] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    more: bool = False
    last: str = ""


def list_page(seek: Seek[K], prefix: str, delimiter: str, after: str, limit: int) -> Page[K]:
    """The first ``limit`` keys and common prefixes behind ``after``.

    What lies under a common prefix is stepped over by one seek, not read. An ``after`` that is
    itself a common prefix stands for all that is under it.
    """
    page: Page[K] = Page()
    if limit <= 0:
        return page
    start, inclusive = _begin(prefix, delimiter, after)
    while start is not None:
        skip_to: str | None = None
        for item in seek(start, inclusive):
            if not item.key.startswith(prefix):
                return page
            if len(page.items) + len(page.prefixes) == limit:
                page.more = True
                return page
            common = _common(item.key, prefix, delimiter)
            if common is None:
                page.items.append(item)
                page.last = item.key
            else:
                page.prefixes.append(common)
                page.last = common
                skip_to = successor(common)
                break
        start, inclusive = skip_to, True
    return page


def _begin(prefix: str, delimiter: str, after: str) -> tuple[str | None, bool]:
    if after < prefix or not after:
        return prefix, True
    if after.startswith(prefix) and _common(after, prefix, delimiter) == after:
        return successor(after), True
    return after, False


def _common(key: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]
