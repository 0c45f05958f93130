"""Labels: what is said to have been true, and what becomes of each that is told.

A label names a prediction by model, request id and row. It may come at any time: long
after its prediction, twice, before the prediction is in the journal, or for one that never
was there. Every label ends in exactly one `Outcome`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

from runtime.monitor.sampling import is_sampled
from runtime.monitor.settings import LabelsWatch
from runtime.printable import escaped

LONGEST_TEXT = 256
LONGEST_ID = 1_024
MOST_ROW = 2**31 - 1
MOST_AT_ONCE = 10_000
MOST_PROBLEMS = 20
AHEAD_S = 60.0
"""How far another machine's clock may be ahead of ours."""
EARLY_S = 600.0
"""How long a label is kept for a prediction that is not in the journal yet."""

Value = float | str
Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Label:
    """What was true of one row: a number or a text.

    `time_s` says when it became known, in seconds since 1970; None: nobody said.
    """

    model: str
    request_id: str
    row: int
    value: Value
    time_s: float | None = None

    @property
    def key(self) -> Key:
        """What names the prediction."""
        return self.model, self.request_id, self.row

    @property
    def name(self) -> str:
        """The label as a message names it."""
        return f"{escaped(self.model)} request {escaped(self.request_id)!r} row {self.row}"


class Outcome(StrEnum):
    """What became of a label."""

    ACCEPTED = "accepted"
    """Its prediction is there, and it is the first label of it."""
    EARLY = "early"
    """Its prediction is not in the journal yet; it is kept for a while."""
    DUPLICATE = "duplicate"
    """The same was said before."""
    CONTRADICTION = "contradiction"
    """Something else was said before; that stays."""
    UNKNOWN = "unknown"
    """No such prediction was made, or none that is kept."""
    UNSAMPLED = "unsampled"
    """The prediction was left out of the journal by its id; that is as it should be."""
    TOO_OLD = "too_old"
    """The prediction, or the label, is older than what is kept."""
    FUTURE = "future"
    """The label says that it is from the future."""
    INVALID = "invalid"
    """The label cannot be meant."""


QUIET = (Outcome.ACCEPTED, Outcome.EARLY, Outcome.DUPLICATE, Outcome.UNSAMPLED)
"""What nobody needs to be told about one label of."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal knows of a label's key before the label.

    `predicted_s` is when the prediction was made, None without one; `said` the label that
    is there already, None without one.
    """

    predicted_s: float | None = None
    said: Value | None = None


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Problem:
    """A label that was not taken: its place in what was sent, and what is wrong with it."""

    index: int
    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of some labels: counts of outcomes, and the first that were not taken."""

    counts: Mapping[Outcome, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """Return how many labels had an outcome."""
        return self.counts.get(outcome, 0)

    @property
    def total(self) -> int:
        """All labels."""
        return sum(self.counts.values())


def fault_of(label: Label) -> str:
    """Return why a label cannot be meant; empty: it can."""
    if not label.model:
        return "it names no model"
    if not label.request_id or len(label.request_id) > LONGEST_ID:
        return f"its request id must have 1 to {LONGEST_ID} characters"
    if not 0 <= label.row <= MOST_ROW:
        return f"its row {label.row} is not between 0 and {MOST_ROW}"
    if label.time_s is not None and not (isfinite(label.time_s) and label.time_s >= 0):
        return f"its time {label.time_s:g} is no number of seconds since 1970"
    return fault_of_value(label.value)


def fault_of_value(value: Value) -> str:
    """Return why a value is no label; empty: it is one."""
    if isinstance(value, str):
        if not value or len(value) > LONGEST_TEXT:
            return f"its text must have 1 to {LONGEST_TEXT} characters"
        return ""
    return "" if isfinite(value) else f"its value {value:g} is no finite number"


def outcome_of(
    label: Label, known: Known, now_s: float, watch: LabelsWatch
) -> tuple[Outcome, str]:
    """Return what becomes of a label, and why in words where it is not taken.

    Pure. A prediction that is in the journal takes a label even if its id would not be
    sampled by the present share.
    """
    fault = fault_of(label)
    if fault:
        return Outcome.INVALID, fault
    if label.time_s is not None and label.time_s > now_s + AHEAD_S:
        ahead = label.time_s - now_s
        return Outcome.FUTURE, f"its time is {ahead:,.0f} s ahead of this server's clock"
    if known.said is not None:
        if known.said == label.value:
            return Outcome.DUPLICATE, "the same was said before"
        return Outcome.CONTRADICTION, f"it was said to be {shown(known.said)} before"
    if known.predicted_s is None:
        return without_prediction(label, now_s, watch)
    if known.predicted_s < now_s - watch.retention_s:
        return Outcome.TOO_OLD, f"its prediction is older than {days(watch.retention_s)}"
    return Outcome.ACCEPTED, ""


def without_prediction(
    label: Label, now_s: float, watch: LabelsWatch
) -> tuple[Outcome, str]:
    """Return what becomes of a label whose prediction is not in the journal."""
    if not is_sampled(label.request_id, watch.share):
        return Outcome.UNSAMPLED, "its request was left out of the journal by its id"
    if label.time_s is not None and label.time_s < now_s - watch.retention_s:
        return Outcome.TOO_OLD, f"it is older than {days(watch.retention_s)}"
    if label.time_s is not None and label.time_s < now_s - EARLY_S:
        return Outcome.UNKNOWN, "no such prediction is in the journal"
    return Outcome.EARLY, ""


def shown(value: Value) -> str:
    """Return a label's value as a message shows it.

    Examples
    --------
    >>> shown(1.0), shown("yes")
    ('1', "'yes'")
    """
    return repr(escaped(value)) if isinstance(value, str) else f"{value:g}"


def days(seconds: float) -> str:
    """Return a long time in words.

    Examples
    --------
    >>> days(30 * 86_400.0), days(7_200.0)
    ('30 days', '2 hours')
    """
    return (
        f"{seconds / 86_400:g} days" if seconds >= 86_400 else f"{seconds / 3_600:g} hours"
    )


class Tally:
    """Counts outcomes and keeps the first problems, of one batch of labels."""

    def __init__(self) -> None:
        self._counts: dict[Outcome, int] = {}
        self._problems: list[Problem] = []

    def add(self, index: int, label: Label, outcome: Outcome, words: str) -> None:
        """Count a label."""
        self._counts[outcome] = self._counts.get(outcome, 0) + 1
        if outcome not in QUIET and len(self._problems) < MOST_PROBLEMS:
            said = f"label {index} ({label.name}): {words}"
            self._problems.append(Problem(index, outcome, said))

    @property
    def summary(self) -> Summary:
        """What was counted so far."""
        return Summary(dict(self._counts), tuple(self._problems))
