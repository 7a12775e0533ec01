"""CloudWatch Logs' filter patterns over plain text.

They are made of terms, "phrases", -excluded and ?optional ones, and %regular expressions%.
Patterns for JSON (``{...}``) and for columns (``[...]``) are refused.
"""

import re
from collections.abc import Callable

from sagelet.domain.errors import Refusal

Test = Callable[[str], bool]

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)+)"|%([^%]+)%|(\S+))(?=\s|$)')

#: What CloudWatch takes in a regular expression: no groups.
_REGEX = re.compile(r"(?:[\w :#=@/;,\-\^$?\[\]{}|*+.]|\\.)+", re.ASCII)
_REGEX_LIMIT = 2


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
        sign, phrase, regex, word = match.groups()
        regexes += regex is not None
        group = {"": required, "-": excluded, "?": optional}[sign]
        group.append(_test(phrase, regex, word))
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


def _test(phrase: str | None, regex: str | None, word: str | None) -> Test:
    if regex is not None:
        return _search(regex)
    if phrase is not None:
        word = re.sub(r"\\(.)", r"\1", phrase)
    elif word is None or not re.fullmatch(r"\w+", word):
        raise _invalid(f"Invalid character(s) in term '{word}'; put it in double quotes")
    return lambda message: word in message


def _search(regex: str) -> Test:
    if not _REGEX.fullmatch(regex):
        raise _invalid(f"Invalid character(s) in term '%{regex}%'")
    try:
        found = re.compile(regex, re.ASCII).search
    except re.error as error:
        raise _invalid(f"'%{regex}%' is not a regular expression: {error}") from None
    return lambda message: found(message) is not None


def _invalid(reason: str) -> Refusal:
    return Refusal("InvalidParameterException", f"Invalid filter pattern: {reason}.")
