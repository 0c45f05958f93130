"""One look at a /metrics page, and what two of them say: rates and quantiles. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

VERSION_LINE = re.compile(
    r'^leeboard_(\w+)\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\} (\S+)', re.MULTILINE
)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")

OK = "ok"
LATENCY = "request_seconds_bucket"

Key = tuple[str, str]
"""A model's name and a version's number."""

Buckets = tuple[tuple[float, float], ...]
"""A histogram's upper bounds, the last infinite, and how many lie at or below each."""

NO_BUCKETS: Buckets = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """One version's numbers: plain ones by name, outcomes, and latencies in seconds."""

    plain: Mapping[str, float]
    outcomes: Mapping[str, float]
    latency: Buckets = NO_BUCKETS

    @property
    def answered(self) -> float:
        """Requests that have ended, in whatever way."""
        return sum(self.outcomes.values())

    @property
    def failed(self) -> float:
        """Requests that have ended without an answer."""
        return self.answered - self.outcomes.get(OK, 0.0)


@dataclass(frozen=True, slots=True)
class Scrape:
    """All versions' numbers at one moment, in seconds of a clock that never goes back."""

    at_s: float
    versions: Mapping[Key, Numbers]


@dataclass(frozen=True, slots=True)
class Rates:
    """What a version did between two looks; None where nothing can be said.

    Latencies are seconds, from a request's arrival to its answer.
    """

    requests_per_s: float | None = None
    failures_per_s: float | None = None
    rows_per_s: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    rows_per_batch: float | None = None


NO_RATES = Rates()


def unescaped(text: str) -> str:
    r"""Return a label's value as it was before it was written.

    Examples
    --------
    >>> unescaped(r'a\"b\\c\nd')
    'a"b\\c\nd'
    """
    return ESCAPED.sub(lambda m: "\n" if m[1] == "n" else m[1], text)


def parse(page: str, at_s: float) -> Scrape:
    """Return what a /metrics page says of each version."""
    plain: dict[Key, dict[str, float]] = {}
    outcomes: dict[Key, dict[str, float]] = {}
    latency: dict[Key, list[tuple[float, float]]] = {}
    for name, text, number in VERSION_LINE.findall(page):
        labels = {label: unescaped(value) for label, value in LABEL.findall(text)}
        if "model" not in labels or "version" not in labels:
            continue
        key, value = (labels["model"], labels["version"]), float(number)
        plain.setdefault(key, {})
        if name == "requests_total":
            outcomes.setdefault(key, {})[labels.get("outcome", "")] = value
        elif name == LATENCY:
            latency.setdefault(key, []).append((float(labels["le"]), value))
        elif len(labels) == 2:
            plain[key][name] = value
    versions = {
        key: Numbers(numbers, outcomes.get(key, {}), tuple(sorted(latency.get(key, ()))))
        for key, numbers in plain.items()
    }
    return Scrape(at_s, versions)


def between(before: Buckets, after: Buckets) -> Buckets:
    """Return what has come into a histogram between two looks."""
    old = dict(before)
    return tuple((bound, count - old.get(bound, 0.0)) for bound, count in after)


def quantile(buckets: Buckets, share: float) -> float | None:
    """Return the value below which a share of the samples lies; None without samples.

    Within a bucket the samples are taken to lie evenly. What lies above the last finite
    bound is said to be at that bound.

    Examples
    --------
    >>> quantile(((1.0, 0.0), (2.0, 10.0), (float("inf"), 10.0)), 0.5)
    1.5
    """
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return None
    wanted = share * total
    for (low, under), (high, upto) in pairwise(((0.0, 0.0), *buckets)):
        if upto >= wanted and upto > under:
            inside = (wanted - under) / (upto - under)
            return low if high == float("inf") else low + (high - low) * inside
    return None


def has_begun_anew(before: Numbers, after: Numbers) -> bool:
    """Tell whether a version's counters began again at zero: another server, or worker."""
    return after.answered < before.answered or any(
        after.plain.get(name, 0.0) < before.plain.get(name, 0.0)
        for name in ("rows_total", "batches_total")
    )


def rates_of(before: Numbers | None, after: Numbers, elapsed_s: float) -> Rates:
    """Return what a version did between two looks."""
    if before is None or elapsed_s <= 0 or has_begun_anew(before, after):
        return NO_RATES

    def grown(name: str) -> float:
        return after.plain.get(name, 0.0) - before.plain.get(name, 0.0)

    latency = between(before.latency, after.latency)
    rows, batches = grown("rows_total"), grown("batches_total")
    return Rates(
        (after.answered - before.answered) / elapsed_s,
        (after.failed - before.failed) / elapsed_s,
        rows / elapsed_s,
        quantile(latency, 0.5),
        quantile(latency, 0.99),
        rows / batches if batches > 0 else None,
    )


def failures(outcomes: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    """Return the reasons for which requests failed, most frequent first.

    Examples
    --------
    >>> failures({"ok": 5, "deadline": 1, "rejected": 2, "cancelled": 0})
    [('rejected', 2), ('deadline', 1)]
    """
    found = [(why, n) for why, n in outcomes.items() if n and why != OK]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))
