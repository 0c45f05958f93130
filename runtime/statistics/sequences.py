r"""Confidence sequences for means of bounded losses: valid at all times at once.

They may be looked at after every label and stopped at will. They exist for means; figures
that are none (AUC, F1, calibration error) have intervals of fixed windows instead
(`window_estimates`).

**Hedged betting** [1]_. For every candidate mean m on a grid, one fortune is bet on values
above m and one on values below:

$$K^{\pm}_t(m) = \prod_{i \le t} (1 \pm \lambda_i(m) (x_i - m)), \quad
  \lambda_t = \sqrt{\frac{2 \log(2 / \alpha)}{\hat\sigma^2_{t-1} t \log(1 + t)}},$$

with $\lambda$ cut at $c / m$ and $c / (1 - m)$, c = 1/2, and the variance of the values
before. Where the larger half-fortune reaches $1/\alpha$, m is excluded; at the true mean
that ever happens with a chance of at most $\alpha$ (Ville). The upward fortune falls with m
and the downward one rises, so between two points of the grid the outer one is safe.

**Rates** need counts only: the likelihood ratio of a Beta mixture against p is a
nonnegative martingale for a coin of p, and the sequence is where it is below $1/\alpha$.

References
----------
.. [1] I. Waudby-Smith, A. Ramdas. Estimating means of bounded random variables by betting.
   Journal of the Royal Statistical Society B 86(1), 2024. arXiv:2010.09686.
.. [2] S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon. Time-uniform, nonparametric,
   nonasymptotic confidence sequences. Annals of Statistics 49(2), 2021. arXiv:1810.08240.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf, lgamma, log, sqrt
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runtime.statistics.estimates import CONFIDENCE, Estimate
from runtime.statistics.harm import bounded
from runtime.statistics.restarts import Floats

POINTS = 401
CUT = 0.5
CHUNK = 256


@dataclass(frozen=True, slots=True)
class MeanState:
    """What is remembered of n values: two log fortunes for each m of the grid, and sums."""

    log_up: Floats
    log_down: Floats
    n: int
    total: float
    squares: float

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name; `from_arrays` makes exactly this state of them."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the state that `to_arrays` was asked of.

        Raises ValueError when an array is missing.
        """
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise ValueError(f"state without {', '.join(missing)}: it was cut short")
        given: dict[str, Any] = {f.name: np.array(arrays[f.name]) for f in fields(cls)}
        return cls(**{k: v if v.ndim else v.item() for k, v in given.items()})


class MeanSequence:
    """The confidence sequence of the mean of values in [0, 1], two-sided.

    Examples
    --------
    >>> sequence = MeanSequence()
    >>> estimate = sequence.estimate(sequence.add(sequence.start(), [0.2, 0.3] * 200))
    >>> estimate.low < 0.25 < estimate.high, round(estimate.high - estimate.low, 2)
    (True, 0.03)
    """

    def __init__(self, confidence: float = CONFIDENCE) -> None:
        if not 0.0 < confidence < 1.0:
            raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
        self.confidence = confidence
        self.grid = np.linspace(0.0, 1.0, POINTS)
        with np.errstate(divide="ignore"):
            self._most_up = CUT / self.grid
            self._most_down = CUT / (1.0 - self.grid)

    def start(self) -> MeanState:
        """Return the state before the first value."""
        return MeanState(np.zeros(POINTS), np.zeros(POINTS), 0, 0.0, 0.0)

    def add(self, state: MeanState, values: npt.ArrayLike) -> MeanState:
        """Return the state after more values, in [0, 1]; ValueError for others."""
        x = bounded(values)
        for first in range(0, x.size, CHUNK):
            state = self._chunk(state, x[first : first + CHUNK])
        return state

    def _chunk(self, state: MeanState, x: Floats) -> MeanState:
        t = state.n + np.arange(1, x.size + 1)
        sums = state.total + np.cumsum(x)
        means = (0.5 + sums) / (t + 1.0)
        squares = state.squares + np.cumsum(np.square(x - means))
        before = np.concatenate([[state.squares], squares[:-1]])
        variance = (0.25 + before) / t
        alpha = 1.0 - self.confidence
        bet = np.sqrt(2.0 * log(2.0 / alpha) / (variance * t * np.log1p(t)))[:, None]
        away = x[:, None] - self.grid
        up = np.log1p(np.minimum(bet, self._most_up) * away)
        down = np.log1p(-np.minimum(bet, self._most_down) * away)
        return MeanState(
            log_up=state.log_up + up.sum(axis=0),
            log_down=state.log_down + down.sum(axis=0),
            n=state.n + x.size,
            total=float(sums[-1]),
            squares=float(squares[-1]),
        )

    def estimate(self, state: MeanState) -> Estimate:
        """Return the mean with its interval; all of [0, 1] before the first value."""
        limit = log(2.0 / (1.0 - self.confidence))
        too_low = np.flatnonzero(state.log_up >= limit)
        too_high = np.flatnonzero(state.log_down >= limit)
        low = float(self.grid[too_low[-1]]) if too_low.size else 0.0
        high = float(self.grid[too_high[0]]) if too_high.size else 1.0
        mean = state.total / state.n if state.n else 0.5
        return Estimate(mean, low, high, state.n, self.confidence, is_sequence=True)


def rate_sequence(hits: int, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return the confidence sequence of a rate after `hits` events in n trials.

    Examples
    --------
    >>> estimate = rate_sequence(20, 100)
    >>> round(estimate.low, 3), round(estimate.high, 3)
    (0.093, 0.348)
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} events in {n} trials cannot be")
    limit = -log(1.0 - confidence)
    middle = hits / n if n else 0.5

    def is_out(p: float) -> bool:
        return beta_log_e(hits, n - hits, p) >= limit

    return Estimate(
        value=middle,
        low=crossing(is_out, 0.0, middle) if hits else 0.0,
        high=crossing(is_out, 1.0, middle) if hits < n else 1.0,
        confidence=confidence,
        n=n,
        is_sequence=True,
    )


def crossing(is_out: Callable[[float], bool], outer: float, inner: float) -> float:
    """Return where `is_out` ends between a point outside and one inside."""
    if not is_out(outer):
        return outer
    for _ in range(60):
        middle = 0.5 * (outer + inner)
        outer, inner = (middle, inner) if is_out(middle) else (outer, middle)
    return outer


def betting_path(
    values: Sequence[float], mean: float, bet: float
) -> npt.NDArray[np.float64]:
    r"""Return the fortune $\prod (1 + \lambda (x_i - m) / m)$ after each value.

    Examples
    --------
    >>> betting_path([1, 0, 1], mean=0.5, bet=0.5).tolist()
    [1.5, 0.75, 1.125]
    """
    return np.asarray(np.cumprod(1.0 + bet * (np.asarray(values) - mean) / mean))


def beta_log_e(hits: int, misses: int, p: float, a: float = 1.0, b: float = 1.0) -> float:
    """Return the log likelihood ratio of a Beta(a, b) mixture against a coin of p."""
    return dirichlet_log_e([hits, misses], [p, 1.0 - p], [a, b])


def dirichlet_log_e(
    counts: Sequence[int], p0: Sequence[float], prior: Sequence[float]
) -> float:
    """Return the log likelihood ratio of a Dirichlet mixture against p0, of a sequence.

    A nonnegative martingale for the point null p0 only. Infinite when something was seen
    that p0 says is impossible.
    """
    if any(c > 0 and p <= 0.0 for c, p in zip(counts, p0, strict=True)):
        return inf
    mixture = lgamma(sum(prior)) - lgamma(sum(prior) + sum(counts))
    mixture += sum(lgamma(a + c) - lgamma(a) for a, c in zip(prior, counts, strict=True))
    return mixture - sum(c * log(p) for c, p in zip(counts, p0, strict=True) if c > 0)


def normal_mixture_radius(n: int, sigma2: float, rho2: float, alpha: float) -> float:
    """Return the half-width of the normal-mixture sequence for sub-Gaussian values.

    `sigma2` is their variance bound; `rho2` the mixture's, which decides where it is
    narrowest.
    """
    mixed = n * rho2 + 1.0
    return sqrt(2.0 * sigma2 * mixed / (n * n * rho2) * log(sqrt(mixed) / alpha))
