"""Pictures of a report: distributions and evidence, as SVG to stand within a page.

They hold fixed words and numbers only: names are written by the page, which escapes them.
matplotlib is the extra ``plot`` and is imported when it is needed.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runtime.errors import ConfigError
from runtime.monitor.state import Bins, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (9.0, 2.6)
BLUE, ORANGE, GREY = "tab:blue", "tab:orange", "0.45"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # Text stays text: small, and it can be searched.
    "svg.hashsalt": "leeboard",
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9.0,
}
MOST_NAMED = 12
HOUR_S = 3_600.0


def check_plotting() -> None:
    """Raise ConfigError where matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "a report needs matplotlib, which the extra `plot` brings: "
            "pip install 'leeboard[plot]'"
        ) from error


def draw(bins: Bins | None, history: Sequence[Point], tolerated: float) -> str:
    """Return a picture with what there is; empty where there is nothing to draw."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    wanted = [each for each in (bins, history) if each]
    if not wanted:
        return ""
    with rc_context(STYLE):
        figure = Figure(SIZE_INCHES, layout="constrained")
        axes = figure.subplots(1, len(wanted), squeeze=False)[0]
        if bins:
            draw_bins(axes[0], bins)
        if history:
            draw_history(axes[-1], history, tolerated)
        picture = io.StringIO()
        figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    text = picture.getvalue()
    return text[text.index("<svg") :]


def draw_bins(axes: Axes, bins: Bins) -> None:
    """Draw the shares of both sides, bin by bin."""
    places = range(1, max(len(bins.reference), len(bins.live)) + 1)
    for shares, color, shift, label in (
        (bins.reference, GREY, -0.2, "reference"),
        (bins.live, BLUE, 0.2, "live"),
    ):
        at = [place + shift for place in places][: len(shares)]
        axes.bar(at, shares, 0.4, color=color, label=label)
    axes.set_ylabel("share of rows")
    if bins.labels or len(places) > MOST_NAMED:
        from matplotlib.ticker import MaxNLocator

        axes.set_xlabel("category" if bins.labels else "bin")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_xticks(list(places), edge_words(bins.edges), rotation=40, ha="right")
    axes.legend(frameon=False)


def edge_words(edges: Sequence[float]) -> list[str]:
    """Return what stands below each bin: its upper edge, and the last one's lower.

    Examples
    --------
    >>> edge_words((1.0, 2.5))
    ['< 1', '< 2.5', '≥ 2.5']
    """
    if not edges:
        return ["all"]
    return [*(f"< {edge:.4g}" for edge in edges), f"≥ {edges[-1]:.4g}"]


def draw_history(axes: Axes, history: Sequence[Point], tolerated: float) -> None:
    """Draw evidence over its limit and the effect over eps, by hours before the last."""
    last_s = history[-1].time_s
    hours = [(point.time_s - last_s) / HOUR_S for point in history]
    axes.plot(hours, [p.evidence for p in history], color=BLUE, label="evidence / limit")
    if tolerated > 0:
        effects = [point.effect / tolerated for point in history]
        axes.plot(hours, effects, color=ORANGE, label="effect / eps")
    axes.axhline(1.0, color=GREY, linestyle="--", linewidth=1)
    axes.set_xlabel("hours before the last look")
    axes.legend(frameon=False)
