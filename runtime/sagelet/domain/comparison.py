"""Trial components side by side: which parameters differ, which metric counts, who is best.

Components come as Search shows them (its TrialComponent documents).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.errors import ValidationException
from sagelet.domain.jobs import OBJECTIVE_METRIC

Document = Mapping[str, Any]

#: Of a metric, as Search names them.
STATISTICS = ("Min", "Max", "Avg", "StdDev", "Last", "Count")

#: Words in the names of metrics that are better when they are low.
_LOW = re.compile(
    r"loss|err|mse|rmse|mae|mape|perplexity|ppl|nll|entropy|duration|seconds|latency|divergence",
    re.IGNORECASE,
)

#: Words in the names of metrics that people choose by, and those that data they did not train on
#: has in the names of its metrics.
_CHOSEN = re.compile(r"acc|auc|f1|score|precision|recall|bleu|map", re.IGNORECASE)
_UNSEEN = re.compile(r"test|val|eval|dev", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Measure:
    """A statistic of a metric."""

    metric: str
    statistic: str = "Last"

    @property
    def title(self) -> str:
        """As tables have it, and as ``measure_of`` reads it."""
        return f"{self.metric}.{self.statistic.lower()}"

    @property
    def low(self) -> bool:
        """Whether less is better, by its name."""
        return _LOW.search(self.metric) is not None

    def of(self, component: Document) -> float | None:
        """Its value; None where the component has none."""
        for metric in component.get("Metrics") or ():
            if metric["MetricName"] == self.metric and self.statistic in metric:
                return float(metric[self.statistic])
        return None


def readings(text: str) -> list[Measure]:
    """What ``METRIC`` or ``METRIC.STATISTIC`` may mean, for a metric's name may have dots, too."""
    metric, _, word = text.rpartition(".")
    return [
        Measure(text),
        *(Measure(metric, name) for name in STATISTICS if metric and word.lower() == name.lower()),
    ]


def measure_of(text: str, known: Iterable[str]) -> Measure:
    """``METRIC`` or ``METRIC.STATISTIC``, of the metrics there are.

    Raises:
        ValidationException: there is no such metric.
    """
    names = sorted(set(known))
    for reading in readings(text):
        if reading.metric in names:
            return reading
    metric = text.rpartition(".")[0]
    there = f"there are {', '.join(names)}" if names else "there are none"
    hint = ""
    if metric in names:
        hint = f" (after the last point: {', '.join(s.lower() for s in STATISTICS)})"
    raise ValidationException(f"There is no metric '{text}'; {there}{hint}.")


def metric_names(components: Iterable[Document]) -> list[str]:
    """Metrics of these components, those first that people choose by and most components have."""
    count = Counter(
        metric["MetricName"]
        for component in components
        for metric in component.get("Metrics") or ()
    )
    most = max(count.values(), default=0)

    def rank(name: str) -> tuple[bool, bool, bool, bool, int, str]:
        return (
            name == OBJECTIVE_METRIC,  # another one's second name
            count[name] * 2 < most,
            _CHOSEN.search(name) is None,
            _UNSEEN.search(name) is None,
            -count[name],
            name,
        )

    return sorted(count, key=rank)


def best_first(components: Sequence[Document], by: Measure | None, *, low: bool) -> list[Document]:
    """In the order of a measure; NaN after numbers, then those without it, in their own order."""
    if by is None:
        return list(components)

    def place(component: Document) -> tuple[int, float]:
        value = by.of(component)
        if value is None:
            return 2, 0.0
        if math.isnan(value):
            return 1, 0.0
        return 0, value if low else -value

    return sorted(components, key=place)


def parameter_of(component: Document, name: str) -> float | str | None:
    """A parameter's value."""
    value = (component.get("Parameters") or {}).get(name)
    if value is None:
        return None
    number = value.get("NumberValue")
    return value.get("StringValue") if number is None else float(number)


def parameters_of(components: Sequence[Document]) -> tuple[list[str], dict[str, float | str]]:
    """The names of those that differ; those that are the same in all, with their value."""
    names = sorted({name for c in components for name in c.get("Parameters") or ()})
    differ: list[str] = []
    same: dict[str, float | str] = {}
    for name in names:
        values = {parameter_of(component, name) for component in components}
        first = next(iter(values))
        if len(values) == 1 and first is not None:
            same[name] = first
        else:
            differ.append(name)
    return differ, same


def number(value: float) -> str:
    """As people write it."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"
