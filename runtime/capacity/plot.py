"""Draws a sweep: throughput and latency against load, the knee marked.

matplotlib is the extra ``plot`` and is imported when it is needed. Nothing is shown on a
screen and no state of matplotlib's is kept.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.capacity.sweep import UNITS, Sweep, conclude
from runtime.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".html")
SIZE_INCHES = (8.0, 6.0)
DOTS_PER_INCH = 120
BLUE, ORANGE, GREY = "tab:blue", "tab:orange", "0.4"

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<h1>{title}</h1>
<p>{words}</p>
{drawing}
"""


def check_plot(path: Path) -> None:
    """Raise ConfigError, before anything is measured, if `path` cannot be drawn to."""
    if path.suffix not in SUFFIXES:
        wanted = ", ".join(SUFFIXES)
        raise ConfigError(f"--plot {path} must end in one of {wanted}")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "--plot needs matplotlib, which the extra `plot` brings: "
            "pip install 'leeboard[plot]'"
        ) from error


def ticks(axes: Axes, values: Sequence[float]) -> None:
    """Give an axis of loads a logarithmic scale with plain numbers."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.set_xticks(values)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelrotation=45)
    axes.grid(alpha=0.3)


def draw(found: Sweep, title: str) -> Figure:
    """Return the picture; raises ConfigError without a step to draw."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    answered = [step for step in found.steps if step.report.ok]
    steps = sorted(answered, key=lambda step: step.value)
    if not steps:
        raise ConfigError("no step was answered, so there is nothing to draw")
    loads = [step.value for step in steps]
    figure = Figure(SIZE_INCHES, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(loads, [s.report.throughput_rps for s in steps], "o-", color=BLUE)
    above.set_ylabel("answers/s")
    above.set_ylim(bottom=0)
    for name, color in (("p50", BLUE), ("p99", ORANGE)):
        times = [step.report.latency_us[name] / 1e3 for step in steps]
        below.plot(loads, times, "o-", color=color, label=name)
    below.set_yscale("log")
    below.yaxis.set_major_formatter(LogFormatter())
    below.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.0, 0.4)))
    below.set_ylabel("latency, ms")
    below.set_xlabel(UNITS[found.plan.axis])
    if found.p99_limit_us is not None:
        limit = found.p99_limit_us / 1e3
        below.axhline(limit, color=ORANGE, linestyle=":", label="limit of p99")
    bad = [step for step in steps if not step.good]
    throughput = [step.report.throughput_rps for step in bad]
    above.plot([s.value for s in bad], throughput, "x", color="red", label="not good")
    for axes in (above, below):
        ticks(axes, loads)
        if found.highest is not None:
            label = "knee" if found.knee else "highest good step"
            axes.axvline(found.highest.value, color=GREY, linestyle="--", label=label)
        axes.legend()
    figure.suptitle(f"{title}\n{conclude(found)}", wrap=True, fontsize="medium")
    return figure


def save_plot(found: Sweep, path: Path, title: str) -> None:
    """Draw into a .png, .svg or .html by the path's suffix."""
    figure = draw(found, title)
    picture = io.BytesIO()
    kind = "png" if path.suffix == ".png" else "svg"
    figure.savefig(picture, format=kind, dpi=DOTS_PER_INCH)
    content = picture.getvalue()
    if path.suffix == ".html":
        drawing = content.decode()
        drawing = drawing[drawing.index("<svg") :]
        words = escape(conclude(found))
        content = PAGE.format(title=escape(title), words=words, drawing=drawing).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
