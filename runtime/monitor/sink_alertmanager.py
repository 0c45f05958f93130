"""Alarms for Prometheus' Alertmanager, by version 2 of its API (v4 of its messages).

An alert is posted when its alarm fires and again with every batch while it is open, with
an end in the future: should this server vanish, Alertmanager ends it by itself. One that
is over is posted once with its end, and again until that was taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from runtime.monitor.alarms import Alarm
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import Aspect
from runtime.monitor.sink_http import checked_url, post, shown_url
from runtime.monitor.sink_values import rfc3339
from runtime.monitor.sinks import Batch, SinkError, SinkOptions

PATH = "/api/v2/alerts"
LASTS_S = 300.0
"""How long an alert holds without being posted again: five times `Patience.resend_s`."""

MOST_AT_ONCE = 500
NAMES = {
    Aspect.DRIFT: "LeeboardDrift",
    Aspect.MISSING: "LeeboardMissingValues",
    Aspect.OUT_OF_RANGE: "LeeboardOutOfRange",
    Aspect.UNSEEN: "LeeboardUnseenCategory",
    Aspect.SCHEMA: "LeeboardSchema",
    Aspect.HARM: "LeeboardHarm",
    Aspect.GAP: "LeeboardGroupGap",
    Aspect.BLIND: "LeeboardBlind",
}
CRITICAL = (Aspect.HARM, Aspect.SCHEMA)


class AlertmanagerSink:
    """Posts alerts; the labels that make one never change while its alarm lives."""

    def __init__(self, options: SinkOptions) -> None:
        self._base = checked_url(options.place, "alertmanager")
        self._options = options
        self._is_closed = False
        self.name = f"alertmanager {shown_url(self._base)}"

    def send(self, batch: Batch) -> None:
        """Post all that is active and all that is over; raises SinkError."""
        if self._is_closed:
            raise SinkError(f"{self.name} is closed", again=False)
        active = {alarm.id: alarm for alarm in batch.active}
        over = {
            change.alarm.id: change.alarm
            for change in batch.changes
            if change.alarm.state is State.RESOLVED and change.alarm.id not in active
        }
        alerts = [self._alert(a, batch.time_s + LASTS_S) for a in active.values()]
        alerts += [self._alert(a, a.resolved_s) for a in over.values()]
        for first in range(0, len(alerts), MOST_AT_ONCE):
            body = json.dumps(alerts[first : first + MOST_AT_ONCE]).encode()
            post(self._base + PATH, body, {}, self._options.timeout_s)

    def close(self) -> None:
        """Post no more; what is open ends in Alertmanager after five minutes."""
        self._is_closed = True

    def _alert(self, alarm: Alarm, ends_s: float) -> dict[str, Any]:
        subject = alarm.subject
        labels = {
            "alertname": NAMES[subject.aspect],
            "severity": "critical" if subject.aspect in CRITICAL else "warning",
            "model": subject.model,
            "version": str(subject.version),
            "kind": subject.kind.value,
            "name": subject.name,
            "instance": self._options.server,
        }
        alert = {
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": dict(annotations_of(alarm)),
            "startsAt": rfc3339(alarm.fired_s),
            # Alertmanager takes no end that is before the beginning.
            "endsAt": rfc3339(max(ends_s, alarm.fired_s)),
        }
        if self._options.link:
            alert["generatorURL"] = self._options.link
        return alert


def annotations_of(alarm: Alarm) -> Iterable[tuple[str, str]]:
    """Yield what people read beside an alert."""
    yield "summary", alarm.sentence
    yield "alarm", alarm.id
    told = alarm.told
    if told is not None:
        evidence, effect = told.evidence, told.effect
        yield "evidence", f"log e {evidence.log_e:.2f} of {evidence.log_limit:.2f}"
        yield (
            "effect",
            f"{effect.name} {effect.value:.4g}, tolerated {effect.tolerated:.4g}",
        )
        yield "arl", f"{evidence.arl_looks:.4g} looks between false alarms, at least"
        if told.since is not None:
            yield "since", f"row {told.since.row}, {rfc3339(told.since.time_s)}"
        if told.reference:
            yield "reference", told.reference
        if told.window:
            yield "window", told.window
    if alarm.owner:
        yield "owner", alarm.owner


def alertmanager_sink(options: SinkOptions) -> AlertmanagerSink:
    """Return the sink; ConfigError where the place is no address."""
    return AlertmanagerSink(options)
