r"""Many detectors, one promise: how the average run length is shared out.

**Splitting.** Let M be the e-detectors of a model, all on the clock of the same looks. With
weights that add up to one, $\sum_i w_i M_i$ is an e-detector, and it is over T as soon as
one $M_i$ is over $T / w_i$. So the first alarm of any of them comes after at least T looks
in expectation, under any dependence, when detector i is promised $T / w_i$ looks.

**Error over patience.** Restarted detectors are not e-values, and whatever has a finite
average run length has a false discovery rate of one in the worst case. What can be bounded
is the expected share of false alarms *per look waited* [1]_: at any stopping time

$$E[\mathrm{FDP}_\tau] \le \alpha E[\tau] K_0 / K,$$

when the k detectors with the largest statistics are rejected, for the largest k with
$k M_{(k)} \ge K / \alpha$ (e-d-BH). Alpha is one over the patience in looks.

References
----------
.. [1] S. Dandapanthula, A. Ramdas. Multiple testing in multi-stream sequential change
   detection. arXiv:2501.04130.
.. [2] R. Wang, A. Ramdas. False discovery rate control with e-values. Journal of the Royal
   Statistical Society B 84(3), 2022. arXiv:2009.02824.
"""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt

from runtime.statistics.restarts import Flags, Floats

HOUR_S = 3_600.0


def split_arl(arl_looks: float, weights: npt.ArrayLike) -> Floats:
    """Return what run length each detector is promised, so that all together have one.

    Weights need not add up to one; a larger one makes a detector quicker. Raises
    ValueError for weights that are not positive.

    Examples
    --------
    >>> split_arl(1000, [1, 1, 2]).tolist()
    [4000.0, 4000.0, 2000.0]
    """
    shares = np.asarray(weights, dtype=float)
    if shares.ndim != 1 or not shares.size or not (shares > 0.0).all():
        raise ValueError(f"weights of detectors must be positive, not {shares}")
    return np.asarray(arl_looks * shares.sum() / shares)


def arl_in_hours(looks: float, interval_s: float) -> float:
    """Return how long so many looks take, one each `interval_s` seconds, in hours.

    Examples
    --------
    >>> arl_in_hours(7200, 1.0)
    2.0
    """
    return looks * positive(interval_s, "interval") / HOUR_S


def arl_in_looks(hours: float, interval_s: float) -> float:
    """Return how many looks there are in so many hours, at least one.

    Examples
    --------
    >>> arl_in_looks(24, 60.0)
    1440.0
    """
    return max(positive(hours, "time") * HOUR_S / positive(interval_s, "interval"), 1.0)


def arl_in_rows(looks: float, rows_per_look: float) -> float:
    """Return how many rows are seen in so many looks."""
    return looks * positive(rows_per_look, "number of rows")


def error_over_patience(log_e: npt.ArrayLike, patience_looks: float) -> Flags:
    """Return which of K detectors to report, so that false ones are few for the wait.

    `log_e` [K] is the evidence of restarted detectors. By e-d-BH: at any time the expected
    share of false ones among those reported is at most the looks waited over
    `patience_looks`.
    """
    return step_up(log_e, log(positive(patience_looks, "patience")))


def e_bh(e: npt.ArrayLike, alpha: float) -> Flags:
    """Return which of K e-values e-BH rejects with a false discovery rate of alpha.

    For e-values proper, each of expectation at most one at the time of looking; the
    statistics of restarted detectors are none (`error_over_patience`).

    Examples
    --------
    >>> e_bh([40.0, 25.0, 12.0, 3.0, 1.0, 0.5, 0.2, 8.0], 0.2).nonzero()[0].tolist()
    [0, 1]
    """
    with np.errstate(divide="ignore"):
        return step_up(np.log(np.asarray(e, dtype=float)), -log(positive(alpha, "alpha")))


def step_up(log_e: npt.ArrayLike, log_limit: float) -> Flags:
    """Return the k largest, for the largest k with the k-th of at least limit * K / k."""
    evidence = np.asarray(log_e, dtype=float)
    order = np.argsort(-evidence, kind="stable")
    total = evidence.size
    needed = log_limit + np.log(total / np.arange(1, total + 1))
    passed = np.flatnonzero(evidence[order] >= needed)
    chosen = np.zeros(total, dtype=bool)
    if passed.size:
        chosen[order[: passed[-1] + 1]] = True
    return chosen


def positive(value: float, name: str) -> float:
    """Return a value; raises ValueError when it is not positive."""
    if not value > 0.0:
        raise ValueError(f"{name} is {value}; it must be positive")
    return value
