r"""Has a distribution moved by more than eps? Bets for numbers and for categories.

Both tests take a look's counts, F features at once, and are restarted mixtures of bets
(`restarts`, `bets`). They ask "is the effect larger than eps", not "is there an effect": a
reference is itself estimated, and with enough rows any harmless difference is certain.

The reference is part of the null hypothesis: eps is measured from the shares it has. With
`reference_rows` the tolerance is at least the reference's own chance error at 99 %, so that
a short reference raises no alarms by itself (`bets.tolerance`).

References
----------
.. [1] S. Shekhar, A. Ramdas. Reducing sequential change detection to sequential estimation.
   ICML 2024. arXiv:2309.09111.
.. [2] I. Waudby-Smith, A. Ramdas. Estimating means of bounded random variables by betting.
   Journal of the Royal Statistical Society B 86(1), 2024. arXiv:2010.09686.
"""

from __future__ import annotations

from math import inf

import numpy as np
import numpy.typing as npt

from runtime.statistics import bets
from runtime.statistics.restarts import Findings, Floats, RestartedBets, State


class KsDetector:
    """Tests |P(x >= edge) - reference| <= eps at every edge of F features.

    Parameters
    ----------
    shares
        [F, K]: the reference's share of finite values at or above each edge, falling along
        K; not a number for edges that a feature does not have.
    eps
        The largest Kolmogorov-Smirnov distance on the grid that is no drift.
    arl_looks
        The promised average run length to a false alarm in looks, of each feature or [F].
    reference_rows
        How many rows the shares were counted on; infinite when they are known exactly.

    Raises ValueError for shares that are no shares, and for an eps outside [0, 1).

    Examples
    --------
    >>> detector = KsDetector([[0.75, 0.5, 0.25]], eps=0.05, arl_looks=10_000)
    >>> state = detector.start()
    >>> for _ in range(10):
    ...     state = detector.look(state, counts=[[95, 80, 60]], rows=[100])
    >>> found = detector.findings(state)
    >>> bool(found.is_over[0]), int(found.since_look[0]), round(float(found.effect[0]), 2)
    (True, 0, 0.35)
    """

    def __init__(
        self,
        shares: npt.ArrayLike,
        eps: float,
        arl_looks: npt.ArrayLike,
        reference_rows: float = inf,
    ) -> None:
        known = falling(shares)
        self.eps = bets.tolerance(eps, reference_rows)
        families = [
            bets.shift_bets(known, self.eps),
            bets.spread_bets(known, self.eps),
            bets.edge_bets(known, self.eps),
        ]
        self.bets = RestartedBets(bets.mixed(families, known), arl_looks)

    def start(self) -> State:
        """Return the state before the first look."""
        return self.bets.start()

    def look(self, state: State, counts: npt.ArrayLike, rows: npt.ArrayLike) -> State:
        """Return the state after a look.

        `rows` [F] is how many finite values each feature had, `counts` [F, K] how many of
        them were at or above each edge. A feature without rows stays as it is.
        """
        return self.bets.look(state, counts, rows)

    def findings(self, state: State) -> Findings:
        """Say for each feature what the looks so far have shown."""
        return self.bets.findings(state)

    def forget(self, state: State, features: npt.ArrayLike) -> State:
        """Return the state with the evidence of features [F] (booleans) begun again."""
        return self.bets.forget(state, features)


class CategoryDetector(KsDetector):
    """Tests |share of a category - reference| <= eps for every known category.

    `shares` and `counts` [F, K] are of single categories, and `rows` [F] counts the values
    that are of a known one: unseen categories are an event of their own, for a
    `BernoulliDetector`. Otherwise as `KsDetector`; the edge of its findings is a category.
    The distance is the largest over categories, which is at most the total variation, so
    what is within eps in total variation raises no alarm either.
    """

    def __init__(
        self,
        shares: npt.ArrayLike,
        eps: float,
        arl_looks: npt.ArrayLike,
        reference_rows: float = inf,
    ) -> None:
        known = probable(shares)
        if (np.nansum(known, axis=1) > 1.0 + 1e-9).any():
            raise ValueError("shares of categories add up to more than one")
        self.eps = bets.tolerance(eps, reference_rows)
        self.bets = RestartedBets(
            bets.mixed([bets.edge_bets(known, self.eps)], known), arl_looks
        )


def probable(shares: npt.ArrayLike) -> Floats:
    """Return shares as [F, K]; raises ValueError where one is not between 0 and 1."""
    given = np.atleast_2d(np.asarray(shares, dtype=float))
    if given.ndim != 2 or not given.shape[1]:
        raise ValueError(f"shares have the shape {given.shape}; it must be features, edges")
    if not (np.isnan(given) | ((given >= 0.0) & (given <= 1.0))).all():
        raise ValueError("a reference has shares that are not between 0 and 1")
    return given


def falling(shares: npt.ArrayLike) -> Floats:
    """Return shares as [F, K]; raises ValueError where they rise from edge to edge."""
    given = probable(shares)
    for row in given:
        present = row[~np.isnan(row)]
        if (np.diff(present) > 1e-12).any():
            raise ValueError(f"shares above rising edges must fall, not {present}")
    return given
