"""Confusion matrices, curves and tables, read from where trackers stored them."""

import math
from pathlib import Path
from typing import Any

import orjson

from sagelet.domain.errors import DomainError
from sagelet.store.objects import Objects
from sagelet.web.views import number

#: The most that is read of one, in bytes.
_SIZE = 16 << 20
#: The most classes of a matrix, points of a curve, rows and columns of a table.
_CLASSES = 200
_POINTS = 600
_ROWS, _FIELDS = 200, 40

_CURVES = {
    "ROCCurve": ("falsePositiveRate", "truePositiveRate", "areaUnderCurve"),
    "PrecisionRecallCurve": ("recall", "precision", "averagePrecisionScore"),
}

Document = dict[str, Any]


def graph(objects: Objects, uri: str) -> Document:
    """What lies at ``uri``; ``kind`` is none, with the reason, where it cannot be shown."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not key:
        return _none(f"{uri} is no s3:// address of an object")
    try:
        found = objects.get(bucket, key)
    except DomainError as error:
        return _none(str(error))
    if found.size > _SIZE:
        return _none(f"it has {found.size} bytes, more than {_SIZE}")
    return read(objects.blobs.path(found.blob))


def read(path: Path) -> Document:
    """The same of a file."""
    try:
        document = orjson.loads(path.read_bytes())
        return _shown(document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        return _none(f"it cannot be read as what it says to be: {error}")


def _shown(document: Document) -> Document:
    kind = document["type"]
    title = document.get("title") or ""
    if kind == "ConfusionMatrix":
        matrix = [[float(value) for value in row] for row in document["confusionMatrix"]]
        if len(matrix) > _CLASSES or any(len(row) != len(matrix) for row in matrix):
            return _none(
                f"it has {len(matrix)} rows, which are too many or not as long as they are"
            )
        return {"kind": kind, "title": title, "matrix": matrix}
    if kind in _CURVES:
        x, y, area = _CURVES[kind]
        points = list(zip(document[x], document[y], strict=True))
        kept = _fewer(points)
        return {
            "kind": kind,
            "title": title,
            "x": [number(float(point[0])) for point in kept],
            "y": [number(float(point[1])) for point in kept],
            "area": _number(document.get(area)),
            "noSkill": _number(document.get("noSkill")),
            "count": len(points),
        }
    if kind == "Table":
        fields = [str(each["name"]) for each in document["fields"]][:_FIELDS]
        data = document["data"]
        rows = [[str(value) for value in row] for row in zip(*(data[f] for f in fields))][:_ROWS]  # noqa: B905 - columns may differ in length
        return {"kind": kind, "title": title, "fields": fields, "rows": rows}
    return _none(f"it is a {str(kind)[:80]}, which is not drawn here")


def _fewer(points: list[Any]) -> list[Any]:
    if len(points) <= _POINTS:
        return points
    last = len(points) - 1
    return [points[round(index * last / (_POINTS - 1))] for index in range(_POINTS)]


def _number(value: Any) -> float | str | None:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if math.isnan(value) else number(float(value))


def _none(reason: str) -> Document:
    return {"kind": "none", "reason": reason}
