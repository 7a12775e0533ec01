"""Metrics in log text: the chunk scan finds what a line-by-line search finds."""

import math
import re
import threading
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sagelet.domain.jobs import MetricDefinition
from sagelet.domain.metrics import LINE_LIMIT, Datum, Scanner


def naive(definitions, chunk, now):
    """The meaning of a metric definition, written down without a shortcut."""
    found = []
    for line in chunk.split("\n"):
        for definition in definitions:
            match = re.search(definition.regex, line)
            try:
                found.append(Datum(definition.name, float(match.group(1)), now))
            except (AttributeError, TypeError, ValueError):
                continue
    return found


def scanner_of(*rules):
    return Scanner([MetricDefinition(*rule) for rule in rules], time.thread_time)


def same(found, expected):
    return repr(found) == repr(expected)  # NaN is equal to nothing, itself included


ATOMS = st.sampled_from(
    [
        "a",
        "1",
        " ",
        "=",
        "-",
        ".",
        r"\.",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"\b",
        r"\B",
        "^",
        "$",
        r"\A",
        r"\Z",
        "[^a]",
        "[a-z]",
        r"[\s\S]",
        r"[^\n]",
        "(?=1)",
        "(?!1)",
        "(?<=a)",
        "(?<!a)",
        "(?:a|1)",
        "(?m:^)",
        "(?s:.)",
        "(?-m:^)",
        r"(\S+)",
        r"(\d+)",
        r"(.*?)",
        "(.*)",
    ]
)
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}"])


@st.composite
def regexes(draw):
    parts = draw(st.lists(st.tuples(ATOMS, QUANTIFIERS), max_size=5))
    group = draw(st.sampled_from([r"(\d+)", r"([0-9.]+)", r"(\S*)", "(.*)", "(nan|1)", "(1)?"]))
    before = "".join(atom + quantifier for atom, quantifier in parts[::2])
    after = "".join(atom + quantifier for atom, quantifier in parts[1::2])
    regex = before + group + after
    try:
        re.compile(regex)
    except re.error:
        return group
    return regex


TEXT = st.lists(
    st.sampled_from(
        ["a", "1", "11", "1.5", " ", "=", "\n", "\n\n", "\r\n", "\r", "nan", "é", "\x85", "\u2028"]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(regexes(), min_size=1, max_size=2), TEXT)
@example([r"^(\d+)$"], "a\n1\nb")
@example([r"^(\d+)$"], "1\r\n")
@example([r"\A(\d+)"], "a\n1")
@example([r"(\d+)\Z"], "1\na")
@example([r"(?<!\n)(\d+)"], "a\n1")
@example([r"(\d+)(?!\n)"], "1\na")
@example([r"(?-m:^)(\d+)"], "a\n1")
@example([r"(\d+)[^a]*+$"], "1\na")
@example([r"(\d+)(?>\s*)$"], "1\n1a")
@example([r"(?s)(\d+).*$"], "1\n2")
def test_a_chunk_scan_is_a_line_by_line_search(patterns, chunk):
    definitions = [MetricDefinition(f"m{i}", regex) for i, regex in enumerate(patterns)]
    assert same(
        Scanner(definitions, time.thread_time).scan(chunk, 7.0), naive(definitions, chunk, 7.0)
    )


def scan(regex, chunk):
    return [datum.value for datum in scanner_of(("m", regex)).scan(chunk, 1.0)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-2.5e-3", -0.0025),
        ("+.5", 0.5),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("1e999", math.inf),
    ],
)
def test_numbers(text, value):
    assert scan(r"v=(\S+)", f"v={text}") == [value]


def test_nan_is_a_value():
    assert math.isnan(scan(r"v=(\S+)", "v=nan")[0])


@pytest.mark.parametrize("text", ["abc", "1,5", "0x10", "1.2.3", "%"])
def test_what_is_no_number_is_no_value(text):
    assert scan(r"v=(\S+)", f"v={text}") == []


def test_a_group_that_took_no_part_is_no_value():
    assert scan(r"loss(=\d+)?", "loss\nloss") == []


def test_a_line_gives_its_first_match_and_only_that():
    assert scan(r"loss=(\d+)", "loss=1 loss=2\nloss=3") == [1.0, 3.0]


def test_data_come_in_line_order_with_the_time_given():
    scanner = scanner_of(("b", r"b=(\d+)"), ("a", r"a=(\d+)"))
    assert scanner.scan("a=1\nb=2 a=3\n", 9.0) == [
        Datum("a", 1.0, 9.0),
        Datum("b", 2.0, 9.0),
        Datum("a", 3.0, 9.0),
    ]


def test_two_metrics_may_share_a_name():
    scanner = scanner_of(("m", r"a=(\d+)"), ("m", r"b=(\d+)"))
    assert [d.value for d in scanner.scan("a=1 b=2", 0.0)] == [1.0, 2.0]


def test_no_definitions_no_data():
    assert Scanner([], time.thread_time).scan("a=1\n", 0.0) == []


def test_a_very_long_line_is_searched_in_its_first_part():
    filler = "x" * LINE_LIMIT
    assert scan(r"v=(\d+)", f"v=1{filler}\n{filler}v=2\nv=3") == [1.0, 3.0]


@pytest.mark.parametrize(
    ("regex", "line", "last"),
    [
        (r"[^:]+: loss=(\d+)", "step loss and so on", ": loss="),
        (r"loss=([^,]+),", "step 12 loss=0.123 and so on", ""),
        (r"(?s)loss=(.*);", "step 12 loss=0.123 and so on", ""),
        (r"loss=([\s\S]*);", "step 12 loss=0.123 and so on", ""),
        (r"\D+;(\d+)", "step loss and so on", ";"),
    ],
)
def test_a_regex_that_could_run_over_line_ends_does_not_stall_the_job(regex, line, last):
    """Searched from every line to the end of them all, each would take minutes."""
    scanner = scanner_of(("m", regex))
    assert scanner.scan(f"{line}\n" * 40_000 + f"{last}\n", 0.0) == []
    assert scanner.given_up == [], "it took longer than a regex may"


@pytest.mark.parametrize("pattern", ["((a|aa)+)$", "(?=a)((a|aa)+)$"])  # by chunk, by line
def test_a_regex_that_takes_for_ever_is_given_up_and_named(pattern):
    definitions = [MetricDefinition("stuck", pattern), MetricDefinition("m", r"v=(\d+)")]
    scanner = Scanner(definitions, time.thread_time)
    line = "a" * 80 + "!\n"
    assert [d.value for d in scanner.scan(line + "v=1\n", 1.0)] == [1.0]
    assert scanner.given_up == ["stuck"]
    assert [d.value for d in scanner.scan(line + "v=2\n", 1.0)] == [2.0]


def test_a_busy_machine_loses_no_value():
    """While other threads work, two hosts' logs are searched at once."""
    chunk = "".join(f"loss={i}\n" for i in range(60_000))
    scanners = [scanner_of(("loss", r"loss=(\d+)")) for _ in range(2)]
    found: dict[int, list[Datum]] = {}
    over = threading.Event()

    def work():
        while not over.is_set():
            sum(range(1000))

    def search(number):
        found[number] = scanners[number].scan(chunk, 0.0)

    workers = [threading.Thread(target=work) for _ in range(2)]
    searches = [threading.Thread(target=search, args=(number,)) for number in range(2)]
    for thread in workers + searches:
        thread.start()
    for thread in searches:
        thread.join()
    over.set()
    for thread in workers:
        thread.join()
    assert [scanner.given_up for scanner in scanners] == [[], []]
    assert [len(found[number]) for number in range(2)] == [60_000, 60_000]


def test_what_runs_into_the_next_line_hides_nothing():
    pattern = r"loss=(\d+)|end\s+loss=\d+"
    assert scan(pattern, "loss=1 end\nloss=2\nloss=3") == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("pattern", [r"v?(\d*)", r"x*(\d*)$"])
def test_empty_matches_end(pattern):
    assert scan(pattern, "1\n\n" * 30_000) == [1.0] * 30_000
