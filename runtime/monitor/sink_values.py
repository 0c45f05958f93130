"""An alarm as JSON values, for sinks that tell programs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from runtime.monitor.alarms import Alarm
from runtime.monitor.signals import Verdict


def alarm_values(alarm: Alarm) -> dict[str, Any]:
    """Return all that is known of an alarm; numbers that are not finite become null.

    Times are Unix time in seconds, 0 for never.
    """
    subject, told = alarm.subject, alarm.told
    return {
        "id": alarm.id,
        "model": subject.model,
        "version": subject.version,
        "kind": subject.kind.value,
        "name": subject.name,
        "aspect": subject.aspect.value,
        "state": alarm.state.value,
        "sentence": alarm.sentence,
        "changed_s": alarm.changed_s,
        "fired_s": alarm.fired_s,
        "resolved_s": alarm.resolved_s,
        "reason": alarm.reason,
        "episodes": alarm.episodes,
        "refires": alarm.refires,
        "owner": alarm.owner,
        "acknowledged": alarm.acknowledged is not None,
        "verdict": None if told is None else verdict_values(told),
    }


def verdict_values(verdict: Verdict) -> dict[str, Any]:
    """Return what makes an alarm's word reproducible."""
    evidence, effect, since = verdict.evidence, verdict.effect, verdict.since
    return {
        "time_s": verdict.time_s,
        "log_e": number(evidence.log_e),
        "log_limit": number(evidence.log_limit),
        "arl_looks": number(evidence.arl_looks),
        "looks": int(evidence.looks),
        "rows": int(evidence.rows),
        "effect": effect.name,
        "value": number(effect.value),
        "eps": number(effect.tolerated),
        "since_row": int(since.row) if since else None,
        "since_s": float(since.time_s) if since else None,
        "window": verdict.window,
        "reference": verdict.reference,
        "counts": {name: number(value) for name, value in verdict.counts.items()},
    }


def number(value: float) -> float | None:
    """Return a number that JSON has; None for any other."""
    return float(value) if math.isfinite(value) else None


def rfc3339(time_s: float) -> str:
    """Return Unix time as text.

    Examples
    --------
    >>> rfc3339(1700000000.25)
    '2023-11-14T22:13:20.250+00:00'
    """
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")
