"""Ranges of hyperparameters that a tuning job searches, and their scales.

A range of numbers is looked at as the unit interval: ``value`` reads a place in it as the text a
training job gets, ``place`` tells where a text lies. What a scale means is said here only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagelet.domain.errors import ValidationException

Document = Mapping[str, Any]

LINEAR, LOGARITHMIC, REVERSE = "Linear", "Logarithmic", "ReverseLogarithmic"

#: A range that Auto searches by its logarithm reaches over at least this factor.
WIDE = 100.0

#: Digits of a number that a training job gets.
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of some values."""

    name: str
    values: tuple[str, ...]

    @property
    def count(self) -> float:
        """How many values there are."""
        return float(len(self.values))

    def value(self, place: float) -> str:
        """The value at a place in [0, 1]."""
        return self.values[min(int(place * len(self.values)), len(self.values) - 1)]

    def place(self, text: str) -> float | None:
        """Where a value is; None where it is not among them."""
        if text not in self.values:
            return None
        return (self.values.index(text) + 0.5) / len(self.values)


@dataclass(frozen=True, slots=True)
class Numeric:
    """Numbers from ``low`` to ``high``; ``scaling`` is not Auto any more."""

    name: str
    low: float
    high: float
    scaling: str
    whole: bool

    @property
    def count(self) -> float:
        """How many values there are; no end of them for decimals."""
        return self.high - self.low + 1 if self.whole else math.inf

    def value(self, place: float) -> str:
        """The number at a place in [0, 1], as a hyperparameter."""
        low, high = self._ends()
        number = self._back(low + min(max(place, 0.0), 1.0) * (high - low))
        if self.whole:
            return str(int(min(max(round(number), self.low), self.high)))
        number = float(f"{number:.{_DIGITS}g}")
        return repr(min(max(number, self.low), self.high))

    def place(self, text: str) -> float | None:
        """Where a number lies in [0, 1]; None for what is no number of the range."""
        try:
            number = float(text)
        except ValueError:
            return None
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            return None
        low, high = self._ends()
        return (self._forth(number) - low) / (high - low)

    def _ends(self) -> tuple[float, float]:
        """The scaled ends; each whole number has as much room as its neighbours."""
        margin = 0.5 if self.whole else 0.0
        return self._forth(self.low - margin), self._forth(self.high + margin)

    def _forth(self, number: float) -> float:
        if self.scaling == LOGARITHMIC:
            return math.log(number)
        if self.scaling == REVERSE:
            return -math.log1p(-number)
        return number

    def _back(self, scaled: float) -> float:
        if self.scaling == LOGARITHMIC:
            return math.exp(scaled)
        if self.scaling == REVERSE:
            return -math.expm1(-scaled)
        return scaled


Range = Categorical | Numeric


def read_ranges(document: Document, where: str) -> tuple[Range, ...]:
    """The ranges of a ParameterRanges document, in order of kind, then as given.

    ``where`` is the member it stands in.

    Raises:
        ValidationException: one is turned around, is no number, or has a scale it cannot have.
    """
    found: list[Range] = []
    for member, whole in (("IntegerParameterRanges", True), ("ContinuousParameterRanges", False)):
        for index, given in enumerate(document.get(member) or ()):
            found.append(_numeric(given, f"{where}.{member}[{index}]", whole=whole))
    for index, given in enumerate(document.get("CategoricalParameterRanges") or ()):
        found.append(
            _categorical(
                given["Name"], given["Values"], f"{where}.CategoricalParameterRanges[{index}]"
            )
        )
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ValidationException(f"{where}: the hyperparameter '{name}' has two ranges.")
    return tuple(found)


def _categorical(name: str, values: Sequence[str], where: str) -> Categorical:
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise ValidationException(f"{where}: '{name}' has the value '{twice}' twice.")
    return Categorical(name, tuple(values))


def _numeric(given: Document, where: str, *, whole: bool) -> Numeric:
    name = given["Name"]
    low, high = (
        _number(given[member], f"{where}.{member}", name, whole=whole)
        for member in ("MinValue", "MaxValue")
    )
    if low >= high:
        raise ValidationException(
            f"{where}: MinValue {given['MinValue']} of '{name}' must be less than MaxValue "
            f"{given['MaxValue']}."
        )
    return Numeric(
        name,
        low,
        high,
        _scaling(given.get("ScalingType") or "Auto", low, high, where, whole),
        whole,
    )


def _number(text: str, where: str, name: str, *, whole: bool) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    fits = math.isfinite(number)
    if fits and whole:
        fits = number == int(number) and abs(number) <= 2**53
    if not fits:
        kind = "an integer" if whole else "a number"
        raise ValidationException(f"{where}: '{text}' of '{name}' is not {kind}.")
    return number


def _scaling(wanted: str, low: float, high: float, where: str, whole: bool) -> str:
    if wanted == "Auto":
        return LOGARITHMIC if low > 0 and high / low >= WIDE else LINEAR
    if wanted == LOGARITHMIC and low <= 0:
        raise ValidationException(
            f"{where}.ScalingType: Logarithmic scaling works only for ranges that have only "
            "values greater than 0."
        )
    if wanted == REVERSE:
        if whole:
            raise ValidationException(
                f"{where}.ScalingType: ReverseLogarithmic scaling is for continuous ranges only."
            )
        if low < 0 or high >= 1:
            raise ValidationException(
                f"{where}.ScalingType: ReverseLogarithmic scaling works only for ranges that are "
                "entirely within the range 0<=x<1.0."
            )
    return wanted


def range_of_hint(name: str, hint: str, where: str) -> Range:
    """The range that Autotune searches around an example value: a tenth of it to ten times it.

    Raises:
        ValidationException: it is no number above 0, so nothing is around it.
    """
    try:
        number = float(hint)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValidationException(
            f"{where}: no range can be chosen around '{hint}' of '{name}'; give numbers above 0, "
            "or a range."
        )
    if number == int(number) and "." not in hint and "e" not in hint.lower():
        low, high = max(1.0, number // 10), max(2.0, number * 10)
        return Numeric(name, low, high, LOGARITHMIC, whole=True)
    if number < 1:
        top = min(number * 10, (1 + number) / 2)  # a share of something stays one
        return Numeric(name, number / 10, top, LOGARITHMIC, whole=False)
    return Numeric(name, number / 10, number * 10, LOGARITHMIC, whole=False)
