"""The plot of a run: requests/s and processor time a request, one column for each model.

Bars are cells with the most requests in flight, one colour for each client profile; quoted
bars are hatched and their names starred. Both axes are logarithmic, since the peers are
orders of magnitude apart. Nothing is shown on a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.rows import Cell
from benchmarks.peers.table import name_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"packed": "tab:blue", "ordinary": "tab:orange"}
BAR = 0.38
INCHES_A_MODEL = 4.0
INCHES_HIGH = 6.5
DOTS_PER_INCH = 120

Of = Callable[[Cell], float | None]


def busiest(cells: Sequence[Cell], model: str) -> list[Cell]:
    """Return a model's cells with the most requests in flight."""
    ours = [cell for cell in cells if cell.model == model]
    most = max(cell.concurrency for cell in ours)
    return [cell for cell in ours if cell.concurrency == most]


def order(cells: Sequence[Cell]) -> list[str]:
    """Return the peers' names, the fastest first."""
    best: dict[str, float] = {}
    for cell in cells:
        name = name_text(cell.peer, cell.kind)
        best[name] = max(best.get(name, 0.0), cell.high)
    return sorted(best, key=lambda name: -best[name])


def draw_bars(axes: Axes, cells: Sequence[Cell], names: list[str], of: Of) -> None:
    """Draw one figure of these cells: a place for each peer, a bar for each profile."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    for side, profile in enumerate(COLOURS):
        for cell in cells:
            value = of(cell)
            if cell.profile != profile or value is None:
                continue
            place = names.index(name_text(cell.peer, cell.kind)) + (side - 0.5) * BAR
            hatch = "//" if cell.kind == "quoted" else None
            axes.barh(place, value, BAR, color=COLOURS[profile], hatch=hatch)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize="small")
    axes.grid(axis="x", alpha=0.3)


def draw(cells: Sequence[Cell], path: Path) -> None:
    """Write the plot as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    models = list(dict.fromkeys(cell.model for cell in cells))
    size = (INCHES_A_MODEL * len(models), INCHES_HIGH)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(2, len(models), squeeze=False)
    for column, model in enumerate(models):
        chosen = busiest(cells, model)
        names = order(chosen)
        above, below = grid[0][column], grid[1][column]
        draw_bars(above, chosen, names, lambda cell: cell.requests_per_s or cell.high)
        draw_bars(below, chosen, names, lambda cell: cell.cpu_us)
        above.set_title(f"{model}, {chosen[0].concurrency} in flight")
        above.set_xlabel("requests/s")
        below.set_xlabel("processor time a request, us")
    patches = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
    patches.append(Patch(facecolor="white", edgecolor="black", hatch="//", label="quoted*"))
    figure.legend(handles=patches, loc="outside lower center", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
