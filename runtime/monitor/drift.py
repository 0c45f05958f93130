"""All tests of one tensor's features: looks come in, verdicts go out. Pure.

Numbers are tested by their shares above the reference's edges, categories by their shares.
Missing values, values out of range (infinities are) and unseen categories are events with
tests of their own, so that none of them hides in a distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.monitor import sentences
from runtime.monitor.effects import Detector, View, effect_of
from runtime.monitor.looks import Counts, Look, Window
from runtime.monitor.signals import Aspect, Evidence, Kind, Since, Subject, Verdict
from runtime.monitor.tensor_reference import TensorReference
from runtime.statistics.bernoulli import BernoulliDetector
from runtime.statistics.betting import CategoryDetector, KsDetector
from runtime.statistics.restarts import Findings, State

EVENT_EPS = 0.01
"""How much more frequent than in the reference an event may be."""

PENDING = 0.5
"""The share of its limit from which evidence is worth a word."""

MOST_MOMENTS = 1_024

WORDS = {
    Aspect.MISSING: "is missing",
    Aspect.OUT_OF_RANGE: "is infinite",
    Aspect.UNSEEN: "has a value that the reference does not know",
}

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class About:
    """Whose verdicts these are, and what they are worth.

    Each detector is promised `arl_looks` looks; `days` is what all of a model's have
    together. `reference` is the reference's digest.
    """

    model: str
    version: int
    kind: Kind
    arl_looks: float
    days: float
    eps: float
    reference: str


@dataclass(frozen=True, slots=True)
class Test:
    """A detector, the features that it is of, and what it counts of a look.

    `is_promised` tells whether a contract says what it is held to.
    """

    aspect: Aspect
    detector: Detector
    features: npt.NDArray[np.int64]
    counts: Callable[[Look], tuple[Counts, Counts]]
    is_promised: bool = False


class Moments:
    """When rows came, coarsely: at most `MOST_MOMENTS` are kept."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.times_s: list[float] = []

    def add(self, rows: int, time_s: float) -> None:
        """Take note that `rows` rows had come at a time."""
        if len(self.rows) >= MOST_MOMENTS:
            del self.rows[1::2], self.times_s[1::2]
        self.rows.append(rows)
        self.times_s.append(time_s)

    def of(self, row: int) -> float:
        """Return when a row had come, as far as it is known."""
        place = int(np.searchsorted(self.rows, row))
        return self.times_s[min(place, len(self.times_s) - 1)] if self.times_s else 0.0

    def to_arrays(self) -> Arrays:
        """Return them by name."""
        return {
            "moment_rows": np.array(self.rows, dtype=np.int64),
            "moment_times": np.array(self.times_s, dtype=np.float64),
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Know what `to_arrays` told; KeyError changes nothing."""
        rows, times_s = arrays["moment_rows"].tolist(), arrays["moment_times"].tolist()
        self.rows, self.times_s = rows, times_s


class TensorDrift:
    """The tests of one tensor, with their evidence so far and the window of last looks."""

    def __init__(self, about: About, reference: TensorReference, window: Window) -> None:
        self.about, self.reference, self.window = about, reference, window
        self.tests = list(_tests(about, reference))
        self.states: list[State] = [test.detector.start() for test in self.tests]
        self.moments = Moments()
        self.rows = 0
        self._told: set[tuple[int, int]] = set()  # Tests and features with evidence.
        # By the test's place, with the window's stamp: scrapes come from another thread.
        self._views: dict[int, tuple[int, View]] = {}
        self._stamp = 0

    def look(self, look: Look, time_s: float) -> list[Verdict]:
        """Take a look; return what is worth a word, and what was a look ago."""
        if not look.rows:
            return []
        self.rows += look.rows
        self.moments.add(self.rows, time_s)
        self.window.add(look, time_s)
        self._stamp += 1
        for place, test in enumerate(self.tests):
            counts, rows = test.counts(look)
            self.states[place] = test.detector.look(self.states[place], counts, rows)
        return list(self._verdicts(time_s))

    def _verdicts(self, time_s: float) -> Iterator[Verdict]:
        before, self._told = self._told, set()
        for place, test in enumerate(self.tests):
            found = test.detector.findings(self.states[place])
            self._told |= _loud(place, found)
            for _, at in sorted(pair for pair in self._told | before if pair[0] == place):
                yield self.verdict(place, at, found, time_s)

    def verdict(self, place: int, at: int, found: Findings, time_s: float) -> Verdict:
        """Return what one test says of the `at`-th of its features."""
        test, about = self.tests[place], self.about
        feature = int(test.features[at])
        subject = Subject(
            about.model, about.version, about.kind, self.reference.features[feature],
            test.aspect,
        )  # fmt: skip
        row = int(found.since_row[at])
        since = Since(row, self.moments.of(row)) if found.rows[at] else None
        evidence = Evidence(
            # Less than nothing is nothing, and minus infinity is no JSON.
            max(float(found.log_e[at]), 0.0), float(found.log_limit[at]), about.arl_looks,
            int(found.looks[at]), int(found.rows[at]),
        )  # fmt: skip
        view = self._view(place)
        live, reference = float(found.share[at]), float(view.shares[at, found.edge[at]])
        return Verdict(
            subject,
            time_s,
            evidence,
            effect_of(test.detector, at, found, view),
            self._sentence(test, at, found, subject, since, reference)
            + sentences.promise(about.days),
            since,
            f"the last {view.window_rows:,} rows",
            about.reference,
            {"share": live, "reference share": reference},
        )

    def _view(self, place: int) -> View:
        """Return what the window shows of a test; counted once a look, for all features."""
        stamp, kept = self._stamp, self._views.get(place)
        if kept is None or kept[0] != stamp:
            test, window = self.tests[place], self.window.look()
            counts, rows = test.counts(window)
            counts = counts.reshape(len(rows), -1)
            kept = stamp, View(window.rows, counts, rows, self._shares(test))
            self._views[place] = kept
        return kept[1]

    def _shares(self, test: Test) -> npt.NDArray[np.float64]:
        if isinstance(test.detector, BernoulliDetector):
            return test.detector.rates[:, None]
        if isinstance(test.detector, CategoryDetector):
            return np.asarray(self.reference.category_shares[test.features])
        return np.asarray(self.reference.shares[test.features])

    def _sentence(
        self, test: Test, at: int, found: Findings, subject: Subject, since: Since | None,
        reference: float,
    ) -> str:  # fmt: skip
        feature, edge = int(test.features[at]), int(found.edge[at])
        live = float(found.share[at])
        if isinstance(test.detector, BernoulliDetector):
            say = sentences.broken if test.is_promised else sentences.more
            return say(subject, self._event(test.aspect, feature), live, reference, since)
        if isinstance(test.detector, CategoryDetector):
            category = float(self.reference.categories[feature, edge])
            return sentences.mixed(subject, category, live, reference, since)
        value = float(self.reference.edges[feature, edge])
        return sentences.moved(subject, value, live, reference, since)

    def _event(self, aspect: Aspect, feature: int) -> str:
        """Return what happens to a value, as a sentence goes on."""
        low, high = float(self.reference.low[feature]), float(self.reference.high[feature])
        if aspect is Aspect.OUT_OF_RANGE and np.isfinite([low, high]).any():
            return sentences.beyond(low, high)
        return WORDS[aspect]

    def to_arrays(self) -> Arrays:
        """Return all that is remembered, by name."""
        arrays: Arrays = {
            "rows": np.array(self.rows),
            **self.moments.to_arrays(),
        }
        for place, state in enumerate(self.states):
            arrays |= {f"test{place}.{k}": v for k, v in state.to_arrays().items()}
        for place, half in enumerate(self.window.halves):
            arrays |= {f"half{place}.{k}": v for k, v in half.look.to_arrays().items()}
            arrays[f"half{place}.time"] = np.array([half.begin_s, half.end_s])
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `to_arrays` was asked; ValueError or KeyError changes nothing."""
        states = [
            State.from_arrays(_part(arrays, f"test{i}.")) for i in range(len(self.tests))
        ]
        for test, state in zip(self.tests, states, strict=True):
            test.detector.bets.check(state)
        halves = self.window.restored(
            [_part(arrays, f"half{i}.") for i in range(2) if f"half{i}.time" in arrays]
        )
        rows = int(arrays["rows"])
        self.moments.restore(arrays)
        self.states, self.window.halves, self.rows = states, halves, rows
        self._stamp += 1
        for place, test in enumerate(self.tests):
            self._told |= _loud(place, test.detector.findings(states[place]))


def _loud(place: int, found: Findings) -> set[tuple[int, int]]:
    """Return a test and those of its features whose evidence is worth a word."""
    loud = np.flatnonzero(found.log_e >= PENDING * found.log_limit)
    return {(place, int(at)) for at in loud}


def _part(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def detectors_of(reference: TensorReference) -> int:
    """Return how many tests a tensor has: the promise is shared out among them."""
    if not reference.rows:
        return 0
    distributions = np.count_nonzero(reference.is_numeric) + np.count_nonzero(
        reference.has_mix
    )
    categorical = np.count_nonzero(reference.is_categorical)
    return int(distributions + categorical) + 2 * len(reference.features)


def _tests(about: About, reference: TensorReference) -> Iterator[Test]:
    rows, arl = reference.rows, about.arl_looks
    if not rows:
        return  # Nobody knows what the tensor was like.
    numeric = np.flatnonzero(reference.is_numeric)
    mixes = np.flatnonzero(reference.has_mix)
    if numeric.size:
        ks = KsDetector(reference.shares[numeric], about.eps, arl, rows)
        yield Test(
            Aspect.DRIFT,
            ks,
            numeric,
            lambda look: (look.above[numeric], look.finite[numeric]),
        )
    if mixes.size:
        mix = CategoryDetector(reference.category_shares[mixes], about.eps, arl, rows)
        yield Test(
            Aspect.DRIFT, mix, mixes,
            lambda look: (look.known[mixes], look.known[mixes].sum(axis=1)),
        )  # fmt: skip
    everything = np.ones(len(reference.features), dtype=bool)
    promises = ~np.isnan(reference.may_miss)
    rates = np.where(promises, reference.may_miss, reference.missing)
    yield from _events(about, Aspect.MISSING, rates, everything, promises, rows)
    rates = np.minimum(reference.outside + reference.infinite, 1.0)
    rates = np.where(reference.keeps_range, 0.0, rates)
    yield from _events(
        about, Aspect.OUT_OF_RANGE, rates, everything, reference.keeps_range, rows
    )
    rates = np.where(reference.keeps_values, 0.0, reference.unseen)
    yield from _events(
        about, Aspect.UNSEEN, rates, reference.is_categorical, reference.keeps_values, rows
    )


def _events(
    about: About, aspect: Aspect, rates: Floats, which: Flags, promises: Flags, rows: int
) -> Iterator[Test]:
    """Yield the tests of an event: what a contract promises is held more strictly."""
    usual, kept = np.flatnonzero(which & ~promises), np.flatnonzero(which & promises)
    if usual.size:
        detector = BernoulliDetector(rates[usual], EVENT_EPS, about.arl_looks, rows)
        yield Test(aspect, detector, usual, _counted(aspect, usual))
    if kept.size:
        detector = BernoulliDetector(rates[kept], 0.0, about.arl_looks)
        yield Test(aspect, detector, kept, _counted(aspect, kept), is_promised=True)


def _counted(
    aspect: Aspect, features: npt.NDArray[np.int64]
) -> Callable[[Look], tuple[Counts, Counts]]:
    """Return what an event's test counts of a look: events, and rows that had a chance."""

    def missing(look: Look) -> tuple[Counts, Counts]:
        return look.missing[features], np.full(len(features), look.rows)

    def outside(look: Look) -> tuple[Counts, Counts]:
        events = look.outside[features] + look.infinite[features]
        return events, look.finite[features] + look.infinite[features]

    def unseen(look: Look) -> tuple[Counts, Counts]:
        return look.unseen[features], look.finite[features]

    return {
        Aspect.MISSING: missing, Aspect.OUT_OF_RANGE: outside, Aspect.UNSEEN: unseen,
    }[aspect]  # fmt: skip
