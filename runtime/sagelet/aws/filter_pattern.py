"""CloudWatch Logs' filter patterns over plain text.

They are made of terms, "phrases", -excluded and ?optional ones, and %regular expressions%.
Patterns for JSON (``{...}``) and for columns (``[...]``) are refused.
"""

import re
from collections.abc import Callable

import regex

from sagelet.domain.errors import Refusal

Test = Callable[[str], bool]

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)+)"|%([^%]+)%|(\S+))(?=\s|$)')

#: What CloudWatch takes in a regular expression: no groups.
_REGEX = re.compile(r"(?:[\w :#=@/;,\-\^$?\[\]{}|*+.]|\\.)+", re.ASCII)
_REGEX_LIMIT = 2

#: How long one may take for one event, in seconds.
_PATIENCE = 1.0


def read_pattern(pattern: str) -> Test:
    """The test that ``pattern`` stands for.

    Raises:
        Refusal: InvalidParameterException; it is no such pattern.
    """
    if pattern.lstrip()[:1] in ("{", "["):
        kind = "JSON" if pattern.lstrip()[0] == "{" else "space-delimited"
        raise _invalid(
            f"{kind} patterns are not supported here; use terms, phrases or %regular expressions%"
        )
    required: list[Test] = []
    excluded: list[Test] = []
    optional: list[Test] = []
    place, regexes = 0, 0
    text = pattern.strip()
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None:
            raise _invalid(f"Invalid character(s) in term '{text[place:].split()[0]}'")
        sign, phrase, term, word = match.groups()
        regexes += term is not None
        group = {"": required, "-": excluded, "?": optional}[sign]
        group.append(_test(phrase, term, word))
        place = match.end()
        place += len(text[place:]) - len(text[place:].lstrip())
    if regexes > _REGEX_LIMIT:
        raise _invalid(f"At most {_REGEX_LIMIT} regular expressions are allowed in a pattern")
    if required or excluded:  # optional terms beside others have no say, as at AWS
        optional = []

    def matches(message: str) -> bool:
        for test in required:
            if not test(message):
                return False
        for test in excluded:
            if test(message):
                return False
        return not optional or any(test(message) for test in optional)

    return matches


def _test(phrase: str | None, term: str | None, word: str | None) -> Test:
    if term is not None:
        return _search(term)
    if phrase is not None:
        word = re.sub(r"\\(.)", r"\1", phrase)
    elif word is None or not re.fullmatch(r"\w+", word):
        raise _invalid(f"Invalid character(s) in term '{word}'; put it in double quotes")
    return lambda message: word in message


def _search(term: str) -> Test:
    if not _REGEX.fullmatch(term):
        raise _invalid(f"Invalid character(s) in term '%{term}%'")
    try:
        compiled = regex.compile(term, regex.ASCII)
    except regex.error as error:
        raise _invalid(f"'%{term}%' is not a regular expression: {error}") from None

    def test(message: str) -> bool:
        try:
            return compiled.search(message, timeout=_PATIENCE, concurrent=True) is not None
        except TimeoutError:
            raise _invalid(f"'%{term}%' takes too long") from None

    return test


def _invalid(reason: str) -> Refusal:
    return Refusal("InvalidParameterException", f"Invalid filter pattern: {reason}.")
