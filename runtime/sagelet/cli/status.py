"""The line at the bottom of a terminal: how a job and each of its hosts are, in one look."""

from collections.abc import Mapping
from typing import Any

from sagelet.cli.kinds import metrics_of, shown

#: A host's state as one character; shapes, so that it takes no colours to tell them apart.
MARKS = {"Waiting": "\u25cb", "Running": "\u25cf", "Ended": "\u2713", "Failed": "\u2715"}
PLAIN_MARKS = {"Waiting": ".", "Running": "*", "Ended": "+", "Failed": "x"}

#: More hosts than this are counted, not named.
NAMED = 6


def marks_of(encoding: str) -> Mapping[str, str]:
    """The marks that a terminal of this encoding can show."""
    try:
        "".join(MARKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN_MARKS
    return MARKS


def status_line(
    document: Mapping[str, Any], hosts: Mapping[str, str], now: float, marks: Mapping[str, str]
) -> str:
    """The state and how long it has lasted, the hosts, the last value of each metric.

    Args:
        document: of DescribeTrainingJob.
        hosts: host -> its state, a key of ``marks``.
        now: epoch seconds.
        marks: state -> what is shown for it.
    """
    step = document["SecondaryStatusTransitions"][-1]
    word = shown(step["Status"], processing="ProcessingJobName" in document)
    parts = [f"{word} {_span(now - step['StartTime'])}"]
    if len(hosts) > NAMED:
        states = list(hosts.values())
        counts = [f"{states.count(s)} {marks[s]}" for s in marks if s in states]
        parts.append(f"{len(hosts)} hosts: {' '.join(counts)}")
    elif len(hosts) > 1:
        parts += [f"{host} {marks[state]}" for host, state in hosts.items()]
    metrics = metrics_of(document)
    if metrics:
        parts.append(" ".join(metrics))
    return "  ".join(parts)


def _span(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
