"""Command-line values to the members of a CreateTrainingJob request."""

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sagelet.domain.errors import ValidationException
from sagelet.domain.frameworks import FRAMEWORKS

INPUT_MODES = ("File", "FastFile", "Pipe")

FRAMEWORK_IMAGES = {
    **{name: f"{name}-training" for name in FRAMEWORKS},
    "sklearn": "sagemaker-scikit-learn",
}


def pairs(flag: str, values: Iterable[str]) -> dict[str, str]:
    """``K=V`` options as a mapping.

    Raises:
        ValidationException: no ``=``, or a key given twice.
    """
    found: dict[str, str] = {}
    for value in values:
        key, equals, rest = value.partition("=")
        if not equals or not key:
            raise ValidationException(f"{flag} {value}: write {flag} NAME=VALUE.")
        if key in found:
            raise ValidationException(f"{flag} {key} is given twice.")
        found[key] = rest
    return found


def file_uri(path: str | Path) -> str:
    """The file:// URI of a local path; other URIs stay as they are."""
    text = str(path)
    if "://" in text:
        return text
    # os.path leaves ~nobody and links in a circle as they are, where Path raises RuntimeError.
    folder, name = os.path.split(os.path.expanduser(text))  # noqa: PTH111
    if name in ("", ".", ".."):
        folder, name = os.path.join(folder, name), ""  # noqa: PTH118
    # The last name stays: a file that is reached by a link has the link's name in the job.
    place = os.path.join(os.path.realpath(folder), name)  # noqa: PTH118
    return "file://" + quote(os.fsencode(place.rstrip("/") or "/"))


def input_modes(
    values: Iterable[str], allowed: Sequence[str] = INPUT_MODES
) -> tuple[str, dict[str, str]]:
    """``MODE`` and ``NAME=MODE`` options: the job's input mode, and those of single channels.

    Raises:
        ValidationException: no such mode, or one given twice.
    """
    whole = [value for value in values if "=" not in value]
    single = pairs("--input-mode", (value for value in values if "=" in value))
    if len(whole) > 1:
        raise ValidationException(
            f"--input-mode {whole[1]}: the job has one already; for a channel write "
            f"NAME={whole[1]}."
        )
    known = {mode.lower(): mode for mode in allowed}
    for mode in (*whole, *single.values()):
        if mode.lower() not in known:
            raise ValidationException(
                f"--input-mode {mode}: no such mode; use {', '.join(allowed)}."
            )
    job = known[whole[0].lower()] if whole else "File"
    return job, {name: known[mode.lower()] for name, mode in single.items()}


def channels(values: Iterable[str], modes: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """``NAME=PATH`` options as InputDataConfig; ``modes`` are those of single channels."""
    found = pairs("--channel", values)
    for name, path in found.items():
        if not path:
            raise ValidationException(f"--channel {name}=: the path is empty.")
    modes = modes or {}
    for name in modes:
        if name not in found:
            raise ValidationException(
                f"--input-mode {name}={modes[name]}: there is no --channel {name}."
            )
    return [
        {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": file_uri(path),
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
            **({"InputMode": modes[name]} if name in modes else {}),
        }
        for name, path in found.items()
    ]


def script_hyperparameters(script: str, source_dir: str | None) -> dict[str, str]:
    """The hyperparameters that name a script and its code, as the SageMaker SDK sets them.

    Raises:
        ValidationException: there is no such script.
    """
    if source_dir is None:
        path = Path(script)
        if path.is_dir():
            raise ValidationException(f"The script {script} is a folder; name the file to run.")
        if not path.is_file():
            raise ValidationException(f"The script {script} does not exist.{_near(path)}")
        source = path.resolve()
        program = source.name
    else:
        source = Path(source_dir)
        if not source.is_dir():
            raise ValidationException(f"--source-dir {source_dir} is not a folder.")
        program = _inside(script, source)
    if not re.fullmatch(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._][A-Za-z0-9._+-]*)*", program):
        raise ValidationException(
            f"The script's name '{program}' has characters that SageMaker's script mode refuses; "
            "use letters, digits, '.', '_', '+', '-'."
        )
    return {
        "sagemaker_program": json.dumps(program),
        "sagemaker_submit_directory": json.dumps(file_uri(source)),
    }


def _inside(script: str, source: Path) -> str:
    """The script's path within its source folder."""
    root = source.resolve()
    for path in (source / script, Path(script)):
        place = path.parent.resolve() / path.name
        if place.is_file() and place.is_relative_to(root):
            return str(place.relative_to(root))
    raise ValidationException(
        f"The script {script} is not in --source-dir {source}.{_near(source / script)}"
    )


def _near(path: Path) -> str:
    folder = path.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f" Did you mean {folder / near[0]}?" if near else ""


def read_request(path: str) -> dict[str, Any]:
    """A CreateTrainingJob document from a file; local paths in it become file:// URIs.

    Raises:
        ValidationException: it cannot be read, or is no JSON object.
    """
    try:
        text = Path("/dev/stdin" if path == "-" else path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValidationException(f"--request {path}: {reason}.") from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationException(f"--request {path} is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ValidationException(f"--request {path}: a CreateTrainingJob request is an object.")
    _local_uris(document)
    return document


def _local_uris(document: Any) -> None:
    """Turn paths at the places of S3 URIs into file:// URIs, in place."""
    if isinstance(document, list):
        for item in document:
            _local_uris(item)
    elif isinstance(document, dict):
        for key, value in document.items():
            if key in ("S3Uri", "S3OutputPath") and isinstance(value, str) and value:
                document[key] = file_uri(value)
            elif key not in ("HyperParameters", "Environment", "Tags"):
                _local_uris(value)


def stamped(base: str, now: datetime | None = None) -> str:
    """A job name from a base name, as the SDK makes them: base, date, time, milliseconds."""
    moment = now or datetime.now(UTC)
    stamp = moment.strftime("%Y-%m-%d-%H-%M-%S-") + f"{moment.microsecond // 1000:03d}"
    return f"{plain_name(base)[: 63 - len(stamp) - 1].rstrip('-')}-{stamp}"


def plain_name(base: str) -> str:
    """A base name as a job's name: letters, digits, single dashes, at most 63."""
    clean = "".join(char if char.isalnum() and char.isascii() else "-" for char in base)
    clean = "-".join(part for part in clean.split("-") if part) or "job"
    return clean[:63].rstrip("-")


def tags(options: Mapping[str, Any]) -> list[dict[str, str]]:
    """How the job runs here, as ``sagelet:`` tags."""
    return [
        {"Key": f"sagelet:{key}", "Value": str(value)}
        for key, value in options.items()
        if value is not None
    ]
