"""How soon detectors notice a shift, all of them alarming equally often without one.

Every detector runs over the same streams without drift; its threshold is where the
measured run length is `ARL_LOOKS`: looks until alarms or the end, over alarms. Then over
the same streams with a shift of the mean after `BEFORE` looks. Delays are in rows after the
change, in streams without an alarm before it; a stream without an alarm until the end
counts with all its rows. Our detector is also shown at the threshold that its promise
needs no measuring for.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, sqrt

import numpy as np

from benchmarks.monitor.simulate_rivals import RIVALS, Path, betting
from benchmarks.monitor.simulate_streams import ROWS, Floats, gaussian
from benchmarks.results import Row
from runtime.statistics.intervals import Interval, Limit

SHIFTS = (0.1, 0.25, 0.5)
ARL_LOOKS = 5_000
BEFORE = 250
AFTER = {0.1: 1_000, 0.25: 500, 0.5: 250}
EPS = 0.05
SLOWER = 1.2
RESAMPLED = 2_000
BATCH = 50


@dataclass(frozen=True, slots=True)
class Size:
    """How many streams without drift, of how many looks, and with a shift."""

    null_streams: int = 400
    null_looks: int = 10_000
    streams: int = 1_600


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a detector alarms, and the run length that was measured there, in looks."""

    value: float
    arl: float
    alarms: int


Delays = dict[float, list[float]]


def null_peaks(path: Path, size: Size, seed: int) -> Floats:
    """Return the running peak of a statistic on streams without drift, [S, looks]."""
    parts = []
    for first in range(0, size.null_streams, BATCH):
        rng = np.random.default_rng([seed, first])
        streams = min(BATCH, size.null_streams - first)
        found = path(gaussian(rng, (streams, size.null_looks, ROWS)))
        parts.append(running_peak(found))
    return np.concatenate(parts)


def running_peak(found: Floats) -> Floats:
    """Return the highest so far [S, looks]; looks without a figure are no alarm."""
    least = np.where(np.isfinite(found), found, -np.inf)
    return np.asarray(np.maximum.accumulate(least, axis=1), dtype=np.float32)


def run_length(peaks: Floats, threshold: float) -> tuple[float, int]:
    """Return the measured average run length in looks, and the alarms it rests on."""
    is_over = peaks > threshold
    alarms = int(is_over[:, -1].sum())
    waited = float((~is_over).sum() + alarms)
    return (waited / alarms if alarms else np.inf), alarms


def calibrated(peaks: Floats, arl: float) -> Threshold:
    """Return the lowest threshold with at least this measured run length."""
    values = np.unique(peaks[np.isfinite(peaks)])
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if run_length(peaks, float(values[middle]))[0] >= arl:
            high = middle
        else:
            low = middle + 1
    return Threshold(float(values[low]), *run_length(peaks, float(values[low])))


def delays(
    path: Path, thresholds: list[float], shift: float, size: Size
) -> list[list[float]]:
    """Return for each threshold the rows from the change to the alarm, of every stream."""
    found: list[list[float]] = [[] for _ in thresholds]
    for first in range(0, size.streams, BATCH):
        rng = np.random.default_rng([7, first])
        streams = min(BATCH, size.streams - first)
        values = gaussian(rng, (streams, BEFORE + AFTER[shift], ROWS))
        values[:, BEFORE:] += shift
        peaks = running_peak(path(values))
        for each, threshold in zip(found, thresholds, strict=True):
            is_over = peaks > threshold
            fair = is_over[~is_over[:, BEFORE - 1], BEFORE:]
            waited = (~fair).sum(axis=1) + fair[:, -1]
            each += (waited * float(ROWS)).tolist()
    return found


def of_median(values: list[float]) -> Interval:
    """Return the median of many values between the order statistics that cover it in 95 %.

    Their ranks are by the normal approximation of the binomial distribution.
    """
    ordered = np.sort(values)
    n = len(ordered)
    depth = max(floor(n / 2 - 0.98 * sqrt(n)), 0)
    low, high = float(ordered[depth]), float(ordered[n - 1 - depth])
    return Interval(low, float(np.median(ordered)), high, 0.95, n)


def ratio_interval(ours: list[float], theirs: list[float], seed: int = 3) -> Interval:
    """Return the ratio of medians with the 95 % interval of resampling."""
    rng = np.random.default_rng(seed)
    medians = [
        np.median(rng.choice(side, (RESAMPLED, len(side))), axis=1)
        for side in (ours, theirs)
    ]
    low, high = np.quantile(medians[0] / medians[1], [0.025, 0.975])
    middle = float(np.median(ours) / np.median(theirs))
    return Interval(float(low), middle, float(high), 0.95, len(ours))


@dataclass(frozen=True, slots=True)
class Measured:
    """Delays of one detector by shift, and its threshold."""

    name: str
    threshold: Threshold
    delays: Delays

    def as_json(self) -> dict[str, object]:
        """Return medians with intervals and the threshold for a file."""
        return {
            "detector": self.name,
            "threshold": self.threshold.value,
            "measured_arl_looks": self.threshold.arl,
            "false_alarms": self.threshold.alarms,
            "delay_rows": {
                str(shift): [i.low, i.middle, i.high]
                for shift, i in ((s, of_median(d)) for s, d in self.delays.items())
            },
        }


def measure_path(
    name: str, path: Path, size: Size, promised: float = 0.0
) -> list[Measured]:
    """Measure a detector at equal run length and, if promised, at its own threshold."""
    peaks = null_peaks(path, size, seed=5)
    chosen = {name: calibrated(peaks, ARL_LOOKS)}
    if promised:
        chosen[f"{name}, as promised"] = Threshold(promised, *run_length(peaks, promised))
    limits = [each.value for each in chosen.values()]
    by_shift = {shift: delays(path, limits, shift, size) for shift in SHIFTS}
    return [
        Measured(who, threshold, {shift: by_shift[shift][i] for shift in SHIFTS})
        for i, (who, threshold) in enumerate(chosen.items())
    ]


def measure(size: Size) -> list[Measured]:
    """Measure ours first, then all others."""
    promised = float(np.log(ARL_LOOKS))
    found = measure_path("betting", betting(0.0), size, promised)
    found += measure_path(f"betting, eps {EPS}", betting(EPS), size, promised)
    for name, path in RIVALS.items():
        found += measure_path(name, path, size)
    return found


def as_rows(found: list[Measured]) -> list[Row]:
    """Return for each shift our delay over that of the fastest other detector."""
    ours, others = found[0], [each for each in found if each.name in RIVALS]
    rows = []
    for shift in SHIFTS:
        fastest = min(others, key=lambda each: float(np.median(each.delays[shift])))
        beside = {each.name: of_median(each.delays[shift]) for each in found}
        rows.append(
            Row(
                name=f"delay-{shift}",
                promise=f"delay to a shift of {shift} sd over the fastest's",
                unit="times",
                limit=Limit("at most", SLOWER),
                figure=ratio_interval(ours.delays[shift], fastest.delays[shift]),
                beside=beside,
                notes={"fastest": fastest.name, "arl_looks": ARL_LOOKS},
            )
        )
    return rows
