"""What a detector says, and of what: the words between detectors and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Aspect(StrEnum):
    """What about a thing is watched."""

    DRIFT = "drift"
    MISSING = "missing"
    OUT_OF_RANGE = "out_of_range"
    UNSEEN = "unseen"
    SCHEMA = "schema"
    HARM = "harm"
    GAP = "gap"
    BLIND = "blind"


class Kind(StrEnum):
    """What sort of thing is watched."""

    INPUT = "input"
    OUTPUT = "output"
    QUALITY = "quality"
    GROUP = "group"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What an alarm is about: one aspect of one thing of one version.

    `name` is a feature's ("Latitude", "x[3]"), a metric's or a group's; for the monitor
    itself it says what it cannot see ("labels", "coverage").
    """

    model: str
    version: int
    kind: Kind
    name: str
    aspect: Aspect


@dataclass(frozen=True, slots=True)
class Evidence:
    """How sure a sequential test is, and what its word is worth.

    `log_e` is the natural logarithm of the detector's statistic; it fires at `log_limit`.
    While nothing is wrong, at least `arl_looks` looks pass between two false alarms of
    this detector, in expectation.
    """

    log_e: float
    log_limit: float
    arl_looks: float
    looks: int
    rows: int

    @property
    def is_over(self) -> bool:
        """Whether the limit is reached."""
        return self.log_e >= self.log_limit


@dataclass(frozen=True, slots=True)
class Effect:
    """How far something is from what it was: `value` of the statistic called `name`.

    Up to `tolerated` nothing is to be said.
    """

    name: str
    value: float
    tolerated: float


@dataclass(frozen=True, slots=True)
class Since:
    """When it began, by estimate: the row (or label) and the time in seconds since 1970."""

    row: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look of one detector has found.

    `time_s` is of the look, in seconds since 1970. `reference` is the digest of what was
    compared with; `counts` are what the statistic was made of. `sentence` is for people.
    """

    subject: Subject
    time_s: float
    evidence: Evidence
    effect: Effect
    sentence: str
    since: Since | None = None
    window: str = ""
    reference: str = ""
    counts: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_firing(self) -> bool:
        """Whether an alarm is due."""
        return self.evidence.is_over


@dataclass(frozen=True, slots=True)
class Blindness:
    """Something that cannot be watched at the moment, or can again."""

    subject: Subject
    time_s: float
    is_blind: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class VersionPromoted:
    """Another version of a model serves: what is known of older ones says nothing of it."""

    model: str
    version: int
    time_s: float
