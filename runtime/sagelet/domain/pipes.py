"""What is streamed through the pipes of a Pipe channel, written down for who streams it.

An index has a line an item (an object, or a line of an augmented manifest), and an item has parts,
one after another in the stream, each a record of its own where records are wrapped. A part is a
file, ``[path, name]`` (the path as seen from the index's folder), or a text, ``[text]``.
"""

import json
from collections.abc import Sequence

#: (path, name) of a file, or (text,).
Part = tuple[str, str] | tuple[str]


def index_line(parts: Sequence[Part]) -> bytes:
    """An item's line in the index."""
    return json.dumps(parts, separators=(",", ":")).encode() + b"\n"


def parts_of(line: bytes) -> list[list[str]]:
    """The parts of an item, from its line."""
    parts: list[list[str]] = json.loads(line)
    return parts


def pipe_name(channel: str, epoch: int) -> str:
    """The pipe of an epoch, beside the channels' folders."""
    return f"{channel}_{epoch}"
