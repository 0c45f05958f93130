"""Distances of a window from its reference, for those who ask for them by name.

They are shown and never alarm: looked at every second, each of them would, sooner or later.
Without ends the first and the last bin are open, so no Wasserstein distance is among them.
"""

from __future__ import annotations

import numpy as np

from runtime.monitor.state import Bins
from runtime.statistics import distances

NAMES = ("JS", "Hellinger", "TV", "L-inf", "chi2 p")


def distances_of(bins: Bins, reference_rows: float, rows: float) -> dict[str, float]:
    """Return distances by `NAMES`.

    They are Jensen-Shannon's in base 2, Hellinger's, total variation and the largest
    difference of one share; then what Pearson's test of two samples gives as the chance of
    as much without drift. `reference_rows` and `rows` are the values behind the shares;
    none compare nothing.
    """
    reference = np.asarray(bins.reference) * reference_rows
    live = np.asarray(bins.live) * rows
    if not reference.sum() > 0 or not live.sum() > 0:
        return {}
    tested = distances.chi_squared_test(reference, live)
    found = (
        distances.jensen_shannon(reference, live),
        distances.hellinger(reference, live),
        distances.total_variation(reference, live),
        distances.l_infinity(reference, live),
        tested.p,
    )
    return dict(zip(NAMES, found, strict=True))
