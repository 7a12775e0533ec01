"""Filter patterns: which lines they let through, and which patterns are refused."""

import pytest

from sagelet.aws.filter_pattern import read_pattern
from sagelet.domain.errors import Refusal


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        ("   ", "", True),
        ("ERROR", "[ERROR] failed", True),
        ("ERROR", "ERRORCODE: -1", True),
        ("ERROR", "an error", False),
        ("ERROR Exception", "ERROR in main", False),
        ("ERROR Exception", "ERROR: IllegalArgumentException", True),
        ('"Failed to"', "Failed  to", False),
        ('"Failed to" disk', "disk: Failed to write", True),
        (r'"say \"hi\""', 'they say "hi"', True),
        ('"loss: 0.5"', "epoch 1 loss: 0.5", True),
        ("-ERROR", "ERROR", False),
        ("-ERROR", "fine", True),
        ('ERROR -"code 7"', "ERROR code 7", False),
        ("?ERROR ?WARN", "WARN", True),
        ("?ERROR ?WARN", "INFO", False),
        ("?ERROR INFO", "INFO", True),
        (r"%loss: [0-9.]+%", "loss: 0.5", True),
        (r"%loss=[0-9.]+%", "loss=0.5", True),
        (r"%^epoch\s\d+$%", "epoch 12", True),
        (r"%^epoch\s\d+$%", "the epoch 12", False),
        (r"%\x28a\x29%", "f(a)", True),
        (r"%4\d{2}% GET", "GET / 404", True),
        ("größe", "die größe", True),
    ],
)
def test_matching(pattern, message, expected):
    assert read_pattern(pattern)(message) is expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ('{ $.level = "ERROR" }', "JSON"),
        ("[ip, user]", "space-delimited"),
        ("loss:", "Invalid character(s) in term 'loss:'"),
        ('""', "Invalid character(s) in term '\"\"'"),
        ('"open', "Invalid character(s)"),
        ("%(a)%", "Invalid character(s) in term '%(a)%'"),
        ("%[a%", "not a regular expression"),
        ("%a% %b% %c%", "At most 2"),
        ("-", "Invalid character(s)"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern, reason):
    with pytest.raises(Refusal) as caught:
        read_pattern(pattern)
    assert caught.value.code == "InvalidParameterException"
    assert str(caught.value).startswith("Invalid filter pattern: ")
    assert reason in str(caught.value)
