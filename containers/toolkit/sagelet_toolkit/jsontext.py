"""JSON in and out, exactly as the `json` package does it, without the time its import takes.

`import json` loads `re` and `enum`: more than half of what starting an interpreter costs, paid by
every job. The C scanner behind it is enough to read; an interpreter without it uses `json`.
Nothing here knows what the documents mean.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

WHITESPACE = " \t\n\r"


class _Settings:
    """What the C scanner reads from a JSONDecoder: the defaults."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(
        {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__
    )
    memo: dict[str, str] = {}  # noqa: RUF012  (3.8 has no cheap ClassVar)


def _make_scanner() -> Callable[[str, int], tuple[Any, int]] | None:
    try:
        from _json import make_scanner

        return make_scanner(_Settings())  # type: ignore[arg-type]
    except (ImportError, AttributeError, TypeError):  # another interpreter, another protocol
        return None


def _make_quote() -> Callable[[str], str]:
    try:
        from _json import encode_basestring_ascii as quote
    except ImportError:
        from json.encoder import encode_basestring_ascii as quote
    return quote


_scan = _make_scanner()
_quote = _make_quote()


def loads(text: str) -> Any:
    """Parse one document; ValueError if it is not JSON."""
    if _scan is None:
        return _thorough(text)
    start = len(text) - len(text.lstrip(WHITESPACE))
    try:
        value, end = _scan(text, start)
    except StopIteration:
        raise ValueError("not a JSON document") from None
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001  (it words errors with a module that is not there: ask again)
        return _thorough(text)
    if text[end:].strip(WHITESPACE):
        raise ValueError("more than one JSON document")
    return value


def _thorough(text: str) -> Any:
    import json

    return json.loads(text)


def error_in(text: str) -> str:
    """Say where and why `text` is not JSON; for error messages, so the import may cost."""
    import json

    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    return ""


def dumps(value: Any) -> str:
    """Write compact JSON with sorted keys and ASCII escapes: the form of every SM_* variable."""
    if isinstance(value, str):
        return _quote(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        items = [f"{_quote(key)}:{dumps(value[key])}" for key in sorted(value)]
        return "{" + ",".join(items) + "}"
    return "[" + ",".join([dumps(item) for item in value]) + "]"


def _float(value: float) -> str:
    if value != value:  # noqa: PLR0124  (NaN is the one value unlike itself)
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)
