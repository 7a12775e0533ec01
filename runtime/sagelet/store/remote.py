"""Objects in an S3 elsewhere: AWS itself, or whatever speaks its protocol at an address.

The only module that imports boto3, and only when an object is asked for. What is fetched is kept
in a cache (``store.cache``) and given out as hard links.
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sagelet.domain.errors import DomainError, Refusal, Unavailable
from sagelet.store.cache import Cache
from sagelet.store.object_store import StoredObject

#: Objects fetched at once.
LANES = 12

#: Larger objects are fetched in pieces of this size side by side, in bytes.
PIECE = 32 << 20

#: Pieces of one object fetched at once.
_PIECES = 8

#: How often a request is tried, with growing pauses in between.
ATTEMPTS = 5

#: How much is read from a connection at once, in bytes.
_BLOCK = 1 << 20


class _Broken(Unavailable):
    """A connection ended in the middle of an answer."""


class RemoteObjects:
    """An ``ObjectStore`` at ``endpoint``, or ``aws``. Credentials: boto3's own chain."""

    lanes = LANES

    def __init__(
        self,
        endpoint: str,
        region: str,
        cache: Cache,
        piece: int = PIECE,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._endpoint = None if endpoint == "aws" else endpoint
        self._region = region
        self._cache = cache
        self._piece = piece
        self._attempts = attempts
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What error messages call it."""
        return f"the S3 at {self._endpoint}" if self._endpoint else f"AWS S3 ({self._region})"

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            region_name=self._region,
            endpoint_url=self._endpoint,
            config=Config(
                retries={"mode": "standard", "max_attempts": self._attempts},
                max_pool_connections=LANES + _PIECES,
                connect_timeout=10,
                read_timeout=60,
                # An address that is meant for clients of this machine's own S3 is not for us.
                ignore_configured_endpoint_urls=True,
                # Not every S3 knows the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @contextmanager
    def _plainly(self, bucket: str, key: str = "") -> Iterator[Any]:
        """The client; its errors are said in plain words, with the endpoint's name."""
        try:
            with self._lock:  # making a client is not for several threads
                client = self._client
            yield client
        except DomainError:
            raise
        except Exception as error:
            from boto3.exceptions import Boto3Error
            from botocore.exceptions import BotoCoreError, ClientError

            if isinstance(error, ClientError):
                raise self._refusal(error.response, bucket, key) from None
            cause = error.__cause__ or error.__context__
            if isinstance(error, Boto3Error) and isinstance(cause, ClientError):
                raise self._refusal(cause.response, bucket, key) from None
            if isinstance(error, BotoCoreError | Boto3Error):
                raise Unavailable(f"{self.name}, s3://{bucket}/{key}: {error}") from None
            raise

    def _refusal(self, response: Any, bucket: str, key: str) -> Refusal:
        code = str(response["Error"].get("Code", ""))
        status = int(response["ResponseMetadata"].get("HTTPStatusCode", 500))
        if code == "404":  # the answer to a HEAD has no body to say more
            code = "NoSuchKey" if key else "NoSuchBucket"
        elif code in ("PreconditionFailed", "412"):
            code = "NoSuchKey"
        elif code == "403":
            code = "AccessDenied"
        said = response["Error"].get("Message") or f"HTTP status {status}"
        return Refusal(code, f"{self.name}, s3://{bucket}/{key}: {code}: {said}", status)

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """All objects whose key begins with ``prefix``, in UTF-8 order of their keys.

        Raises:
            Refusal: NoSuchBucket, AccessDenied, ...
            Unavailable: it does not answer, or there are no credentials for it.
        """
        token: dict[str, str] = {}
        while True:
            with self._plainly(bucket) as client:
                page = client.list_objects_v2(Bucket=bucket, Prefix=prefix, **token)
            for entry in page.get("Contents", ()):
                yield _stored(bucket, entry["Key"], entry["Size"], entry)
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The object, or None when there is none (or no such bucket).

        Raises:
            Refusal: AccessDenied, ...
            Unavailable: it does not answer, or there are no credentials for it.
        """
        try:
            with self._plainly(bucket, key) as client:
                head = client.head_object(Bucket=bucket, Key=key)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise
        return _stored(bucket, key, head["ContentLength"], head)

    def fetch(self, found: StoredObject, target: Path) -> None:
        """Make ``target`` a file with the object's bytes: a link into the cache, where that can be.

        Raises:
            Refusal: NoSuchKey: the object is gone, or was replaced since it was found; ...
            Unavailable: it does not answer.
            OSError: the file cannot be written.
        """
        name = "\0".join((self._endpoint or "aws", found.bucket, found.key, found.etag))
        self._cache.give(name, found.size, target, lambda place: self._download(found, place))

    def _download(self, found: StoredObject, place: Path) -> None:
        with place.open("xb") as file:
            if found.size <= self._piece:
                self._get(found, file.fileno(), 0, {})
            else:
                self._get_pieces(found, file.fileno())
            size = os.fstat(file.fileno()).st_size
        if size != found.size:
            raise Unavailable(
                f"{self.name}, s3://{found.bucket}/{found.key}: {size} of {found.size} bytes came."
            )

    def _get_pieces(self, found: StoredObject, descriptor: int) -> None:
        os.posix_fallocate(descriptor, 0, found.size)  # a full disk is told before, not after
        with ThreadPoolExecutor(_PIECES, thread_name_prefix="piece") as pool:
            pieces = [
                pool.submit(
                    self._get,
                    found,
                    descriptor,
                    start,
                    {"Range": f"bytes={start}-{min(start + self._piece, found.size) - 1}"},
                )
                for start in range(0, found.size, self._piece)
            ]
            try:
                for piece in pieces:
                    piece.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _get(self, found: StoredObject, descriptor: int, start: int, extra: dict[str, str]) -> None:
        """Write the object, or a piece of it, at ``start``.

        boto3 tries requests again, but not the reading of their answers: that is done here.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                self._get_once(found, descriptor, start, extra)
            except _Broken:
                if attempt == self._attempts:
                    raise
            else:
                return

    def _get_once(
        self, found: StoredObject, descriptor: int, start: int, extra: dict[str, str]
    ) -> None:
        with self._plainly(found.bucket, found.key) as client:
            answer = client.get_object(
                Bucket=found.bucket, Key=found.key, IfMatch=f'"{found.etag}"', **extra
            )
            offset = start
            with closing(answer["Body"]) as body:
                while data := self._read(body, found):
                    view = memoryview(data)
                    while view:
                        written = os.pwrite(descriptor, view, offset)
                        view, offset = view[written:], offset + written

    def _read(self, body: Any, found: StoredObject) -> bytes:
        try:
            data: bytes = body.read(_BLOCK)
        except Exception as error:  # noqa: BLE001 - whatever the connection died of
            raise _Broken(
                f"{self.name}, s3://{found.bucket}/{found.key}: the connection broke: {error}"
            ) from None
        return data

    def put(self, bucket: str, key: str, source: Path) -> None:
        """Upload the file ``source``, in parts if it is large; either all of it is there or none.

        Raises:
            Refusal: NoSuchBucket, AccessDenied, ...
            Unavailable: it does not answer.
            OSError: the file cannot be read.
        """
        with self._plainly(bucket) as client:
            client.upload_file(str(source), bucket, key)

    def delete(self, bucket: str, key: str) -> None:
        """Delete the object, if there is one.

        Raises:
            Refusal: NoSuchBucket, AccessDenied, ...
            Unavailable: it does not answer.
        """
        with self._plainly(bucket, key) as client:
            client.delete_object(Bucket=bucket, Key=key)

    def close(self) -> None:
        """Close its connections."""
        if "_client" in self.__dict__:
            self._client.close()


def _stored(bucket: str, key: str, size: int, answer: Any) -> StoredObject:
    """Whole seconds, as headers have them; some listings have more."""
    modified = float(int(answer["LastModified"].timestamp()))
    return StoredObject(bucket, key, size, answer["ETag"].strip('"'), modified)
