"""What Alertmanager is posted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime.monitor.alarm_book import Change
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import Aspect
from runtime.monitor.sink_alertmanager import (
    MOST_AT_ONCE,
    NAMES,
    AlertmanagerSink,
)
from runtime.monitor.sink_delivery import Patience
from runtime.monitor.sinks import Batch, SinkOptions
from runtime.testing.sink_conformance import firing, resolved
from tests.unit.monitor.receiver import Receiver

ALARM = firing()
T = ALARM.fired_s


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def sink(receiver: Receiver) -> AlertmanagerSink:
    return AlertmanagerSink(SinkOptions(receiver.url, server="east-1", link="https://l/"))


def test_an_alert_has_labels_that_stay_and_annotations_that_tell(
    receiver: Receiver, sink: AlertmanagerSink
) -> None:
    sink.send(Batch(T, (Change(ALARM, None),), (ALARM,)))
    ((alert,),) = receiver.values
    assert receiver.paths == ["/api/v2/alerts"]
    assert alert["labels"] == {
        "alertname": "LeeboardDrift", "severity": "warning", "model": "housing",
        "version": "3", "kind": "input", "name": "Latitude", "instance": "east-1",
    }  # fmt: skip
    assert alert["annotations"] == {
        "summary": ALARM.sentence, "alarm": ALARM.id, "evidence": "log e 14.00 of 11.50",
        "effect": "ks 0.4, tolerated 0.05",
        "arl": "1e+05 looks between false alarms, at least",
        "since": "row 1512, 2023-11-14T22:12:20.000+00:00", "reference": "digest",
        "window": "1,600 rows",
    }  # fmt: skip
    assert alert["startsAt"] == "2023-11-14T22:13:20.000+00:00"
    assert alert["endsAt"] == "2023-11-14T22:18:20.000+00:00"
    assert alert["generatorURL"] == "https://l/"


def test_what_is_active_is_posted_again_with_a_later_end(
    receiver: Receiver, sink: AlertmanagerSink
) -> None:
    for pause_s in (0, Patience().resend_s):
        sink.send(Batch(T + pause_s, (), (ALARM,)))
    first, second = (values[0] for values in receiver.values)
    assert first["labels"] == second["labels"]
    assert first["startsAt"] == second["startsAt"]
    assert second["endsAt"] > first["endsAt"]


def test_what_is_over_is_posted_with_its_end(
    receiver: Receiver, sink: AlertmanagerSink
) -> None:
    over = resolved(ALARM)
    sink.send(Batch(T + 700, (Change(over, State.COOLING),)))
    ((alert,),) = receiver.values
    assert alert["endsAt"] == "2023-11-14T22:23:20.000+00:00"
    assert alert["annotations"]["summary"] == ALARM.sentence


def test_what_was_over_and_fires_again_is_not_posted_as_over(
    receiver: Receiver, sink: AlertmanagerSink
) -> None:
    sink.send(Batch(T, (Change(resolved(ALARM), State.COOLING),), (ALARM,)))
    ((alert,),) = receiver.values
    assert alert["endsAt"] == "2023-11-14T22:18:20.000+00:00"


def test_many_are_posted_in_parts(receiver: Receiver, sink: AlertmanagerSink) -> None:
    alarms = tuple(firing(f"x[{i}]") for i in range(MOST_AT_ONCE + 1))
    sink.send(Batch(T, (), alarms))
    assert [len(values) for values in receiver.values] == [MOST_AT_ONCE, 1]


def test_every_aspect_has_a_name() -> None:
    assert set(NAMES) == set(Aspect)
    assert len(set(NAMES.values())) == len(Aspect)
