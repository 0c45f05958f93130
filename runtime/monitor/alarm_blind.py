"""What the monitor itself cannot see: pure checks, and alarms about it."""

from __future__ import annotations

from runtime.monitor.signals import Aspect, Blindness, Kind, Subject
from runtime.monitor.state import VersionStatus

LEAST_COVERAGE = 0.5
LOOK_WITHIN_S = 300.0


def coverage(
    status: VersionStatus, time_s: float, least: float = LEAST_COVERAGE
) -> Blindness:
    """Say whether statistics see enough of the rows that are answered."""
    name = f"{status.model}/{status.version}"
    subject = _subject(status.model, status.version, "coverage")
    share = status.coverage
    if share is None:
        return Blindness(subject, time_s, False, f"{name} has answered nothing yet.")
    words = (
        f"Statistics see {share:.1%} of the rows that {name} answers; below {least:.0%} "
        "drift may go unnoticed."
    )
    return Blindness(subject, time_s, not share >= least, words)


def looks(
    status: VersionStatus, time_s: float, within_s: float = LOOK_WITHIN_S
) -> Blindness:
    """Say whether detectors still look; a version never looked at yet is not blind.

    A look is one whether there were rows or not.
    """
    late_s = time_s - status.last_look_s
    is_blind = status.last_look_s > 0 and late_s > within_s
    return Blindness(
        _subject(status.model, status.version, "monitor"), time_s, is_blind,
        f"Nobody has looked at {status.model}/{status.version} for {late_s:,.0f} s; "
        "drift and harm go unnoticed until its monitor is back."
        if is_blind
        else f"{status.model}/{status.version} is looked at.",
    )  # fmt: skip


def labels(
    model: str, version: int, time_s: float, matured: int, labelled: int,
    least: float, needed: int = 100,
) -> Blindness:  # fmt: skip
    """Say whether enough matured predictions have their label to judge quality.

    With fewer than `needed` matured predictions nothing is missed yet.
    """
    share = labelled / matured if matured else 1.0
    is_blind = matured >= needed and not share >= least
    return Blindness(
        _subject(model, version, "labels"), time_s, is_blind,
        f"{labelled:,} of {matured:,} matured predictions of {model}/{version} have a "
        f"label ({share:.1%}); below {least:.0%} its quality is not judged.",
    )  # fmt: skip


def reference(model: str, version: int, trouble: str, time_s: float) -> Blindness:
    """Say whether what was given for a version to be held to is in use."""
    return Blindness(
        _subject(model, version, "reference"), time_s, bool(trouble),
        f"{model}/{version} is not held to all that was given for it: {trouble}."
        if trouble
        else f"{model}/{version} is held to what was given for it.",
    )  # fmt: skip


def _subject(model: str, version: int, name: str) -> Subject:
    return Subject(model, version, Kind.MONITOR, name, Aspect.BLIND)
