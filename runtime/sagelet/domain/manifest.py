"""S3DataType ManifestFile: a JSON array, ``{"prefix": "s3://..."}`` and then the rest of each key.

Reading one and saying what is wrong with it; fetching objects belongs to the engine.
"""

import json
from dataclasses import dataclass

from sagelet.domain.channels import S3_SCHEME, Location, location_of
from sagelet.domain.errors import ValidationException

#: The largest manifest that is read, in bytes.
SIZE_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """The objects a manifest lists; all lie in one bucket."""

    prefix: Location
    keys: tuple[str, ...]


def read_manifest(text: bytes, uri: str) -> Manifest:
    """Read the manifest that lies at ``uri``. A key listed twice counts once.

    Raises:
        ValidationException: it is malformed; says where.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refusal(uri, f"is not JSON: {error}") from None
    if not isinstance(entries, list) or not entries:
        raise _refusal(uri, 'must be a JSON array that begins with {"prefix": "s3://..."}')
    head = entries[0]
    given = head.get("prefix") if isinstance(head, dict) else None
    prefix = location_of(given) if isinstance(given, str) else None
    if prefix is None:
        raise _refusal(uri, f'must begin with {{"prefix": "{S3_SCHEME}bucket/..."}}')
    for number, entry in enumerate(entries[1:], start=1):
        if not isinstance(entry, str) or not prefix.key + entry:
            raise _refusal(uri, f"lists no object at index {number}: {json.dumps(entry)[:80]}")
    if len(entries) == 1:
        raise _refusal(uri, "lists no objects")
    return Manifest(prefix, tuple(dict.fromkeys(prefix.key + entry for entry in entries[1:])))


def _refusal(uri: str, what: str) -> ValidationException:
    return ValidationException(f"The manifest {uri} {what}.")
