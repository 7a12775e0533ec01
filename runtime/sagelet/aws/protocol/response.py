"""What a protocol makes of a document or of an error: one whole HTTP response."""

from dataclasses import dataclass

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; header names in lower case, without Content-Length."""

    status: int
    headers: Headers
    body: bytes
