"""Tables on a terminal, plain columns elsewhere."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {"Completed": "green", "Failed": "red", "ok": "green", "missing": "red"}


def table_of(header: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: bool) -> Table:
    """A table, to be printed or drawn; ``wrap``: long cells go on in a further line."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in header:
        table.add_column(title, overflow="fold", no_wrap=not wrap)
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    return table


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 400, soft_wrap=False)
    console.print(table_of(header, rows, wrap=terminal))
