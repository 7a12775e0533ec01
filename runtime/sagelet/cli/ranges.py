"""``--range`` values to ParameterRanges, and the metric a tuning job is judged by."""

import re
from collections.abc import Iterable
from typing import Any

from sagelet.cli.options import pairs
from sagelet.domain.errors import ValidationException

#: How a scale is written -> ScalingType.
SCALES = {
    "auto": "Auto",
    "lin": "Linear",
    "linear": "Linear",
    "log": "Logarithmic",
    "logarithmic": "Logarithmic",
    "reverselog": "ReverseLogarithmic",
    "reverselogarithmic": "ReverseLogarithmic",
}

_HOW = "write NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=VALUE,VALUE,..."

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"


def parameter_ranges(values: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The ParameterRanges that ``--range`` options ask for; whole ends make an integer range.

    Raises:
        ValidationException: one cannot be read.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, text in pairs("--range", values).items():
        member, document = _range(name, text)
        found.setdefault(member, []).append(document)
    return found


def _range(name: str, text: str) -> tuple[str, dict[str, Any]]:
    if not text:
        raise ValidationException(f"--range {name}=: {_HOW}.")
    parts = text.split(":")
    if "," in text or len(parts) == 1:
        values = [value.strip() for value in text.split(",")]
        if "" in values:
            raise ValidationException(f"--range {name}={text}: a value is empty; {_HOW}.")
        return "CategoricalParameterRanges", {"Name": name, "Values": values}
    low, high, scale = (*(part.strip() for part in parts), "auto")[:3]
    if len(parts) > 3 or not low or not high:
        raise ValidationException(f"--range {name}={text}: {_HOW}.")
    if scale.lower() not in SCALES:
        raise ValidationException(
            f"--range {name}={text}: '{scale}' is no scale; there are linear, log, reverselog and "
            "auto."
        )
    document = {
        "Name": name,
        "MinValue": low,
        "MaxValue": high,
        "ScalingType": SCALES[scale.lower()],
    }
    whole = all(re.fullmatch(r"[-+]?\d+", end) for end in (low, high))
    return ("IntegerParameterRanges" if whole else "ContinuousParameterRanges"), document


def usual_regex(metric: str) -> str:
    """What finds ``metric=0.9``, ``Metric: 0.9`` and the like in a job's output.

    Of a name with parts, as ``test:accuracy``, these may be written apart in other ways.
    """
    parts = [re.escape(part) for part in re.split(r"[:_\s-]+", metric) if part]
    return rf"(?i)\b{'[:_ -]?'.join(parts)}\s*[=:]\s*{_NUMBER}"
