"""Two sides in numbers: the interval of candidate over baseline, and its verdict.

Pure: reports come in, a value goes out. The ratio is always B / A, pair by pair, so what
disturbs both runs of a pair alike cancels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runtime.capacity.figures import choose_metric, kind_of, read_figure
from runtime.errors import ConfigError
from runtime.statistics.intervals import (
    Interval,
    Limit,
    Verdict,
    judge,
    median_interval,
    ratio_interval,
)

FORMAT = "leeboard.compare/1"
MARGIN = 0.03


@dataclass(frozen=True, slots=True)
class Run:
    """One report and what to call it in a message."""

    name: str
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the candidate shall keep to; checked when it is made.

    `margin` says how much worse than the baseline it may be; `at_most` and `at_least` are
    limits of the ratio itself. No more than one is given; none means a margin of 0.03.
    """

    metric: str | None = None
    margin: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        given = [self.margin, self.at_most, self.at_least]
        if sum(limit is not None for limit in given) > 1:
            raise ConfigError("give one of --margin, --at-most and --at-least")
        if self.margin is not None and not 0 <= self.margin < 1:
            raise ConfigError(f"--margin is {self.margin:g}; it must be 0 to below 1")
        if self.metric is not None:
            self.limit(self.metric)

    def limit(self, metric: str) -> Limit:
        """Return the limit of the ratio; ConfigError where a margin has no direction.

        Examples
        --------
        >>> Wish(margin=0.05).limit("throughput_rps")
        Limit(sense='at least', value=0.95, around=1.0)
        """
        if self.at_most is not None:
            return Limit("at most", self.at_most)
        if self.at_least is not None:
            return Limit("at least", self.at_least)
        kind = kind_of(metric)
        if kind is None:
            raise ConfigError(
                f"whether less or more of {metric} is better is not known; "
                "give --at-most or --at-least"
            )
        margin = MARGIN if self.margin is None else self.margin
        if kind.better == "lower":
            return Limit("at most", 1 + margin)
        return Limit("at least", 1 - margin)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures of all pairs, baseline first, and the interval of B / A."""

    metric: str
    limit: Limit
    pairs: tuple[tuple[float, float], ...]
    ratio: Interval

    @property
    def verdict(self) -> Verdict:
        """Whether the candidate keeps the limit."""
        return judge(self.ratio, self.limit)

    @property
    def sides(self) -> tuple[Interval, Interval]:
        """The baseline's and the candidate's own interval."""
        one, other = zip(*self.pairs, strict=True)
        return median_interval(one), median_interval(other)

    def as_json(self) -> dict[str, Any]:
        """Return everything for a file."""
        baseline, candidate = self.sides
        return {
            "format": FORMAT,
            **asdict(self),
            "baseline": asdict(baseline),
            "candidate": asdict(candidate),
            "verdict": self.verdict,
        }


def compare(made: Sequence[tuple[Run, Run]], wish: Wish) -> Comparison:
    """Compare pairs of (baseline, candidate).

    Raises MeasurementError naming a run without the figure, ConfigError without pairs or
    where the figure has no known direction for a margin.
    """
    if not made:
        raise ConfigError("there is nothing to compare")
    metric = wish.metric or choose_metric([run.report for pair in made for run in pair])
    values = tuple(
        (
            read_figure(baseline.report, metric, baseline.name),
            read_figure(candidate.report, metric, candidate.name),
        )
        for baseline, candidate in made
    )
    ratio = ratio_interval([(candidate, baseline) for baseline, candidate in values])
    return Comparison(metric, wish.limit(metric), values, ratio)
