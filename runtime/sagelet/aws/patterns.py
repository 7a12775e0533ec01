r"""The models' patterns as Python's ``re`` reads them.

They are written for Java: classes such as ``\p{L}`` become the nearest ranges here, and a pattern
that cannot be read at all checks nothing.
"""

import re
from functools import lru_cache

_PUNCTUATION = r"!-/:-@\[-`{-~\u00a1-\u00bf\u00d7\u00f7\u2010-\u2027\u2030-\u205e\u3001-\u303f"
_SYMBOLS = r"$+<->\^`|~\u00a2-\u00b8\u20a0-\u20cf\u2100-\u2bff\U0001f000-\U0001faff"

#: What stands between brackets for a class of Java's; ``\w`` and ``\d`` know all of Unicode.
_CLASSES = {
    "L": r"\w",
    "M": r"\w\u0300-\u036f\u200d\ufe00-\ufe0f",
    "N": r"\d\u00b2-\u00be\u2150-\u218b",
    "Z": r"\s",
    "Zs": r"\s",
    "P": _PUNCTUATION,
    "S": _SYMBOLS,
    "Alnum": "a-zA-Z0-9",
    "ASCII": r"\x00-\x7f",
    "Print": r"\x20-\x7e",
}

_TOKEN = re.compile(r"\\p\{(\w+)\}|\\z|\\.|\[|\]|.", re.DOTALL)


@lru_cache(maxsize=2048)
def compile_pattern(text: str) -> re.Pattern[str] | None:
    """The pattern, to be matched in full; None when it cannot be read."""
    text = text.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    text = text.replace(r"[\w-_]", r"[\w\-_]")
    try:
        return re.compile(_translated(text), re.DOTALL)
    except re.error:
        return None


def _translated(text: str) -> str:
    if r"\p{" not in text and r"\z" not in text:
        return text
    written, inside = "", False
    for token in _TOKEN.finditer(text):
        found = token[0]
        if token[1]:
            named = _CLASSES.get(token[1], r"\w\W")  # a class not known here allows all
            found = named if inside else f"[{named}]"
        elif found == r"\z":
            found = r"\Z"
        elif found in "[]":
            inside = found == "["
        written += found
    return written
