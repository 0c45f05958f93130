"""How watched models stand, as the monitor shows it: to people and to metrics.

Shares of a `Bins` are per row that is not missing; a `Point` is one look among some that
are kept. Times are Unix time in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from runtime.metrics.monitor import KeptJournal, WatchedSubject, WatchedVersion
from runtime.monitor.alarm_book import Book
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import Aspect, Effect, Evidence, Kind, Since

if TYPE_CHECKING:  # A command that shows versions needs no database.
    from runtime.monitor.journal import Standing


@dataclass(frozen=True, slots=True)
class Point:
    """One look: evidence as a share of its limit, and the effect."""

    time_s: float
    evidence: float
    effect: float


@dataclass(frozen=True, slots=True)
class Bins:
    """Where values lie: shares between edges, the first and the last bin open.

    `labels` name the bins of categories, which have no edges. `reference` and `live` have
    one share a bin: one more than there are edges, or one a label.
    """

    edges: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    reference: tuple[float, ...] = ()
    live: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SubjectStatus:
    """One detector: what it watches and what it has found.

    `psi` is corrected for its bias and `psi_limit` the 95 % point of it without drift (the
    chi-square threshold for the rows of both sides); `ks` is on the reference's grid. They
    are None where they do not apply. `rows` and `missing` are of the window.
    """

    kind: Kind
    name: str
    aspect: Aspect
    evidence: Evidence
    effect: Effect
    psi: float | None = None
    psi_limit: float | None = None
    ks: float | None = None
    rows: int = 0
    missing: int = 0
    since: Since | None = None
    sentence: str = ""
    bins: Bins | None = None
    history: tuple[Point, ...] = ()

    @property
    def share(self) -> float:
        """Evidence as a share of its limit; 0 where there is no limit."""
        limit = self.evidence.log_limit
        return max(self.evidence.log_e, 0.0) / limit if limit > 0 else 0.0


@dataclass(frozen=True, slots=True)
class ReferenceStatus:
    """What is compared with: `origin` is "manifest", a file's name, or "first rows"."""

    digest: str
    origin: str
    rows: int
    made_s: float = 0.0


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """The rows that effects are of: how many, and from when to when."""

    rows: int
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version that is watched.

    `coverage` is the share of answered rows that the statistics have seen, None before
    there was one. `reference` is None while it is still being gathered, and `note` says
    in words what cannot be watched. Where only some `subjects` were asked for, `more` is
    how many there are besides, and `more_evidence` the most that one of them has, as a
    share of its limit.
    """

    model: str
    version: int
    rows: int = 0
    coverage: float | None = None
    looks: int = 0
    last_look_s: float = 0.0
    reference: ReferenceStatus | None = None
    window: WindowStatus | None = None
    subjects: tuple[SubjectStatus, ...] = field(default=())
    note: str = ""
    more: int = 0
    more_evidence: float = 0.0


class MonitorState(Protocol):
    """What a server's monitor shows. Called on the control plane's loop; must not block."""

    @property
    def book(self) -> Book:
        """The alarms."""

    def versions(self, model: str = "") -> Sequence[VersionStatus]:
        """Return how watched versions stand, of one model where one is named."""


def watched(statuses: Sequence[VersionStatus], book: Book) -> list[WatchedVersion]:
    """Return what metrics show of versions and of their alarms, resolved ones too."""
    counts: dict[tuple[str, int], dict[tuple[str, str], int]] = {}
    for alarm in book.alarms():
        subject = alarm.subject
        of_version = counts.setdefault((subject.model, subject.version), {})
        key = (subject.aspect.value, alarm.state.value)
        of_version[key] = of_version.get(key, 0) + 1
        # An alert rule needs the zero that comes after a one.
        for state in State:
            of_version.setdefault((subject.aspect.value, state.value), 0)
    known = {(each.model, each.version): each for each in statuses}
    unloaded = {key: VersionStatus(*key) for key in counts if key not in known}
    return [
        WatchedVersion(
            model=each.model,
            version=str(each.version),
            rows=each.rows,
            coverage=each.coverage,
            looks=each.looks,
            last_look_s=each.last_look_s,
            subjects=tuple(_watched_subject(one) for one in each.subjects),
            alarms=counts.get(key, {}),
            more=each.more,
            more_evidence=each.more_evidence,
        )
        for key, each in {**known, **unloaded}.items()
    ]


def _watched_subject(one: SubjectStatus) -> WatchedSubject:
    return WatchedSubject(
        one.kind.value, one.name, one.aspect.value, one.share, one.effect.value,
        one.effect.tolerated,
    )  # fmt: skip


def kept_journal(standing: Standing) -> KeptJournal:
    """Return what metrics show of the journal of predictions."""
    return KeptJournal(
        is_open=standing.state in ("opening", "open"),
        rows=standing.rows,
        nbytes=standing.nbytes,
        oldest_s=standing.oldest_s,
        predictions=fates_of(standing),
        labels={outcome.value: count for outcome, count in standing.outcomes.items()},
    )


def fates_of(standing: Standing) -> dict[str, int]:
    """Return what became of predictions since the start, by name.

    Of those that were written, `trimmed` were let go with their label and
    `trimmed_unlabelled` without.
    """
    return {
        "written": standing.written,
        "repeated": standing.repeated,
        "without_id": standing.unnamed,
        "unsampled": standing.unsampled,
        "dropped": standing.dropped,
        "lost": standing.lost,
        "trimmed": standing.trimmed - standing.unlabelled,
        "trimmed_unlabelled": standing.unlabelled,
    }
