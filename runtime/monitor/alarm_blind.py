"""What the monitor itself cannot see: pure checks, and alarms about it."""

from __future__ import annotations

from runtime.monitor.signals import Aspect, Blindness, Kind, Subject
from runtime.monitor.state import VersionStatus

LEAST_COVERAGE = 0.5
LOOK_WITHIN_S = 300.0


def coverage(
    status: VersionStatus, time_s: float, least: float = LEAST_COVERAGE
) -> Blindness:
    """Say whether statistics see enough of the rows that were answered lately."""
    name = f"{status.model}/{status.version}"
    subject = _subject(status.model, status.version, "coverage")
    share = status.coverage
    if share is None:
        return Blindness(subject, time_s, False, f"{name} has answered nothing lately.")
    words = (
        f"Statistics see {share:.1%} of the rows that {name} answers; below {least:.0%} "
        "drift may go unnoticed."
    )
    return Blindness(subject, time_s, not share >= least, words)


def looks(
    key: tuple[str, int], looked_s: float, time_s: float, within_s: float = LOOK_WITHIN_S
) -> Blindness:
    """Say whether a version that answers was looked at lately, last at `looked_s`.

    A look is one whether there were rows or not.
    """
    late_s = time_s - looked_s
    is_blind = late_s > within_s
    words = f"{key[0]}/{key[1]} is looked at."
    if is_blind:
        words = (
            f"Nobody has looked at {key[0]}/{key[1]} for {late_s:,.0f} s; drift and harm "
            "go unnoticed until its monitor is back."
        )
    return Blindness(_subject(*key, "monitor"), time_s, is_blind, words)


def stalled(
    key: tuple[str, int], looked_s: float, time_s: float, within_s: float = LOOK_WITHIN_S
) -> list[Blindness]:
    """Say at the first look after a stall, if it was one, that nobody looked meanwhile.

    Two words are said, one of the moment from which on it was too long: so it is an alarm
    though the stall is over.
    """
    words = (
        f"Nobody looked at {key[0]}/{key[1]} for {time_s - looked_s:,.0f} s; what drifted "
        "meanwhile is seen only now."
    )
    if not time_s - looked_s > within_s:
        return []
    subject = _subject(*key, "monitor")
    return [Blindness(subject, at, True, words) for at in (looked_s + within_s, time_s)]


def refused(key: tuple[str, int], why: str, time_s: float) -> Blindness:
    """Say that a version that answers cannot be looked at, and why."""
    model, version = key
    words = f"{model}/{version} answers and is not watched: {why}"
    return Blindness(_subject(model, version, "monitor"), time_s, True, words)


def reference(key: tuple[str, int], trouble: str, time_s: float) -> Blindness:
    """Say whether what was given for a version to be held to is in use."""
    words = f"{key[0]}/{key[1]} is held to what was given for it."
    if trouble:
        words = f"{key[0]}/{key[1]} is not held to all that was given for it: {trouble}."
    return Blindness(_subject(*key, "reference"), time_s, bool(trouble), words)


def _subject(model: str, version: int, name: str) -> Subject:
    return Subject(model, version, Kind.MONITOR, name, Aspect.BLIND)
