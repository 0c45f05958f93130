"""How watched versions and alarms travel: to messages of the control port, and back.

Words are shown as they are: whoever prints them escapes them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from runtime.messages import Message, message
from runtime.monitor.alarms import Alarm, Comment
from runtime.monitor.signals import Aspect, Effect, Evidence, Kind, Since
from runtime.monitor.silences import Silence
from runtime.monitor.state import (
    Bins,
    Point,
    ReferenceStatus,
    SubjectStatus,
    VersionStatus,
    WindowStatus,
)

WatchedVersion = message("leeboard.v1.WatchedVersion")
WatchedSubject = message("leeboard.v1.WatchedSubject")
MonitorAlarm = message("leeboard.v1.MonitorAlarm")
MOST_DETAILED = 50

Part = ReferenceStatus | WindowStatus | Comment | Since | Bins

MonitorSilence = message("leeboard.v1.MonitorSilence")


def version_message(status: VersionStatus, detailed: bool) -> Message:
    """Return one version's message.

    A detailed one has bins and histories of the subjects with the most evidence: those of
    a thousand would not fit into a message.
    """
    ranked = sorted(status.subjects, key=lambda s: (s.share != s.share, -s.share))
    drawn = {id(each) for each in ranked[:MOST_DETAILED]} if detailed else set()
    made = WatchedVersion(
        model=status.model, version=status.version, rows=status.rows, looks=status.looks,
        last_look_s=status.last_look_s, note=status.note,
        coverage=status.coverage,
        reference=_values(status.reference),
        window=_values(status.window),
    )  # fmt: skip
    made.subjects.extend(
        _subject_message(each, id(each) in drawn) for each in status.subjects
    )
    return made


def version_from(told: Message) -> VersionStatus:
    """Return what a version's message says."""
    return VersionStatus(
        model=told.model, version=told.version, rows=told.rows,
        coverage=told.coverage if told.HasField("coverage") else None,
        looks=told.looks, last_look_s=told.last_look_s,
        reference=_reference_from(told.reference) if told.HasField("reference") else None,
        window=_window_from(told.window) if told.HasField("window") else None,
        subjects=tuple(_subject_from(each) for each in told.subjects),
        note=told.note,
    )  # fmt: skip


def alarm_message(alarm: Alarm, silence: Silence | None) -> Message:
    """Return an alarm's message, with the silence that holds for it."""
    subject = alarm.subject
    made = MonitorAlarm(
        id=alarm.id, model=subject.model, version=subject.version,
        kind=subject.kind.value, name=subject.name, aspect=subject.aspect.value,
        state=alarm.state.value, sentence=alarm.sentence, changed_s=alarm.changed_s,
        fired_s=alarm.fired_s, resolved_s=alarm.resolved_s, reason=alarm.reason,
        episodes=alarm.episodes, refires=alarm.refires, owner=alarm.owner,
        acknowledged=_values(alarm.acknowledged),
        comments=[asdict(each) for each in alarm.comments],
        silence=silence.id if silence else "",
    )  # fmt: skip
    told = alarm.told
    if told is not None:
        made.evidence.MergeFrom(type(made.evidence)(**asdict(told.evidence)))
        made.effect.MergeFrom(type(made.effect)(**asdict(told.effect)))
        if told.since is not None:
            made.since.MergeFrom(type(made.since)(**asdict(told.since)))
        made.window, made.reference = told.window, told.reference
        made.counts.update(told.counts)
    return made


def silence_message(silence: Silence) -> Message:
    """Return a silence's message."""
    return MonitorSilence(**asdict(silence))


def _values(source: Part | None) -> dict[str, Any] | None:
    return None if source is None else asdict(source)


def _subject_message(one: SubjectStatus, detailed: bool) -> Message:
    values: dict[str, Any] = {
        "kind": one.kind.value, "name": one.name, "aspect": one.aspect.value,
        "evidence": asdict(one.evidence), "effect": asdict(one.effect),
        "psi": one.psi, "psi_limit": one.psi_limit, "ks": one.ks,
        "rows": one.rows, "missing": one.missing, "since": _values(one.since),
        "sentence": one.sentence,
    }  # fmt: skip
    if detailed:
        values["bins"] = _values(one.bins)
        values["history"] = [asdict(point) for point in one.history]
    return WatchedSubject(**values)


def _subject_from(told: Message) -> SubjectStatus:
    evidence, effect = told.evidence, told.effect

    def maybe(name: str) -> float | None:
        return getattr(told, name) if told.HasField(name) else None

    return SubjectStatus(
        kind=Kind(told.kind), name=told.name, aspect=Aspect(told.aspect),
        evidence=Evidence(
            evidence.log_e, evidence.log_limit, evidence.arl_looks, evidence.looks,
            evidence.rows,
        ),
        effect=Effect(effect.name, effect.value, effect.tolerated),
        psi=maybe("psi"), psi_limit=maybe("psi_limit"), ks=maybe("ks"),
        rows=told.rows, missing=told.missing,
        since=Since(told.since.row, told.since.time_s) if told.HasField("since") else None,
        sentence=told.sentence,
        bins=_bins_from(told.bins) if told.HasField("bins") else None,
        history=tuple(Point(p.time_s, p.evidence, p.effect) for p in told.history),
    )  # fmt: skip


def _bins_from(told: Message) -> Bins:
    return Bins(*map(tuple, (told.edges, told.labels, told.reference, told.live)))


def _reference_from(told: Message) -> ReferenceStatus:
    return ReferenceStatus(told.digest, told.origin, told.rows, told.made_s)


def _window_from(told: Message) -> WindowStatus:
    return WindowStatus(told.rows, told.begin_s, told.end_s)
