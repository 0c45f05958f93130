"""Gaps: do late labels show that groups are answered differently? Pure.

For each group key, and for all of them together, there are two questions: is one group
chosen more often than another (demographic parity), and are those of one group who are
positive found more often than another's (equal opportunity)? Every pair of groups has a
test of its own (`runtime.statistics.gap_bets`); pair j of a question, in the order in which
groups came, has 1 / (j (j + 1)) of its promise, which add up to one however many come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.monitor import sentences
from runtime.monitor.quality_outcomes import Outcomes
from runtime.monitor.quality_tally import OPPORTUNITY, PARITY
from runtime.monitor.settings import ModelWatch, Task
from runtime.monitor.signals import Aspect, Effect, Evidence, Kind, Since, Subject, Verdict
from runtime.monitor.version_state import packed, part, unpacked
from runtime.statistics.gap_bets import GapDetector, GapFindings, GapState
from runtime.statistics.restarts import Flags, Integers

Arrays = dict[str, npt.NDArray[Any]]

MOST_TESTED = 16
"""Groups of a key that are tested, those that came first; more are shown only."""
MOST_BLOCKS = 256
"""Blocks that a course remembers: the last ones all, older ones ever more coarsely."""
COLUMNS = 7
"""Of a course: blocks, labels and time so far; events and rows of both groups."""


def questions(watch: ModelWatch) -> list[tuple[tuple[str, ...], str]]:
    """Return what is asked of a model: the keys of groups, and which gap.

    Nothing unless its task is binary and its settings tolerate less than every gap.
    """
    if watch.task is not Task.BINARY or watch.labels.gap >= 1.0:
        return []
    sets: list[tuple[str, ...]] = [(key,) for key in watch.groups]
    if len(watch.groups) > 1:
        sets.append(watch.groups)
    return [(keys, gap) for keys in sets for gap in (PARITY, OPPORTUNITY)]


class GapWatch:
    """The gap detectors of one version.

    `arl_looks` is what each of its `questions` is promised, in looks that had labels.
    """

    def __init__(
        self, key: tuple[str, int], settings: ModelWatch, arl_looks: float
    ) -> None:
        self.key, self._settings = key, settings
        self._questions = [
            Question(keys, gap, settings, arl_looks) for keys, gap in questions(settings)
        ]

    def look(self, found: Outcomes, time_s: float) -> list[Verdict]:
        """Take a look's matured pairs, in order; say what is known of each question."""
        if not found.n:
            return []
        said = [each.look(self.key, found, time_s) for each in self._questions]
        return [verdict for verdict in said if verdict is not None]

    def to_arrays(self) -> Arrays:
        """Return all that is remembered, by name."""
        return {
            f"{place}.{name}": array
            for place, question in enumerate(self._questions)
            for name, array in question.to_arrays().items()
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `to_arrays` was asked; ValueError or KeyError otherwise.

        A question with another name or tolerance than then begins anew.
        """
        for place, question in enumerate(self._questions):
            mine = part(arrays, f"{place}.")
            if mine:
                question.restore(mine)


class Pairing:
    """The test of two groups, and what their counts were, coarsely, block by block."""

    def __init__(self, place: int, tolerated: float, arl_looks: float) -> None:
        share = place * (place + 1.0)
        self.log_share = log(share)
        self.detector = GapDetector(tolerated, arl_looks * share)
        self.state = self.detector.start()
        self.counts = np.zeros((2, 2), dtype=np.int64)
        self.course: list[list[float]] = [[0.0] * COLUMNS]
        self._blocks = 0

    def look(
        self, is_first: Flags, hits: Flags, labels: Integers, times: npt.NDArray[np.float64]
    ) -> bool:
        """Take rows of both groups, with their number and time; tell if a block ended."""
        self.state, ends = self.detector.look(self.state, is_first, hits)
        which = np.stack([is_first, ~is_first])
        rows = self.counts[:, 1, None] + np.cumsum(which, axis=1)
        events = self.counts[:, 0, None] + np.cumsum(which & hits, axis=1)
        self.counts = np.stack([events[:, -1], rows[:, -1]], axis=1)
        for end in ends.tolist():
            self._blocks += 1
            if len(self.course) >= MOST_BLOCKS:
                del self.course[1 : MOST_BLOCKS // 2 : 2]
            sums = np.stack([events[:, end], rows[:, end]], axis=1).ravel().tolist()
            self.course.append([self._blocks, int(labels[end]), float(times[end]), *sums])
        return bool(ends.size)

    def log_e(self) -> float:
        """Return the evidence on the scale of the question's limit."""
        return self.detector.findings(self.state).log_e - self.log_share

    def rank(self, limit: float) -> tuple[float, float]:
        """Return what is more for a pair of which there is more to say."""
        found = self.detector.findings(self.state)
        rates = rates_of(self.since(found)[1])
        return min(self.log_e(), limit), float(found.sign * (rates[0] - rates[1]))

    def since(self, found: GapFindings) -> tuple[Since, npt.NDArray[np.float64]]:
        """Return when it began, and events and rows [2, 2] of the groups since then."""
        at = int(np.searchsorted([c[0] for c in self.course], found.since_block, "right"))
        before, first = self.course[at - 1], self.course[min(at, len(self.course) - 1)]
        counts = np.array(self.course[-1][3:]) - np.array(before[3:])
        return Since(int(before[1]), first[2]), counts.reshape(2, 2)

    def to_arrays(self) -> Arrays:
        """Return all that is remembered, by name."""
        about = {"counts": self.counts, "course": np.array(self.course)}
        return {**about, **self.state.to_arrays()}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `to_arrays` was asked."""
        course = np.asarray(arrays["course"], dtype=np.float64)
        if course.ndim != 2 or course.shape[1] != COLUMNS or not len(course):
            raise ValueError("the course of a gap was cut short")
        self.state = GapState.from_arrays(arrays)
        self.counts, self.course = np.array(arrays["counts"]), course.tolist()
        self._blocks = int(course[-1, 0])


def rates_of(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the rates of two groups by their events and rows [2, 2]."""
    return np.asarray(counts[:, 0] / np.maximum(counts[:, 1], 1.0))


class Question:
    """One gap between the groups of one key, or of several keys together."""

    def __init__(
        self, keys: tuple[str, ...], gap: str, settings: ModelWatch, arl_looks: float
    ) -> None:
        self._keys, self._gap, self._settings = keys, gap, settings
        self._arl_looks = arl_looks
        self._labels = 0
        self._rows: dict[str, int] = {}
        """Rows of each group that is tested, in the order in which they came."""
        self._pairs: dict[tuple[int, int], Pairing] = {}

    @property
    def name(self) -> str:
        """What it is called: "sex: demographic_parity"."""
        return f"{' & '.join(self._keys)}: {self._gap}"

    def look(self, key: tuple[str, int], found: Outcomes, time_s: float) -> Verdict | None:
        """Take pairs, and say what is known of the two groups that are furthest apart."""
        rows = [place for place in range(found.n) if self._has(found, place)]
        if not rows:
            return None
        numbers = np.array([self._number(found, place) for place in rows])
        labels = self._labels + np.arange(1, len(rows) + 1)
        self._labels += len(rows)
        hits, times = found.said[rows] == 1.0, found.times[rows]
        has_ended = False
        for (one, other), pair in self._paired():
            mine = (numbers == one) | (numbers == other)
            if mine.any():
                is_first = numbers[mine] == one
                has_ended |= pair.look(is_first, hits[mine], labels[mine], times[mine])
        return self._verdict(key, time_s) if has_ended else None

    def _has(self, found: Outcomes, place: int) -> bool:
        if self._gap == OPPORTUNITY and found.truths[place] != 1.0:
            return False
        return all(name in found.groups[place] for name in self._keys)

    def _number(self, found: Outcomes, place: int) -> int:
        """Return the number of a row's group; -1 for one that is not tested."""
        values = found.groups[place]
        value = " & ".join(values[name] for name in self._keys)
        if value not in self._rows and len(self._rows) >= MOST_TESTED:
            return -1
        self._rows[value] = self._rows.get(value, 0) + 1
        return list(self._rows).index(value)

    def _paired(self) -> Iterator[tuple[tuple[int, int], Pairing]]:
        """Yield all pairs of groups with their tests, made where there is none."""
        for other in range(len(self._rows)):
            for one in range(other):
                if (one, other) not in self._pairs:
                    self._pairs[one, other] = self._pairing(one, other)
                yield (one, other), self._pairs[one, other]

    def _pairing(self, one: int, other: int) -> Pairing:
        place = other * (other - 1) // 2 + one + 1
        return Pairing(place, self._settings.labels.gap, self._arl_looks)

    def _verdict(self, key: tuple[str, int], time_s: float) -> Verdict | None:
        names, least = list(self._rows), self._settings.labels.min_group
        large = {n for n, name in enumerate(names) if self._rows[name] >= least}
        known = [each for each in self._paired() if large.issuperset(each[0])]
        if not known:
            return None
        limit = log(self._arl_looks)
        # Evidence has a ceiling: among those that are sure, the gap tells them apart.
        places, pair = max(known, key=lambda each: each[1].rank(limit))
        found = pair.detector.findings(pair.state)
        since, counts = pair.since(found)
        rates = rates_of(counts)
        high, low = (0, 1) if found.sign > 0 else (1, 0)
        who = [names[place] for place in places]
        told = [(who[at], float(rates[at]), int(counts[at, 1])) for at in (high, low)]
        settings = self._settings
        evidence = Evidence(
            max(pair.log_e(), 0.0), limit, self._arl_looks, found.looks,
            int(pair.counts[:, 1].sum()),
        )  # fmt: skip
        subject = Subject(*key, Kind.GROUP, self.name, Aspect.GAP)
        ends = [(name, rate) for name, rate, _ in told]
        words = sentences.apart(
            subject, " & ".join(self._keys), self._gap == OPPORTUNITY, ends[0], ends[1],
            settings.labels.gap, since,
        )  # fmt: skip
        return Verdict(
            subject,
            time_s,
            evidence,
            Effect(
                self._gap.replace("_", " "), told[0][1] - told[1][1], settings.labels.gap
            ),
            words + sentences.promise(settings.false_alarm_days),
            since,
            f"{int(counts[:, 1].sum()):,} labels of these groups since then",
            "groups of the same version",
            {f"{what} of {name}": value for name, rate, n in told
             for what, value in (("rate", rate), ("rows", float(n)))},
        )  # fmt: skip

    def to_arrays(self) -> Arrays:
        """Return all that is remembered, by name."""
        about = {
            "name": self.name, "gap": self._settings.labels.gap,
            "arl_looks": self._arl_looks, "labels": self._labels,
            "groups": list(self._rows.items()), "pairs": list(self._pairs),
        }  # fmt: skip
        arrays: Arrays = {"about": packed(about)}
        for place, pair in enumerate(self._pairs.values()):
            arrays |= {f"{place}.{k}": v for k, v in pair.to_arrays().items()}
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on where `to_arrays` was asked, if it was the same question."""
        told = unpacked(arrays["about"])
        asked = [self.name, self._settings.labels.gap, self._arl_looks]
        if [told["name"], told["gap"], told["arl_looks"]] != asked:
            return
        pairs = {}
        for place, (one, other) in enumerate(told["pairs"]):
            pairs[one, other] = self._pairing(one, other)
            pairs[one, other].restore(part(arrays, f"{place}."))
        self._rows, self._pairs = dict(told["groups"]), pairs
        self._labels = told["labels"]
