"""Pages of a list: an opaque NextToken holds where the next page begins.

A token is the cursor as JSON, with a mark of the operation and of the parameters it was made for:
a token given to another question is refused, as AWS does. What a cursor is, the caller decides;
one that holds the sort key of the last row goes on in the right place when rows come and go.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from zlib import crc32

from sagelet.domain.errors import ValidationException

#: Anything JSON can hold.
Cursor = Any
Item = TypeVar("Item")


def page(
    operation: str,
    request: Mapping[str, Any],
    fetch: Callable[[Cursor | None, int], Sequence[tuple[Item, Cursor]]],
    show: Callable[[Item], Any],
    *,
    result: str,
    default: int = 10,
    limit: str = "MaxResults",
    token: str = "NextToken",  # noqa: S107  the name of a member
) -> dict[str, Any]:
    """One page of a List operation, as its response.

    Args:
        operation: its name; tokens of other operations are refused.
        request: its request.
        fetch: gives up to so many items, each with its own cursor, that follow the cursor.
        show: makes an item what stands in the list.
        result: the response member that is the list.
        default: the items of a page when the request does not say.
        limit: the request member with that number.
        token: the member, of request and response, with the token.

    Raises:
        ValidationException: the token is broken or belongs to another request.
    """
    mark = _mark(operation, request, (limit, token))
    size = request.get(limit) or default
    found = fetch(_read(request.get(token), mark), size + 1)
    document: dict[str, Any] = {result: [show(item) for item, _ in found[:size]]}
    if len(found) > size:
        document[token] = _write(found[size - 1][1], mark)
    return document


def token_of(
    operation: str, request: Mapping[str, Any], token: str, *, without: Sequence[str] = ()
) -> Cursor | None:
    """The cursor in the member ``token``, for lists that page in ways of their own.

    ``without`` names members that may differ from call to call.

    Raises:
        ValidationException: the token is broken or belongs to another request.
    """
    return _read(request.get(token), _mark(operation, request, (token, *without)))


def token_for(
    operation: str,
    request: Mapping[str, Any],
    token: str,
    cursor: Cursor,
    *,
    without: Sequence[str] = (),
) -> str:
    """The token that ``token_of`` reads back, for the same request."""
    return _write(cursor, _mark(operation, request, (token, *without)))


def _write(cursor: Cursor, mark: int) -> str:
    """A token as clients see it."""
    text = json.dumps([mark, cursor], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _read(token: str | None, mark: int) -> Cursor | None:
    if not token:
        return None
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        found, cursor = json.loads(urlsafe_b64decode(padded))
    except (binascii.Error, UnicodeError, ValueError, TypeError, RecursionError):
        raise ValidationException("Invalid pagination token: it was not made here.") from None
    if found != mark:
        raise ValidationException(
            "Invalid pagination token: it was made for another request. Send the same parameters "
            "with it as before, or none to begin anew."
        )
    return cursor


def _mark(operation: str, request: Mapping[str, Any], without: Sequence[str]) -> int:
    asked = {k: v for k, v in request.items() if k not in without and v is not None}
    return crc32(json.dumps([operation, asked], sort_keys=True, default=repr).encode())
