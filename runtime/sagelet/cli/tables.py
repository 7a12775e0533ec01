"""Tables on a terminal, plain columns elsewhere."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {"Completed": "green", "Failed": "red", "ok": "green", "missing": "red"}


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in header:
        table.add_column(title, overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 400, soft_wrap=False)
    console.print(table)
