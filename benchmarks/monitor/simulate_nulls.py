"""How often detectors alarm while nothing drifts, against what they promise.

The figure is alarms per look: the count over the looks, its upper end the exact one-sided
95 % bound of a Poisson count (Garwood). After an alarm the detector of that stream begins
again, as it would in a server.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, lgamma, log

import numpy as np

from benchmarks.monitor import simulate_streams as streams
from benchmarks.results import Row
from runtime.statistics.betting import KsDetector
from runtime.statistics.harm import Baseline, HarmDetector
from runtime.statistics.intervals import Interval, Limit

EPS, REFERENCES = 0.05, (1_000, 10_000)
SHORTEST_ARL = 10_000.0
LOSS, HARM_EPS, BASELINE = 0.13, 0.03, 500
UPPER = 0.95


@dataclass(frozen=True, slots=True)
class Size:
    """How many streams of how many looks; `labels` streams for harm."""

    streams: int = 100
    looks: int = 10_000
    label_streams: int = 20
    label_looks: int = 10_000


@dataclass
class Counted:
    """Alarms in looks, for one kind of stream."""

    name: str
    words: str
    alarms: int
    looks: int
    notes: dict[str, object] = field(default_factory=dict)


def garwood_upper(count: int, confidence: float = UPPER) -> float:
    """Return the exact one-sided upper bound of the mean of a Poisson count.

    Examples
    --------
    >>> round(garwood_upper(0), 4), round(garwood_upper(3), 4)
    (2.9957, 7.7537)
    """
    low, high = float(count), 2.0 * count + 50.0
    for _ in range(80):
        mean = 0.5 * (low + high)
        chances = [exp(i * log(mean) - mean - lgamma(i + 1)) for i in range(count + 1)]
        low, high = (mean, high) if sum(chances) > 1.0 - confidence else (low, mean)
    return high


def as_row(counted: Counted, arl: float = SHORTEST_ARL) -> Row:
    """Return the promise "alarms per look at most one in `arl`" with what was counted."""
    rate = counted.alarms / counted.looks
    upper = garwood_upper(counted.alarms) / counted.looks
    scale = 1e6
    return Row(
        name=f"alarms-{counted.name}",
        promise=f"false alarms, {counted.words}",
        unit="in a million looks",
        limit=Limit("at most", scale / arl),
        figure=Interval(0.0, rate * scale, upper * scale, UPPER, counted.looks),
        notes={"alarms": counted.alarms, "looks": counted.looks, **counted.notes},
    )


def count_drift(
    kind: tuple[str, streams.Draw],
    reference: streams.Reference,
    eps: float,
    size: Size,
    seed: int,
    name: str,
) -> Counted:
    """Count the alarms of drift detectors on streams that do not drift."""
    rng = np.random.default_rng(seed)
    detector = KsDetector(reference.shares, eps, SHORTEST_ARL, reference.rows)
    state, alarms = detector.start(), 0
    rows = np.full(size.streams, streams.ROWS)
    for counts in streams.looks(kind[1], rng, reference, size.looks):
        state = detector.look(state, counts, rows)
        is_over = state.log_e >= detector.bets.log_limit
        if is_over.any():
            alarms += int(is_over.sum())
            state = detector.forget(state, is_over)
    total = size.streams * size.looks
    known = (
        "known exactly" if np.isinf(reference.rows) else f"of {reference.rows:,.0f} rows"
    )
    notes: dict[str, object] = {
        "rows": total * streams.ROWS, "eps": eps, "tolerated": detector.eps, "seed": seed,
    }  # fmt: skip
    words = f"{kind[0]}, eps {eps}, reference {known}"
    return Counted(name, words, alarms, total, notes)


def count_harm(is_binary: bool, size: Size, seed: int) -> Counted:
    """Count harm alarms on losses that are what they were; a baseline for each stream."""
    rng = np.random.default_rng(seed)
    alarms = 0

    def losses(n: int) -> streams.Floats:
        a, b = 2 * LOSS, 2 * (1 - LOSS)
        drawn = rng.random(n) < LOSS if is_binary else rng.beta(a, b, n)
        return np.asarray(drawn, dtype=float)

    for _ in range(size.label_streams):
        baseline = Baseline.of(losses(BASELINE))
        detector = HarmDetector(baseline, HARM_EPS, SHORTEST_ARL)
        state = detector.start()
        for _ in range(size.label_looks):
            state = detector.look(state, losses(streams.ROWS))
            if state.log_e >= detector.log_limit:
                alarms += 1
                state = detector.start()
    kind = "binary" if is_binary else "fractional"
    total = size.label_streams * size.label_looks
    words = f"harm, {kind} losses, eps {HARM_EPS}, baseline of {BASELINE} labels"
    return Counted(f"harm-{kind}", words, alarms, total, {"labels": total * streams.ROWS})


def count_all(size: Size, seed: int = 1) -> list[Counted]:
    """Count for every kind of stream and reference, and for harm."""
    counted: list[Counted] = []
    for kind, draw in streams.KINDS.items():
        counted += count_kind((kind, draw), size, seed, 10 * len(counted))
    exact = streams.exact_normal(size.streams)
    gaussian = "gaussian", streams.gaussian
    counted.append(count_drift(gaussian, exact, 0.0, size, seed, "point-null"))
    counted += [count_harm(is_binary, size, seed) for is_binary in (True, False)]
    return counted


def count_kind(
    kind: tuple[str, streams.Draw], size: Size, seed: int, apart: int = 0
) -> list[Counted]:
    """Count for one kind of stream, with references of every size."""
    counted = []
    for place, rows in enumerate(REFERENCES):
        rng = np.random.default_rng([seed, rows])
        reference = streams.referred(kind[1], rng, size.streams, rows)
        own, name = seed + apart + 10 * place, f"{kind[0].partition(' ')[0]}-{rows}"
        counted.append(count_drift(kind, reference, EPS, size, own, name))
    return counted


def as_rows(counted: list[Counted]) -> list[Row]:
    """Return a row for each kind, and one for all drift streams with eps together."""
    drift = [each for each in counted if each.notes.get("eps") == EPS]
    together = Counted(
        name="together",
        words=f"all streams with eps {EPS} together",
        alarms=sum(each.alarms for each in drift),
        looks=sum(each.looks for each in drift),
        notes={"rows": sum(each.looks for each in drift) * streams.ROWS},
    )
    return [as_row(each) for each in [*counted, together]]
