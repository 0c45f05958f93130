"""How far a feature is from its reference, by what the window shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.monitor.looks import Counts
from runtime.monitor.signals import Effect
from runtime.statistics.bernoulli import BernoulliDetector
from runtime.statistics.betting import CategoryDetector, KsDetector
from runtime.statistics.restarts import Findings

Detector = KsDetector | BernoulliDetector


@dataclass(frozen=True, slots=True)
class View:
    """What the window shows of a test's F features, beside what the reference has.

    `counts` [F, K] of `rows` [F] that had a chance, `shares` [F, K] of the reference;
    `window_rows` are all rows of the window.
    """

    window_rows: int
    counts: Counts
    rows: Counts
    shares: npt.NDArray[np.float64]


def effect_of(detector: Detector, at: int, found: Findings, view: View) -> Effect:
    """Return how far off the rows since the change are, or the window if that is less.

    A window forgets what is over, and is not asked what it cannot know yet.
    """
    rows = int(view.rows[at])
    distance = view.counts[at] / max(rows, 1) - view.shares[at]
    since = int(found.rows[at] - found.since_row[at])
    if since <= rows and np.isfinite(found.effect[at]):
        distance = np.array([found.effect[at] * found.side[at]])
    if isinstance(detector, BernoulliDetector):
        tolerated = float(detector.tolerated[at] - detector.rates[at])
        return Effect("excess share", float(max(distance[0], 0.0)), tolerated)
    largest = float(np.nanmax(np.abs(distance))) if rows else 0.0
    is_mix = isinstance(detector, CategoryDetector)
    name = "largest share's difference" if is_mix else "KS"
    return Effect(name, largest, float(np.max(detector.eps)))
