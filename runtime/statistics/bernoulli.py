"""Does an event happen more often than it did? Many streams of events at once.

For missing values, values out of range and unseen categories. The null hypothesis is that,
whatever came before, a row has the event with a probability of at most rate + eps; the bets
are those on one side of one edge (`bets`), restarted at every look (`restarts`).
"""

from __future__ import annotations

from math import inf

import numpy as np
import numpy.typing as npt

from runtime.statistics import bets
from runtime.statistics.restarts import Bets, Findings, Floats, RestartedBets, State

TILTS = (0.25, 0.5, 1.0, 2.0, 4.0)
LEAST_TOLERATED = 1e-4


class BernoulliDetector:
    """Tests that events of F streams are no more frequent than `rates` [F] + eps.

    `arl_looks` and `reference_rows` are as of `KsDetector`: rates that were counted on few
    rows are taken at the upper end of their 99 % interval where that is above rate + eps.
    What is tolerated, `tolerated` [F], is never below `LEAST_TOLERATED`, or the first event
    of its kind would be an alarm.

    Raises ValueError for rates that are not between 0 and 1.

    Examples
    --------
    >>> detector = BernoulliDetector([0.0], eps=0.01, arl_looks=10_000)
    >>> state = detector.look(detector.start(), hits=[40], rows=[1000])
    >>> bool(detector.findings(state).is_over[0])
    True
    """

    def __init__(
        self,
        rates: npt.ArrayLike,
        eps: float,
        arl_looks: npt.ArrayLike,
        reference_rows: float = inf,
    ) -> None:
        known = np.atleast_1d(np.asarray(rates, dtype=float))
        if known.ndim != 1 or not ((known >= 0.0) & (known <= 1.0)).all():
            raise ValueError(f"rates of events must be between 0 and 1, not {known}")
        if not 0.0 <= eps < 1.0:
            raise ValueError(f"eps is {eps}; it must be at least 0 and less than 1")
        self.rates = known
        self.tolerated = np.maximum(known + eps, upper_rates(known, reference_rows))
        self.tolerated = np.minimum(np.maximum(self.tolerated, LEAST_TOLERATED), 1.0)
        self.bets = RestartedBets(upward(self.tolerated, known), arl_looks)

    def start(self) -> State:
        """Return the state before the first look."""
        return self.bets.start()

    def look(self, state: State, hits: npt.ArrayLike, rows: npt.ArrayLike) -> State:
        """Return the state after a look with `hits` [F] events among `rows` [F] rows."""
        return self.bets.look(state, np.asarray(hits)[..., None], rows)

    def findings(self, state: State) -> Findings:
        """Say for each stream what the looks so far have shown."""
        return self.bets.findings(state)

    def forget(self, state: State, streams: npt.ArrayLike) -> State:
        """Return the state with the evidence of streams [F] (true or false) begun again."""
        return self.bets.forget(state, streams)


def upward(tolerated: Floats, rates: Floats) -> Bets:
    """Return bets on rates above what is tolerated."""
    base, slopes, growth = bets.one_side(tolerated[:, None], 0.0, 1, TILTS)
    nothing = np.zeros(base.shape, dtype=np.int64)
    family = bets.Family(base, slopes, growth, nothing, nothing + 1, 1.0)
    # Rare events are worth little a row whatever is bet, so no bet is left out for that.
    return bets.mixed([family], rates[:, None], least_growth=0.0)


def upper_rates(rates: Floats, rows: float) -> Floats:
    """Return the upper end of the rates' one-sided 99 % Wilson intervals."""
    if rows == inf:
        return rates
    if not rows > 0:
        raise ValueError(f"a reference of {rows} rows says nothing; give it rows")
    z = 2.3263478740408408
    centre = rates + z * z / (2.0 * rows)
    spread = z * np.sqrt(rates * (1.0 - rates) / rows + z * z / (4.0 * rows * rows))
    return np.asarray((centre + spread) / (1.0 + z * z / rows))
