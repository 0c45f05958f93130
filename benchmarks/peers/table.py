"""Cells and servers as text in columns.

A star marks what is quoted; "others" is the largest share of the server's processor that
strangers took, where it is worth telling.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers.rows import QUOTED, Cell, Findings, ServerRow

NOTHING = "-"
SATURATED = ">"
"""Stands before a rate that the client limited: the server is at least so fast."""


QUIET = 0.05
"""Share of a processor below which strangers are not mentioned."""


def number(value: float | None) -> str:
    """Write a figure with as many digits as mean something.

    Examples
    --------
    >>> number(None), number(3.456), number(34.56), number(34567.8)
    ('-', '3.46', '34.6', '34,568')
    """
    if value is None:
        return NOTHING
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def rate_text(cell: Cell) -> str:
    """Write a rate, its range where there is one, and who limited it."""
    spread = f"{number(cell.low)}-{number(cell.high)}"
    if cell.requests_per_s is None:
        return spread
    limit = SATURATED if cell.client_saturated else ""
    several = f" [{spread}]" if cell.low < cell.high else ""
    return f"{limit}{number(cell.requests_per_s)}{several}"


def name_text(peer: str, kind: str) -> str:
    """Return a peer's name, starred when it is quoted."""
    return f"{peer}{QUOTED}" if kind == "quoted" else peer


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Lay lines out: the first column to the left, the others to the right.

    Examples
    --------
    >>> print(columns([("peer", "rate"), ("a", "12")]))
    peer | rate
    a    |   12
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for first, *others in lines:
        cells = [f"{first:{widths[0]}}"]
        cells += [f"{text:>{w}}" for text, w in zip(others, widths[1:], strict=True)]
        texts.append(" | ".join(cells).rstrip())
    return "\n".join(texts)


def cell_line(cell: Cell) -> tuple[str, ...]:
    """Return one cell's line."""
    figures = (rate_text(cell), number(cell.p50_us), number(cell.p99_us))
    failed = str(cell.failed) if cell.failed else ""
    foreign = cell.foreign.get("server", 0.0)
    others = f"{foreign:.0%}" if foreign > QUIET else ""
    name = name_text(cell.peer, cell.kind)
    return (name, *figures, number(cell.cpu_us), failed, others)


def load_table(cells: Sequence[Cell]) -> str:
    """Return the cells of one load, the fastest first, below the load's name."""
    model, profile, concurrency = cells[0].load
    ordered = sorted(cells, key=lambda cell: -cell.rate)
    head = ("peer", "requests/s", "p50 us", "p99 us", "CPU us", "failed", "others")
    title = f"{model}, {profile} client, {concurrency} in flight"
    return f"{title}\n{columns([head, *map(cell_line, ordered)])}"


def server_line(row: ServerRow) -> tuple[str, ...]:
    """Return one server's line."""
    figures = (number(row.start_s), number(row.pss_mib), number(row.install_mib))
    return (f"{name_text(row.peer, row.kind)} {row.model}".rstrip(), *figures)


def text_of(findings: Findings) -> str:
    """Return everything as a person reads it."""
    loads = dict.fromkeys(cell.load for cell in findings.cells)
    models = list(dict.fromkeys(cell.model for cell in findings.cells))
    parts = [
        load_table([cell for cell in findings.cells if cell.load == load])
        for load in sorted(loads, key=lambda load: (models.index(load[0]), load))
    ]
    if findings.servers:
        head = ("server", "start s", "Pss MiB", "install MiB")
        parts.append(columns([head, *map(server_line, findings.servers)]))
    gaps = [
        f"{gap.peer} {gap.model}".rstrip() + f": {gap.reason}" for gap in findings.missing
    ]
    parts += [f"not measured: {gap}" for gap in gaps]
    sources = dict.fromkeys(cell.source for cell in findings.cells if cell.source)
    parts += [f"{QUOTED} quoted: {source}" for source in sources]
    return "\n\n".join(parts)
