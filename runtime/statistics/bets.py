r"""Bets against "no share is further than eps from the reference's".

With the reference's shares $s_k = P_0(x \ge e_k)$ of K edges, the null hypothesis is
$|P(x_i \ge e_k \mid x_1, \dots, x_{i-1}) - s_k| \le \varepsilon$ for all k: a ball
around the reference in the Kolmogorov-Smirnov distance on the grid of edges.

**One edge.** Rows at or above an edge are coin flips with $p \le b = s + \varepsilon$. For
any $q > b$ the likelihood ratio $q/b$ for a hit and $(1-q)/(1-b)$ for a miss has the
expectation $1 + (p - b)(q - b)/(b(1-b)) \le 1$ for every $p \le b$. The other side is the
same with hits and misses exchanged. Each edge and side has a few q, equidistant in log
odds.

**A shape.** For an alternative q over the bins, let p* be the member of the ball nearest to
it, the minimiser of $\sum_b q_b \log(q_b / p_b)$. The ball is convex, so
$g_b = q_b / p^*_b$ has $E_p[g] \le 1$ for every p in it [1]_, and no other such g grows
faster under q. Shapes are shifts and stretches of a normal distribution, carried over to
the bins by their normal scores: they gather what a shift does to all edges. Rounding and
unfinished minimisation are made good by dividing g by its largest expectation over the
ball, which is at most

$$E_{P_0}[g] + \sum_k \max_{d_k} d_k (g_{k+1} - g_k), \quad
  d_k \in [\max(-\varepsilon, -s_k), \min(\varepsilon, 1 - s_k)].$$

A Dirichlet mixture over the bins is a test of the point null only: at eps > 0 its marginal
is no supermartingale on the ball. The mixture of edges and shapes takes its place.

References
----------
.. [1] P. Grunwald, R. de Heide, W. Koolen. Safe testing. Journal of the Royal Statistical
   Society B 86(5), 2024. arXiv:1906.07801.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist

import numpy as np

from runtime.statistics.restarts import Bets, Floats, Integers

TILTS = (0.25, 0.7, 1.8, 4.0)
SHIFTS = (0.1, 0.18, 0.32, 0.56, 1.0, 1.8)
SPREADS = (0.4, 0.7, 1.4, 2.5)
SHIFT_WEIGHT, SPREAD_WEIGHT, EDGE_WEIGHT = 0.7, 0.1, 0.2
LEAST_SHARE = 1e-6
LEAST_GROWTH = 1e-4
SWEEPS = 150
REFERENCE_CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Family:
    """Bets of one kind before weights: log factors and what each would grow by.

    `base` [F, C] and `slopes` [F, K, C] as in Bets, `growth` [F, C] in nats a row under the
    bet's own alternative, `edges` and `sides` [F, C], `weight` the family's share.
    """

    base: Floats
    slopes: Floats
    growth: Floats
    edges: Integers
    sides: Integers
    weight: float


def tolerance(
    eps: float, reference_rows: float, confidence: float = REFERENCE_CONFIDENCE
) -> float:
    r"""Return eps, or what the reference's own chance error may be when that is larger.

    A reference of m rows is, with this confidence, nowhere further from the distribution
    it was drawn from than $\sqrt{\log(2 / (1 - c)) / (2m)}$ (Dvoretzky, Kiefer, Wolfowitz,
    Massart). Then a distribution that did not change is inside the ball. Infinitely many
    rows stand for a reference that is known exactly.
    """
    if not 0.0 <= eps < 1.0:
        raise ValueError(f"eps is {eps}; it must be at least 0 and less than 1")
    if not reference_rows > 0:
        raise ValueError(f"a reference of {reference_rows} rows says nothing; give it rows")
    return max(eps, sqrt(log(2.0 / (1.0 - confidence)) / (2.0 * reference_rows)))


def edge_bets(shares: Floats, eps: float, tilts: tuple[float, ...] = TILTS) -> Family:
    """Return bets on both sides of each share [F, K]; not a number where there is none."""
    parts = [one_side(shares, eps, side, tilts) for side in (1, -1)]
    features, edges = shares.shape
    each = edges * len(tilts)
    places = np.repeat(np.arange(edges), len(tilts))
    return Family(
        base=np.concatenate([base for base, _, _ in parts], axis=1),
        slopes=np.concatenate([slopes for _, slopes, _ in parts], axis=2),
        growth=np.concatenate([growth for _, _, growth in parts], axis=1),
        edges=np.tile(places, (features, 2)).astype(np.int64),
        sides=np.tile(np.repeat(np.array([1, -1]), each), (features, 1)).astype(np.int64),
        weight=EDGE_WEIGHT,
    )


def one_side(
    shares: Floats, eps: float, side: int, tilts: tuple[float, ...]
) -> tuple[Floats, Floats, Floats]:
    """Return base, slopes and growth of the bets on one side of each share."""
    features, edges = shares.shape
    bound = np.clip(shares + side * eps, LEAST_SHARE, 1.0 - LEAST_SHARE)[..., None]
    is_live = (shares + eps < 1.0) if side > 0 else (shares - eps > 0.0)
    odds = np.log(bound / (1.0 - bound)) + side * np.asarray(tilts)
    q = 1.0 / (1.0 + np.exp(-odds))
    hit, miss = np.log(q / bound), np.log((1.0 - q) / (1.0 - bound))
    growth = np.where(is_live[..., None], q * hit + (1.0 - q) * miss, 0.0)
    is_live = is_live[..., None] & np.ones(len(tilts), dtype=bool)
    base = np.where(is_live, miss, 0.0).reshape(features, -1)
    slopes = np.zeros((features, edges, edges, len(tilts)))
    own = np.arange(edges)
    slopes[:, own, own, :] = np.where(is_live, hit - miss, 0.0)
    return base, slopes.reshape(features, edges, -1), growth.reshape(features, -1)


def shift_bets(shares: Floats, eps: float) -> Family:
    """Return bets on shifts of the whole distribution, up and down."""
    scores = normal_scores(shares)
    sizes = np.array([*SHIFTS, *(-size for size in SHIFTS)])
    exponents = scores[..., None] * sizes
    return shape_bets(shares, eps, exponents, SHIFT_WEIGHT)


def spread_bets(shares: Floats, eps: float) -> Family:
    """Return bets on a wider or narrower distribution."""
    scores = normal_scores(shares)
    rates = 0.5 * (1.0 - 1.0 / np.square(np.array(SPREADS)))
    exponents = np.square(scores)[..., None] * rates
    return shape_bets(shares, eps, exponents, SPREAD_WEIGHT)


def shape_bets(shares: Floats, eps: float, exponents: Floats, weight: float) -> Family:
    """Return the best bets for alternatives p0 * exp(exponents [F, K + 1, C])."""
    filled = fill(shares)
    p0 = bins(filled)
    smooth = np.maximum(p0, LEAST_SHARE)[..., None]
    raw = smooth * np.exp(exponents - exponents.max(axis=1, keepdims=True))
    q = raw / raw.sum(axis=1, keepdims=True)
    nearest = project(
        q, np.broadcast_to(smooth / smooth.sum(axis=1, keepdims=True), q.shape), eps
    )
    g = q / np.maximum(nearest, LEAST_SHARE**2)
    for k in np.flatnonzero(np.isnan(shares).any(axis=0)):
        g[:, k + 1] = np.where(np.isnan(shares[:, k, None]), g[:, k], g[:, k + 1])
    g = g / largest_expectation(g, filled, eps)[:, None, :]
    logs = np.log(g)
    far = np.abs(np.cumsum(q - p0[..., None], axis=1)[:, :-1])
    far = np.where(np.isnan(shares)[..., None], -1.0, far)
    edges = np.argmax(far, axis=1).astype(np.int64)
    lower = np.take_along_axis(np.cumsum(q - p0[..., None], axis=1), edges[:, None], axis=1)
    return Family(
        base=logs[:, 0],
        slopes=np.diff(logs, axis=1),
        growth=(q * logs).sum(axis=1),
        edges=edges,
        sides=np.where(lower[:, 0] < 0.0, 1, -1).astype(np.int64),
        weight=weight,
    )


def project(q: Floats, p0: Floats, eps: float, sweeps: int = SWEEPS) -> Floats:
    """Return the p within eps of p0 at every edge that is nearest to q; all [F, B, C].

    Mass is moved between neighbouring bins, each time to the best split of the two that
    the ball allows; this comes ever nearer to the minimum, since the function is convex
    and each edge has its own bounds.
    """
    p, moved = p0.copy(), np.zeros_like(p0[:, :-1])
    if eps == 0.0:
        return p
    for _ in range(sweeps):
        for k in range(p.shape[1] - 1):
            best = (p[:, k] + p[:, k + 1]) * (q[:, k] / (q[:, k] + q[:, k + 1]))
            change = np.clip(best - p[:, k], -eps - moved[:, k], eps - moved[:, k])
            moved[:, k] += change
            p[:, k] += change
            p[:, k + 1] -= change
    return p


def largest_expectation(g: Floats, shares: Floats, eps: float) -> Floats:
    """Return the most that g [F, B, C] can be worth on the ball, [F, C]."""
    mean = (bins(shares)[..., None] * g).sum(axis=1)
    steps = np.diff(g, axis=1)
    up = np.minimum(eps, 1.0 - shares)[..., None]
    down = np.maximum(-eps, -shares)[..., None]
    return np.asarray(mean + np.maximum(steps * up, steps * down).sum(axis=1))


def fill(shares: Floats) -> Floats:
    """Return shares [F, K] with absent edges where the edge before them is."""
    filled = np.where(np.isnan(shares), np.inf, shares)
    return np.minimum(np.minimum.accumulate(filled, axis=1), 1.0)


def bins(shares: Floats) -> Floats:
    """Return the probabilities [F, K + 1] between edges with these shares above them."""
    whole = np.ones((len(shares), 1))
    return -np.diff(np.concatenate([whole, shares, 0.0 * whole], axis=1), axis=1)


def normal_scores(shares: Floats) -> Floats:
    """Return the mean of a normal variable in each bin, [F, K + 1]."""
    normal = NormalDist()
    filled = fill(shares)
    whole = np.ones((len(shares), 1))
    ends = np.concatenate([whole, filled, 0.0 * whole], axis=1)
    ends = np.clip(ends, LEAST_SHARE, 1.0 - LEAST_SHARE)
    points = -np.vectorize(normal.inv_cdf, otypes=[float])(ends)
    middle = 0.5 * (points[:, 1:] + points[:, :-1])
    mass = -np.diff(ends, axis=1)
    heights = np.exp(-0.5 * points**2) / sqrt(2.0 * np.pi)
    means = -np.diff(heights, axis=1) / np.where(mass > 1e-9, mass, 1.0)
    return np.asarray(np.where(mass > 1e-9, means, middle))


def mixed(
    families: list[Family], shares: Floats, least_growth: float = LEAST_GROWTH
) -> Bets:
    """Return all families in one, weights adding up to one for each feature.

    Bets that would grow by no more than `least_growth` a row under their own alternative
    are not held: their alternative is all but inside the ball.
    """
    live = [family.growth > least_growth for family in families]
    parts = [
        np.where(
            alive, family.weight / np.maximum(alive.sum(axis=1, keepdims=True), 1), 0.0
        )
        for family, alive in zip(families, live, strict=True)
    ]
    weights = np.concatenate(parts, axis=1)
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights / np.where(total > 0.0, total, 1.0))
    alive = np.concatenate(live, axis=1)
    base = np.concatenate([family.base for family in families], axis=1)
    slopes = np.concatenate([family.slopes for family in families], axis=2)
    return Bets(
        base=np.where(alive, base, 0.0),
        slopes=np.where(alive[:, None, :], slopes, 0.0),
        log_weights=log_weights,
        edges=np.concatenate([family.edges for family in families], axis=1),
        sides=np.concatenate([family.sides for family in families], axis=1),
        shares=shares,
    )
