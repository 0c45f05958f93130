"""What the monitor sees, as Prometheus families of bounded cardinality.

Only the subjects with the most evidence have samples of their own, `TOP` of each version;
of the rest, the number and the most evidence are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime.metrics.exposition import COUNTER, GAUGE, Family, labels

TOP = 20
PREFIX = "leeboard_monitor_"


@dataclass(frozen=True, slots=True)
class WatchedSubject:
    """One detector: evidence as a share of its limit, and an effect with its eps."""

    kind: str
    name: str
    aspect: str
    evidence: float
    effect: float
    tolerated: float


@dataclass(frozen=True, slots=True)
class WatchedVersion:
    """One version; `alarms` counts by aspect and state, coverage None is not known.

    `more` subjects are not among `subjects`; `more_evidence` is the most that one of them
    has.
    """

    model: str
    version: str
    rows: int = 0
    coverage: float | None = None
    looks: int = 0
    last_look_s: float = 0.0
    subjects: tuple[WatchedSubject, ...] = ()
    alarms: Mapping[tuple[str, str], int] = field(default_factory=dict)
    more: int = 0
    more_evidence: float = 0.0


@dataclass(frozen=True, slots=True)
class ToldSink:
    """What became of changes of alarms that one sink was to tell."""

    name: str
    sent: int
    failures: int
    lost: int


@dataclass(frozen=True, slots=True)
class KeptJournal:
    """The journal of predictions: what it holds, and what became of predictions and labels.

    `oldest_s` is Unix time, 0 for none; counts are since the start, by outcome.
    """

    is_open: bool
    rows: int
    nbytes: int
    oldest_s: float
    predictions: Mapping[str, int]
    labels: Mapping[str, int]


OfVersion = Callable[[WatchedVersion], Iterable[tuple[str, float]]]


def evidence_of(version: WatchedVersion) -> float:
    """Return the most evidence of the subjects that have no sample of their own."""
    return max([version.more_evidence, *(each.evidence for each in _rest(version))])


FAMILIES: tuple[tuple[str, str, str, OfVersion], ...] = (
    ("rows", COUNTER, "Rows that were answered, in the statistics or not.",
     lambda v: [(_who(v), v.rows)]),
    ("looks", COUNTER, "Looks of the detectors.",
     lambda v: [(_who(v), v.looks)]),
    ("last_look_seconds", GAUGE, "When the detectors last looked, as Unix time.",
     lambda v: [(_who(v), round(v.last_look_s, 3))]),
    ("coverage_ratio", GAUGE, "Share of answered rows that statistics have seen.",
     lambda v: [] if v.coverage is None else [(_who(v), v.coverage)]),
    ("subjects", GAUGE, "Features, outputs and others that are watched.",
     lambda v: [(_who(v), len(v.subjects) + v.more)]),
    ("evidence_ratio", GAUGE, "Logarithm of the evidence over its limit; fires at 1.",
     lambda v: [(_which(v, s), s.evidence) for s in _top(v)]),
    ("effect", GAUGE, "How far it is from what it was, by the detector's statistic.",
     lambda v: [(_which(v, s), s.effect) for s in _top(v)]),
    ("effect_tolerated", GAUGE, "Up to where an effect is none: eps.",
     lambda v: [(_which(v, s), s.tolerated) for s in _top(v)]),
    ("rest_subjects", GAUGE, "Subjects without samples of their own.",
     lambda v: [(_who(v), len(_rest(v)) + v.more)]),
    ("rest_evidence_ratio", GAUGE, "The most evidence of those, over its limit.",
     lambda v: [(_who(v), evidence_of(v))]),
    ("alarms", GAUGE, "Alarms by aspect and state.",
     lambda v: [
         (labels(model=v.model, version=v.version, aspect=aspect, state=state), count)
         for (aspect, state), count in sorted(v.alarms.items())
     ]),
)  # fmt: skip
SINKS: tuple[tuple[str, str, Callable[[ToldSink], int]], ...] = (
    ("sink_sent", "Changes of alarms that a sink has told.", lambda s: s.sent),
    ("sink_failures", "Tries of a sink that failed.", lambda s: s.failures),
    ("sink_lost", "Changes that were given up or found no room.", lambda s: s.lost),
)
JOURNAL: tuple[tuple[str, str, str, Callable[[KeptJournal], Mapping[str, float]]], ...] = (
    ("journal_open", GAUGE, "1 while the journal of predictions takes them, 0 while not.",
     lambda j: {"": float(j.is_open)}),
    ("journal_rows", GAUGE, "Predictions in the journal.", lambda j: {"": j.rows}),
    ("journal_bytes", GAUGE, "Bytes of the journal that are in use.",
     lambda j: {"": j.nbytes}),
    ("journal_oldest_seconds", GAUGE, "When its eldest prediction was made, as Unix time.",
     lambda j: {"": round(j.oldest_s, 3)} if j.oldest_s else {}),
    ("journal_predictions", COUNTER, "What became of predictions of models with a task.",
     lambda j: j.predictions),
    ("labels", COUNTER, "What became of labels.", lambda j: j.labels),
)  # fmt: skip


def monitor_families(
    versions: Sequence[WatchedVersion],
    sinks: Sequence[ToldSink] = (),
    journal: KeptJournal | None = None,
) -> list[Family]:
    """Return all families of the monitor; one without samples is not on a page."""
    families = []
    for name, kind, text, samples in FAMILIES:
        family = Family(PREFIX + name, kind, text)
        for version in versions:
            for at, value in samples(version):
                family.add(at, value)
        families.append(family)
    for name, text, count in SINKS:
        family = Family(PREFIX + name, COUNTER, text)
        for sink in sinks:
            family.add(labels(sink=sink.name), count(sink))
        families.append(family)
    return families if journal is None else [*families, *journal_families(journal)]


def journal_families(journal: KeptJournal) -> list[Family]:
    """Return the families of the journal of predictions."""
    families = []
    for name, kind, text, samples in JOURNAL:
        family = Family(PREFIX + name, kind, text)
        for outcome, value in samples(journal).items():
            family.add(labels(outcome=outcome) if outcome else "", value)
        families.append(family)
    return families


def metric_names() -> frozenset[str]:
    """Return every name that a page of the monitor may have, as queries write it."""
    named = [(name, kind) for name, kind, _, _ in FAMILIES]
    named += [(name, kind) for name, kind, _, _ in JOURNAL]
    named += [(name, COUNTER) for name, _, _ in SINKS]
    return frozenset(
        f"{PREFIX}{name}_total" if kind == COUNTER else f"{PREFIX}{name}"
        for name, kind in named
    )


def _ranked(version: WatchedVersion) -> list[WatchedSubject]:
    # A value that is not a number has no place in an order: last.
    return sorted(
        version.subjects,
        key=lambda s: (
            s.evidence != s.evidence, -s.evidence, s.kind, s.name, s.aspect
        ),
    )  # fmt: skip


def _top(version: WatchedVersion) -> list[WatchedSubject]:
    return _ranked(version)[:TOP]


def _rest(version: WatchedVersion) -> list[WatchedSubject]:
    return _ranked(version)[TOP:]


def _who(version: WatchedVersion) -> str:
    return labels(model=version.model, version=version.version)


def _which(version: WatchedVersion, subject: WatchedSubject) -> str:
    return labels(
        model=version.model, version=version.version, kind=subject.kind, name=subject.name,
        aspect=subject.aspect,
    )  # fmt: skip
