"""``leeboard top``: a server's versions as a table that is drawn again and again.

A terminal shows one table in place; anything else gets lines of text, a block a look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from runtime.capacity.progress import show_us
from runtime.operating.looking import Looker, Row, View
from runtime.printable import escaped

COLUMNS = ("model", "version", "state", "req/s", "fail/s", "p50", "p99", "queue",
           "rows/s", "batch", "workers")  # fmt: skip
TEXT_COLUMNS = 3
PLAIN_WIDTH = 24
"""In lines of text, names are cut to so many characters."""

Pause = Callable[[], bool]
"""Waits until the next look; False when there shall be none."""


def number(value: float | None) -> str:
    """Write a number as it fits into a narrow column.

    Examples
    --------
    >>> number(0.25), number(12.34), number(123_456.7), number(2e7), number(None)
    ('0.25', '12.3', '123k', '20.0M', '-')
    >>> number(3)
    '3'
    """
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    for limit, divisor, places, unit in (
        (0.005, 1, 0, ""), (9.995, 1, 2, ""), (99.95, 1, 1, ""), (99_999.5, 1, 0, ""),
        (999_500, 1e3, 0, "k"),
    ):  # fmt: skip
        if value < limit:
            return f"{value / divisor:.{places}f}{unit}"
    return f"{value / 1e6:.1f}M"


def seconds(value: float | None) -> str:
    """Write a latency; a dash for none."""
    return "-" if value is None else show_us(value * 1e6)


def cells(row: Row) -> tuple[str, ...]:
    """Return a row's texts, a column each."""
    rates, listed = row.rates, row.listed
    return (
        listed.name,
        listed.version,
        listed.state,
        number(rates.requests_per_s),
        number(rates.failures_per_s),
        seconds(rates.p50_s),
        seconds(rates.p99_s),
        number(row.queued),
        number(rates.rows_per_s),
        number(rates.rows_per_batch),
        number(row.workers),
    )


def table_of(view: View) -> Group:
    """Return a view as a table, with what is wrong beneath it."""
    table = Table(
        title=escape(view.url), title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for place, column in enumerate(COLUMNS):
        is_text = place < TEXT_COLUMNS
        table.add_column(
            column,
            justify="left" if is_text else "right",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in view.rows:
        table.add_row(*(escape(escaped(cell)) for cell in cells(row)))
    notes = [
        Text(escaped(words), overflow="ellipsis", no_wrap=True) for words in notes_of(view)
    ]
    return Group(table, *notes)


def notes_of(view: View) -> Iterable[str]:
    """Yield what is wrong: with the server, and with single versions."""
    if view.trouble:
        yield view.trouble
    for row in view.rows:
        if row.listed.reason:
            called = f"{row.listed.name} {row.listed.version}".strip()
            yield f"{called}: {row.listed.reason}"


def lines_of(view: View) -> list[str]:
    """Return a view as lines of text, all columns aligned."""
    rows = [COLUMNS, *map(cells, view.rows)] if view.rows else []
    texts = [[escaped(cell)[:PLAIN_WIDTH] for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < TEXT_COLUMNS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    ]
    return [*lines, *map(escaped, notes_of(view))]


def as_values(view: View) -> dict[str, Any]:
    """Return a view as JSON values; rates are per second, latencies seconds."""
    versions = [
        {**asdict(row.listed), **asdict(row.rates), "queued": row.queued,
         "workers": row.workers}
        for row in view.rows
    ]  # fmt: skip
    return {
        "url": view.url, "is_there": view.is_there, "trouble": view.trouble,
        "versions": versions,
    }  # fmt: skip


def watch(looker: Looker, console: Console, pause: Pause) -> None:
    """Show the server until `pause` says that it is enough."""
    if not console.is_terminal:
        while True:
            for line in lines_of(looker.look()):
                console.file.write(line + "\n")
            console.file.write("\n")
            console.file.flush()
            if not pause():
                return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(table_of(looker.look()), refresh=True)
            if not pause():
                return


def look_twice(looker: Looker, pause: Pause) -> View:
    """Return a view with rates: of what happens during one pause."""
    first = looker.look()
    return looker.look() if pause() else first
