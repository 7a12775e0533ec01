"""What went wrong, in words for the person at the terminal."""

import sys
from typing import Any

from sagelet.domain.errors import DomainError


def words(error: BaseException) -> str | None:
    """What to say of an error that a user can cause or meet; None for a bug of ours."""
    if isinstance(error, DomainError):
        return _refusal(error)
    sqlite = sys.modules.get("sqlite3")  # where it is not loaded, the error is none of its
    if sqlite is not None and isinstance(error, sqlite.Error):
        return f"the database in SAGELET_HOME cannot be used: {error}"
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror or error}{where}"
    return None


def _refusal(error: DomainError) -> str:
    violations = getattr(error, "violations", None)
    if not violations:
        return str(error)
    lines = [f"{v.place}: {_constraint(v)} (it is {v.value!r:.100})" for v in violations]
    return "the request is not valid:\n  " + "\n  ".join(lines)


def _constraint(violation: Any) -> str:
    """The constraint; of a long list of values only those near the one given."""
    text, bracket, values = violation.constraint.partition("[")
    if "enum" not in text or not bracket or len(values) < 200:
        return str(violation.constraint)
    import difflib

    near = difflib.get_close_matches(str(violation.value), values.rstrip("]").split(", "), n=3)
    return str(text).rstrip(": ") + (f". Did you mean {', '.join(near)}?" if near else "")
