"""Manifests: reading one and saying what is wrong with it; fetching objects belongs to the engine.

S3DataType ManifestFile is a JSON array, ``{"prefix": "s3://..."}`` and then the rest of each key.
AugmentedManifestFile has a JSON object a line; AttributeNames says which of its members to stream.
One whose name ends in ``-ref`` is the URI of an object that is streamed in its place.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.channels import S3_SCHEME, Location, location_of
from sagelet.domain.errors import ValidationException

#: The largest manifest that is read, in bytes; augmented ones are read line by line.
SIZE_LIMIT = 64 << 20

#: The end of an attribute's name that makes its value the URI of an object.
REFERENCE = "-ref"


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


def read_augmented(
    lines: Iterable[bytes], uri: str, attributes: Sequence[str]
) -> Iterator[list[Location | str]]:
    """What each line of the augmented manifest at ``uri`` streams, in the attributes' order.

    An object is given by its Location, any other value by its text: a string as it is, the rest as
    JSON. Empty lines are left out.

    Raises:
        ValidationException: a line is malformed; says which.
    """
    found = False
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found = True
            document = _object(line, uri, number)
            yield [_value(document, uri, number, name) for name in attributes]
    if not found:
        raise _refusal(uri, "has no lines")


def _object(line: bytes, uri: str, number: int) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _refusal(uri, f"is not JSON in line {number}: {error}") from None
    if not isinstance(document, dict):
        raise _refusal(uri, f"must have a JSON object a line; line {number} is none")
    return document


def _value(document: dict[str, Any], uri: str, number: int, name: str) -> Location | str:
    if name not in document:
        raise _refusal(uri, f"has no attribute '{name}' in line {number}")
    value = document[name]
    if name.endswith(REFERENCE):
        location = location_of(value) if isinstance(value, str) else None
        if location is None or not location.key:
            raise _refusal(
                uri, f"names no object ({S3_SCHEME}bucket/key) as '{name}' in line {number}"
            )
        return location
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _refusal(uri: str, what: str) -> ValidationException:
    return ValidationException(f"The manifest {uri} {what}.")
