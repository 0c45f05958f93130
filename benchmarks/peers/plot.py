"""The plot of a run: requests/s and processor time a request, one column for each model.

Points are cells with the most requests in flight, one colour for each client profile; what
is quoted is hollow and its name starred; a line is the range of the repeats. Figures are on
a logarithmic axis, since the peers are orders of magnitude apart. Nothing is shown on a
screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.rows import QUOTED, Cell
from benchmarks.peers.table import name_text, number, rate_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"packed": "tab:blue", "ordinary": "tab:orange"}
APART = 0.36
INCHES_A_MODEL = 4.0
INCHES_HIGH = 6.5
DOTS_PER_INCH = 120


@dataclass(frozen=True, slots=True)
class Point:
    """One figure of a cell: where it is, from where to where it went, and its words."""

    cell: Cell
    value: float
    low: float
    high: float
    words: str


def rate_point(cell: Cell) -> Point:
    """Return a cell's rate; a range without a middle stands at its upper end."""
    words = rate_text(cell) if cell.requests_per_s is None else number(cell.rate)
    return Point(cell, cell.rate, cell.low, cell.high, words)


def cost_point(cell: Cell) -> Point | None:
    """Return a cell's processor time a request, if it is known."""
    if cell.cpu_us is None:
        return None
    return Point(cell, cell.cpu_us, cell.cpu_us, cell.cpu_us, number(cell.cpu_us))


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
        best[name] = max(best.get(name, 0.0), cell.rate)
    return sorted(best, key=lambda name: -best[name])


def draw_points(axes: Axes, points: Sequence[Point], names: list[str]) -> None:
    """Draw one figure of some cells: a line for each peer, a point for each profile."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    for point in points:
        cell = point.cell
        side = list(COLOURS).index(cell.profile)
        place = names.index(name_text(cell.peer, cell.kind)) + (side - 0.5) * APART
        colour = COLOURS[cell.profile]
        inside = "white" if cell.kind == "quoted" else colour
        axes.plot([point.low, point.high], [place, place], color=colour, linewidth=1)
        axes.plot(
            point.value, place, "o", color=colour, markerfacecolor=inside, markersize=5
        )
        axes.annotate(
            point.words, (point.high, place), (6, 0), textcoords="offset points",
            va="center", fontsize="x-small",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.margins(x=0.35)
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize="small")
    axes.grid(alpha=0.3)


def draw(cells: Sequence[Cell], path: Path) -> None:
    """Write the plot as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    models = list(dict.fromkeys(cell.model for cell in cells))
    size = (INCHES_A_MODEL * len(models), INCHES_HIGH)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(2, len(models), squeeze=False)
    for column, model in enumerate(models):
        chosen = busiest(cells, model)
        names = order(chosen)
        above, below = grid[0][column], grid[1][column]
        costs = [point for point in map(cost_point, chosen) if point is not None]
        draw_points(above, [rate_point(cell) for cell in chosen], names)
        draw_points(below, costs, names)
        above.set_title(f"{model}, {chosen[0].concurrency} in flight")
        above.set_xlabel("requests/s")
        below.set_xlabel("processor time a request, us")
    marks = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=f"{name} client")
        for name, colour in COLOURS.items()
    ]
    hollow = Line2D([], [], marker="o", linestyle="", color="tab:blue")
    hollow.set(markerfacecolor="white", label=f"quoted{QUOTED}, not measured here")
    marks.append(hollow)
    figure.legend(handles=marks, loc="outside lower center", ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
