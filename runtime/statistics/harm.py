r"""Do late labels show more loss than before? A restarted mixture of bets on bounded loss.

The null hypothesis is that, whatever came before, a loss x in [0, 1] has a mean of at most
m. A bet multiplies by $L = 1 + \lambda (x - m)$ with a fixed $\lambda \in [0, 1/m]$; then
$E[L] \le 1$ for every such loss, binary or not, whatever its distribution [1]_ [2]_. The
fractions are those that would grow fastest, were losses binary with a mean of q, for a few
q equidistant in log odds above m. Each bet is restarted at every label, and the restarts of
a look with n labels weigh 1/n each,

$$M_i = (M_{i-1} + 1/n) L_i, \qquad E[M_\tau] \le E[\text{looks begun until } \tau],$$

so the average run length is at least T *looks*, whatever their sizes, while the beginning
of harm is found to a label. The evidence of a look is its highest after any of its labels.

**The baseline is an estimate, too.** Of n matured losses with the mean $\hat m$, the true
mean is below u with $n\,\mathrm{kl}(\hat m, u) = \log(1/(1 - c))$ in a share c of cases
(Hoeffding's bound for means of losses in [0, 1]; kl is that of two coins). What is
tolerated is $m = \max(\hat m + \varepsilon, u)$: a model that did not change is inside the
null hypothesis in at least that share of cases (with c = 0.9 and coins, in about 0.98, for
the bound is not tight), and a baseline that is long enough costs no delay.

References
----------
.. [1] I. Waudby-Smith, A. Ramdas. Estimating means of bounded random variables by betting.
   Journal of the Royal Statistical Society B 86(1), 2024. arXiv:2010.09686.
.. [2] A. Podkopaev, A. Ramdas. Tracking the risk of a deployed model and detecting harmful
   distribution shifts. ICLR 2022. arXiv:2110.06177.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf, log
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runtime.statistics.restarts import HEADROOM, Floats, Integers, limits

TILTS = (0.2, 0.35, 0.6, 1.0, 1.7, 3.0)
LEAST_TOLERATED, MOST_TOLERATED = 1e-4, 1.0 - 1e-4
CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True)
class Baseline:
    """What losses were: their mean, and the most that the true mean may have been."""

    mean: float
    upper: float
    labels: int

    @classmethod
    def of(cls, losses: npt.ArrayLike, confidence: float = CONFIDENCE) -> Self:
        """Return the baseline of matured losses in [0, 1].

        Raises ValueError without losses, and for losses outside [0, 1].
        """
        values = bounded(losses)
        if not values.size:
            raise ValueError("a baseline needs losses; none was given")
        mean = float(values.mean())
        return cls(mean, upper_mean(mean, values.size, confidence), int(values.size))


@dataclass(frozen=True, slots=True)
class HarmState:
    """What is remembered of the labels so far; J bets.

    `log_sums`, `log_maxima` [J] are logarithms of M and of its CUSUM; `since_labels`,
    `since_looks`, `since_loss` [J] what came before the latter last left one. `labels`,
    `looks` and `loss` are totals. `log_e`, and `found_labels`, `found_looks`, `found_loss`
    of the bet that carried it, are of the latest look.
    """

    log_sums: Floats
    log_maxima: Floats
    since_labels: Integers
    since_looks: Integers
    since_loss: Floats
    labels: int
    looks: int
    loss: float
    log_e: float
    found_labels: int
    found_looks: int
    found_loss: float

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name; `from_arrays` makes exactly this state of them."""
        return {name: np.asarray(value) for name, value in asdict(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the state that `to_arrays` was asked of.

        Raises ValueError when an array is missing.
        """
        missing = [name for name in cls.__slots__ if name not in arrays]
        if missing:
            raise ValueError(f"state without {', '.join(missing)}: it was cut short")
        given: dict[str, Any] = {name: np.array(arrays[name]) for name in cls.__slots__}
        return cls(**{k: v if v.ndim else v.item() for k, v in given.items()})


@dataclass(frozen=True, slots=True)
class HarmFindings:
    """What the labels so far have shown.

    The current excursion began after `since_label` labels and `since_look` looks; `loss` is
    the mean since then (not a number before the first label), `effect` by how much that is
    above the baseline's mean, `tolerated` the mean loss up to which nothing is to be said.
    """

    log_e: float
    log_limit: float
    looks: int
    labels: int
    since_label: int
    since_look: int
    loss: float
    effect: float
    tolerated: float

    @property
    def is_over(self) -> bool:
        """Whether the limit is reached."""
        return self.log_e >= self.log_limit


class HarmDetector:
    """Tests that the mean loss is at most the baseline's + eps.

    Parameters
    ----------
    baseline
        Matured losses of the same version, as `Baseline.of` sums them up.
    eps
        By how much the mean loss may rise before it is harm.
    arl_looks
        The promised average run length to a false alarm, in looks that had labels.

    Examples
    --------
    >>> baseline = Baseline.of([0.0] * 900 + [1.0] * 100)
    >>> detector = HarmDetector(baseline, eps=0.03, arl_looks=10_000)
    >>> state = detector.look(detector.start(), [0.0] * 50)
    >>> state = detector.look(state, [1.0, 0.0] * 25)
    >>> found = detector.findings(state)
    >>> found.is_over, found.since_label, round(found.loss, 2)
    (True, 50, 0.5)
    """

    def __init__(self, baseline: Baseline, eps: float, arl_looks: float) -> None:
        if not 0.0 <= eps < 1.0:
            raise ValueError(f"eps is {eps}; it must be at least 0 and less than 1")
        self.baseline = baseline
        mean = max(baseline.mean + eps, baseline.upper)
        self.tolerated = min(max(mean, LEAST_TOLERATED), MOST_TOLERATED)
        self.log_limit = float(limits(arl_looks, 1)[0])
        m = self.tolerated
        self._q = 1.0 / (1.0 + np.exp(-(log(m / (1.0 - m)) + np.array(TILTS))))
        self._log_weight = -log(len(TILTS))

    def start(self) -> HarmState:
        """Return the state before the first label."""
        bets = len(TILTS)
        nothing = np.zeros(bets, dtype=np.int64)
        none = np.full(bets, -inf)
        zeros = np.zeros(bets)
        return HarmState(
            none, none.copy(), nothing, nothing.copy(), zeros, 0, 0, 0.0, -inf, 0, 0, 0.0
        )

    def look(self, state: HarmState, losses: npt.ArrayLike) -> HarmState:
        """Return the state after the losses of a look, in the order of their predictions.

        A look without losses changes nothing. Raises ValueError for losses outside [0, 1].
        """
        x = bounded(losses)
        if not x.size:
            return state
        walk = np.cumsum(self.log_factors(x), axis=0)
        before = np.concatenate([np.zeros((1, walk.shape[1])), walk[:-1]])
        sums = (
            walk
            + np.logaddexp.accumulate(
                np.concatenate([state.log_sums[None], -log(x.size) - before]), axis=0
            )[1:]
        )
        scores = sums + self._log_weight
        evidence = np.logaddexp.reduce(scores, axis=1)
        peak = int(np.argmax(evidence))
        bet = int(np.argmax(scores[peak]))
        levels = np.concatenate([-np.maximum(state.log_maxima, 0.0)[None], before])
        loss = state.loss + np.concatenate([[0.0], np.cumsum(x)])
        ends = begun(levels)
        found = int(begun(levels[: peak + 2])[bet])
        ceiling = self.log_limit + HEADROOM
        return HarmState(
            log_sums=np.minimum(sums[-1], ceiling - self._log_weight),
            log_maxima=np.minimum(
                walk[-1] - levels.min(axis=0), ceiling - self._log_weight
            ),
            since_labels=np.where(ends > 0, state.labels + ends - 1, state.since_labels),
            since_looks=np.where(ends > 0, state.looks, state.since_looks),
            since_loss=np.where(ends > 0, loss[ends - 1], state.since_loss),
            labels=state.labels + x.size,
            looks=state.looks + 1,
            loss=float(loss[-1]),
            log_e=min(float(evidence[peak]), ceiling),
            found_labels=int(
                state.labels + found - 1 if found else state.since_labels[bet]
            ),
            found_looks=int(state.looks if found else state.since_looks[bet]),
            found_loss=float(loss[found - 1] if found else state.since_loss[bet]),
        )

    def log_factors(self, losses: Floats) -> Floats:
        """Return the logarithm of each bet's factor for each loss, [n, J]."""
        m, x = self.tolerated, losses[:, None]
        hit, miss = self._q / m, (1.0 - self._q) / (1.0 - m)
        return np.asarray(np.log(x * hit + (1.0 - x) * miss))

    def findings(self, state: HarmState) -> HarmFindings:
        """Say what the labels so far have shown."""
        since = state.labels - state.found_labels
        loss = (state.loss - state.found_loss) / since if since else float("nan")
        return HarmFindings(
            log_e=state.log_e,
            log_limit=self.log_limit,
            looks=state.looks,
            labels=state.labels,
            since_label=state.found_labels,
            since_look=state.found_looks,
            loss=loss,
            effect=loss - self.baseline.mean,
            tolerated=self.tolerated,
        )


def begun(levels: Floats) -> Integers:
    """Return where each column [n, J] is lowest for the last time."""
    return np.asarray(len(levels) - 1 - np.argmin(levels[::-1], axis=0), dtype=np.int64)


def bounded(losses: npt.ArrayLike) -> Floats:
    """Return losses as a flat array; raises ValueError where one is outside [0, 1]."""
    values = np.asarray(losses, dtype=float).reshape(-1)
    if not ((values >= 0.0) & (values <= 1.0)).all():
        raise ValueError("losses must be between 0 and 1; scale or clip them first")
    return values


def kl(a: float, b: float) -> float:
    """Return the divergence of a coin with the mean a from one with the mean b, in nats.

    Examples
    --------
    >>> kl(0.5, 0.5), kl(0.0, 1.0)
    (0.0, inf)
    """
    pairs = ((a, b), (1.0 - a, 1.0 - b))
    if any(p > 0.0 and q <= 0.0 for p, q in pairs):
        return inf
    return sum(p * log(p / q) for p, q in pairs if p > 0.0)


def upper_mean(mean: float, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the most that the true mean of n losses in [0, 1] may be, at a confidence.

    Examples
    --------
    >>> round(upper_mean(0.0, 100), 4)
    0.0228
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    low, high = mean, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if n * kl(mean, middle) <= -log(1.0 - confidence):
            low = middle
        else:
            high = middle
    return high
