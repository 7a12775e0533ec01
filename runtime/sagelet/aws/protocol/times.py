"""Timestamps on the wire; inside they are epoch seconds."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def read_time(value: Any) -> float:
    """Epoch seconds out of a number, or of a text in any of AWS's formats.

    Raises:
        ValueError: it is none of them.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{value!r} is not a timestamp")  # noqa: TRY004  one error for callers
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return (_read_text(value) - _EPOCH).total_seconds()
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError(f"{value!r} is not a timestamp")
    return seconds


def _read_text(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            from email.utils import parsedate_to_datetime

            found = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            raise ValueError(f"{text!r} is not a timestamp") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def write_time(seconds: float, form: str) -> str | float:
    """Epoch seconds as ``iso8601``, ``rfc822`` or ``unixTimestamp``."""
    if form == "unixTimestamp":
        return seconds
    # From the epoch on, in whole microseconds: fromtimestamp() rounds differently by platform.
    when = _EPOCH + timedelta(microseconds=round(seconds * 1e6))
    if form == "rfc822":
        from email.utils import format_datetime

        return format_datetime(when.replace(microsecond=0), usegmt=True)
    text = when.replace(tzinfo=None).isoformat(timespec="auto")
    return f"{text}Z"
