r"""Bets that are restarted at every look, for many features at once.

A *bet* gives every row a factor $L$ whose expectation is at most one while the null
hypothesis holds, whatever the rows before said. The product over rows is then a
nonnegative supermartingale, for any cut of the rows into looks, since a look may end
wherever the rows before it say. To find a change that begins late, a product is begun at
every look and all are added up (Shiryaev and Roberts):

$$M_n = (M_{n-1} + 1) \prod_{i \in \text{look } n} L_i, \qquad
  E[M_\tau] \le E[\tau] \text{ for every stopping time } \tau,$$

with $\tau$ in looks. Such an M is an *e-detector* [1]_; the alarm
$N = \inf\{n: M_n \ge T\}$ then has $T \le E[M_N] \le E[N]$: the average run length to a
false alarm is at least T looks. A weighted sum of e-detectors whose weights add up to one
is an e-detector, so many bets are held at once and need no choice between them. The
argument assumes no independence of features, of bets, or of the sizes of looks.

Beside the sum, each bet keeps $W_n = \max(W_{n-1}, 1) L_n$ (CUSUM). Where W last left one
is the most likely beginning of the change, were the bet's alternative right; that look and
row are reported. Looks without rows change nothing and are not counted.

Everything is in logarithms. Nothing grows with the number of looks but integers.

References
----------
.. [1] J. Shin, A. Ramdas, A. Rinaldo. E-detectors: a nonparametric framework for sequential
   change detection. New England Journal of Statistics in Data Science, 2023.
   arXiv:2203.03532.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

HEADROOM = 10.0
LARGEST_COUNT = 2**53


@dataclass(frozen=True, slots=True)
class Bets:
    """C bets on each of F features, about K counts of a look.

    A look of n rows with counts c[K] multiplies a bet by
    exp(n * base + sum over k of c[k] * slopes[k]). `edges` [F, C] is the count where the
    bet expects the most, `sides` [F, C] +1 where it expects a larger share than `shares`
    [F, K] says, -1 for a smaller one. A bet that is not held has the weight -inf.
    """

    base: Floats
    slopes: Floats
    log_weights: Floats
    edges: Integers
    sides: Integers
    shares: Floats

    @property
    def shape(self) -> tuple[int, int, int]:
        """Features, counts and bets."""
        features, counts, bets = self.slopes.shape
        return features, counts, bets


@dataclass(frozen=True, slots=True)
class State:
    """All that is remembered of the rows so far; F features, K counts, C bets.

    `log_sums` and `log_maxima` [F, C] are the logarithms of M and W of the module's text.
    `since_looks`, `since_rows`, `since_hits` [F, C] are the looks, rows and hits of the
    bet's edge before W last left one. `looks`, `rows` [F] and `hits` [F, K] are totals.
    `carriers` [F] is the bet that carries the evidence `log_e` [F].
    """

    log_sums: Floats
    log_maxima: Floats
    since_looks: Integers
    since_rows: Integers
    since_hits: Integers
    looks: Integers
    rows: Integers
    hits: Integers
    carriers: Integers
    log_e: Floats

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name; `from_arrays` makes exactly this state of them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the state that `to_arrays` was asked of.

        Raises ValueError when an array is missing.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in arrays]
        if missing:
            raise ValueError(f"state without {', '.join(missing)}: it was cut short")
        return cls(**{name: np.array(arrays[name]) for name in names})


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look has shown, an entry for each feature.

    `log_e` is the evidence, `log_limit` where it is an alarm. `since_look` and `since_row`
    are how many looks and rows came before the current excursion began; `edge` and `side`
    what carries it. `effect` is how far the share at that edge has been from the
    reference's since then, 0 to 1, and `share` what it has been; both are not a number
    before the first row, or for a feature without bets.
    """

    log_e: Floats
    log_limit: Floats
    looks: Integers
    rows: Integers
    since_look: Integers
    since_row: Integers
    edge: Integers
    side: Integers
    share: Floats
    effect: Floats

    @property
    def is_over(self) -> Flags:
        """Where the limit is reached."""
        return self.log_e >= self.log_limit


class RestartedBets:
    """Takes looks in and says how much evidence there is.

    `arl_looks` is the promised average run length, one for all or one per feature. Evidence
    stops growing `HEADROOM` above the limit, so that it can fall soon after a change has
    been undone; less evidence than earned keeps the promise.
    """

    def __init__(self, bets: Bets, arl_looks: npt.ArrayLike) -> None:
        self.bets = bets
        self.log_limit = limits(arl_looks, bets.shape[0])

    def start(self) -> State:
        """Return the state before the first look."""
        features, counts, bets = self.bets.shape
        nothing = np.zeros((features, bets), dtype=np.int64)
        return State(
            log_sums=np.full((features, bets), -np.inf),
            log_maxima=np.full((features, bets), -np.inf),
            since_looks=nothing.copy(),
            since_rows=nothing.copy(),
            since_hits=nothing.copy(),
            looks=np.zeros(features, dtype=np.int64),
            rows=np.zeros(features, dtype=np.int64),
            hits=np.zeros((features, counts), dtype=np.int64),
            carriers=np.zeros(features, dtype=np.int64),
            log_e=np.full(features, -np.inf),
        )

    def look(self, state: State, counts: npt.ArrayLike, rows: npt.ArrayLike) -> State:
        """Return the state after a look of `rows` [F] rows with these counts [F, K].

        Counts of edges that a feature does not have are ignored. Raises ValueError for
        counts that are no counts, or larger than the rows.
        """
        self.check(state)
        hits, n = checked(counts, rows, self.bets)
        gains = self.gains(hits, n)
        is_fresh = state.log_maxima <= 0.0
        own_hits = np.take_along_axis(state.hits, self.bets.edges, axis=1)
        sums = np.logaddexp(state.log_sums, 0.0) + gains
        scores = sums + self.bets.log_weights
        peaks = scores.max(axis=1, initial=-np.inf)
        safe = np.where(np.isfinite(peaks), peaks, 0.0)
        with np.errstate(divide="ignore"):
            log_e = safe + np.log(np.exp(scores - safe[:, None]).sum(axis=1))
        ceiling = self.log_limit + HEADROOM
        is_held = state.log_e >= ceiling
        carriers = np.where(is_held, state.carriers, np.argmax(scores, axis=1))
        seen = n > 0
        keep = seen[:, None]
        return State(
            log_sums=np.where(keep, self.capped(sums), state.log_sums),
            log_maxima=np.where(
                keep,
                self.capped(np.maximum(state.log_maxima, 0.0) + gains),
                state.log_maxima,
            ),
            since_looks=np.where(keep & is_fresh, state.looks[:, None], state.since_looks),
            since_rows=np.where(keep & is_fresh, state.rows[:, None], state.since_rows),
            since_hits=np.where(keep & is_fresh, own_hits, state.since_hits),
            looks=state.looks + seen,
            rows=state.rows + n,
            hits=state.hits + hits,
            carriers=np.where(seen, carriers, state.carriers),
            log_e=np.where(seen, np.minimum(log_e, ceiling), state.log_e),
        )

    def gains(self, hits: Integers, rows: Integers) -> Floats:
        """Return the logarithm of every bet's factor for a look, [F, C]."""
        sums = np.matmul(hits[:, None, :].astype(float), self.bets.slopes)[:, 0, :]
        return np.asarray(rows[:, None] * self.bets.base + sums)

    def capped(self, logs: Floats) -> Floats:
        """Return logarithms no higher than the ceiling of the evidence."""
        ceiling = self.log_limit[:, None] - self.bets.log_weights + HEADROOM
        return np.minimum(logs, ceiling)

    def findings(self, state: State) -> Findings:
        """Say what the looks so far have shown."""
        bets, features = self.bets, np.arange(len(state.rows))
        at = features, state.carriers
        edge, side = bets.edges[at], bets.sides[at]
        rows = state.rows - state.since_rows[at]
        hits = state.hits[features, edge] - state.since_hits[at]
        is_known = (rows > 0) & np.isfinite(bets.log_weights[at])
        share = np.where(is_known, hits / np.maximum(rows, 1), np.nan)
        return Findings(
            log_e=state.log_e,
            log_limit=self.log_limit,
            looks=state.looks,
            rows=state.rows,
            since_look=state.since_looks[at],
            since_row=state.since_rows[at],
            edge=edge,
            side=side,
            share=share,
            effect=np.abs(share - bets.shares[features, edge]),
        )

    def forget(self, state: State, features: npt.ArrayLike) -> State:
        """Return the state with these features' evidence begun again; totals stay.

        `features` [F] is true where to forget. After an alarm this is what makes the next
        average run length begin.
        """
        gone = np.asarray(features, dtype=bool)
        arrays = state.to_arrays()
        arrays["log_sums"] = np.where(gone[:, None], -np.inf, state.log_sums)
        arrays["log_maxima"] = np.where(gone[:, None], -np.inf, state.log_maxima)
        arrays["log_e"] = np.where(gone, -np.inf, state.log_e)
        return State.from_arrays(arrays)

    def check(self, state: State) -> None:
        """Raise ValueError when a state belongs to other bets."""
        features, counts, bets = self.bets.shape
        if state.log_sums.shape != (features, bets) or state.hits.shape[1] != counts:
            raise ValueError(
                f"state of {state.log_sums.shape} bets cannot go on with "
                f"{(features, bets)}: begin a new one"
            )


def limits(arl_looks: npt.ArrayLike, features: int) -> Floats:
    """Return where each feature's log evidence is an alarm, [F].

    Raises ValueError for a run length below one look.
    """
    arl = np.broadcast_to(np.asarray(arl_looks, dtype=float), (features,))
    if not (np.isfinite(arl).all() and (arl >= 1.0).all()):
        raise ValueError(
            f"average run lengths must be finite and at least 1 look, not {arl}"
        )
    return np.asarray(np.log(arl))


def checked(
    counts: npt.ArrayLike, rows: npt.ArrayLike, bets: Bets
) -> tuple[Integers, Integers]:
    """Return counts [F, K] and rows [F] as integers, zero where there is no edge."""
    features, edges, _ = bets.shape
    n = np.asarray(rows, dtype=float)
    given = np.asarray(counts, dtype=float)
    if n.shape != (features,) or given.shape != (features, edges):
        raise ValueError(
            f"a look of {features} features has counts {(features, edges)} and rows "
            f"{(features,)}, not {given.shape} and {n.shape}"
        )
    hits = np.where(np.isnan(bets.shares), 0.0, given)
    is_count = np.isfinite(n) & (n >= 0) & (n == np.floor(n)) & (n <= LARGEST_COUNT)
    if not is_count.all():
        raise ValueError(f"rows of a look must be whole and not negative, not {n}")
    if not ((hits >= 0) & (hits <= n[:, None]) & (hits == np.floor(hits))).all():
        raise ValueError("a look has counts that are not between 0 and its rows")
    return hits.astype(np.int64), n.astype(np.int64)
