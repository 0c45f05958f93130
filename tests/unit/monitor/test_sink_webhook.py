"""What a webhook is sent, how it is signed, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from runtime.monitor.alarm_book import Change
from runtime.monitor.lifecycle import State
from runtime.monitor.sink_webhook import (
    DELIVERY,
    SIGNATURE,
    WebhookSink,
    is_signed,
    signature,
)
from runtime.monitor.sinks import Batch, SinkError, SinkOptions
from runtime.testing.sink_conformance import firing
from tests.unit.monitor.receiver import Receiver

SECRET = b"0123456789abcdef"
ALARM = firing()
BATCH = Batch(ALARM.changed_s, (Change(ALARM, State.PENDING),), (ALARM,))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


PLAIN = SinkOptions()


def sink(receiver: Receiver, options: SinkOptions = PLAIN) -> WebhookSink:
    place = f"{receiver.url}/hook"
    return WebhookSink(replace(options, place=place), lambda: 1_700_000_000.9)


def test_a_change_comes_with_all_that_makes_its_word_reproducible(
    receiver: Receiver,
) -> None:
    sink(receiver, SinkOptions(server="east-1", link="https://l")).send(BATCH)
    (values,) = receiver.values
    (alarm,) = values.pop("alarms")
    assert values == {"format": 1, "server": "east-1", "link": "https://l"}
    verdict = alarm.pop("verdict")
    assert verdict.pop("counts") == {"rows": 1_600.0}
    assert verdict == {
        "time_s": 1_700_000_000.0, "log_e": 14.0, "log_limit": 11.5, "arl_looks": 1e5,
        "looks": 80, "rows": 1_600, "effect": "ks", "value": 0.4, "eps": 0.05,
        "since_row": 1_512, "since_s": 1_699_999_940.0, "window": "1,600 rows",
        "reference": "digest",
    }  # fmt: skip
    assert alarm["sentence"].startswith("Latitude of housing/3 has moved")
    assert (alarm["state"], alarm["before"], alarm["id"]) == ("firing", "pending", ALARM.id)
    assert receiver.paths == ["/hook"]
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert SIGNATURE not in receiver.headers[0]


def test_what_only_stays_active_is_not_sent(receiver: Receiver) -> None:
    sink(receiver).send(Batch(1.0, (), (ALARM,)))
    assert receiver.bodies == []


def test_a_message_is_signed_with_its_time(receiver: Receiver) -> None:
    sink(receiver, SinkOptions(secret=SECRET)).send(BATCH)
    header, body = receiver.headers[0][SIGNATURE], receiver.bodies[0]
    assert header.startswith("t=1700000000,v1=")
    assert is_signed(SECRET, header, body)


def test_another_secret_body_or_time_is_no_signature() -> None:
    header = signature(SECRET, 5, b"{}")
    assert is_signed(SECRET, header, b"{}")
    assert not is_signed(SECRET[::-1], header, b"{}")
    assert not is_signed(SECRET, header, b"{ }")
    assert not is_signed(SECRET, header.replace("t=5", "t=6"), b"{}")
    for odd in ("", "t=,v1=", "v1=aa", "t=5", "t=5,v1=é", "t=-5,v1=aa", header + ",x=1"):
        assert not is_signed(SECRET, odd, b"{}")


def test_a_message_that_is_sent_once_more_has_the_same_delivery(receiver: Receiver) -> None:
    for _ in range(2):
        sink(receiver).send(BATCH)
    first, second = (headers[DELIVERY] for headers in receiver.headers)
    assert first == second


@pytest.mark.parametrize(
    ("code", "again"),
    [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False),
     (401, False), (302, False), (307, False)],
)  # fmt: skip
def test_answers_say_whether_to_try_again(code: int, again: bool) -> None:
    with Receiver(code) as receiver, pytest.raises(SinkError) as caught:
        sink(receiver).send(BATCH)
    assert caught.value.again is again
    assert f"/hook answered {code}" in str(caught.value)
    assert len(receiver.bodies) == 1  # Nobody was followed elsewhere.


def test_who_is_not_there_may_come_back() -> None:
    with Receiver() as receiver:
        gone = sink(receiver)
    with pytest.raises(SinkError, match="cannot be reached") as caught:
        gone.send(BATCH)
    assert caught.value.again


def test_who_does_not_answer_is_left_after_the_time_limit(receiver: Receiver) -> None:
    receiver.open.clear()
    with pytest.raises(SinkError, match=r"cannot be reached: .*timed out"):
        sink(receiver, SinkOptions(timeout_s=0.05)).send(BATCH)


def test_numbers_that_json_does_not_have_are_null(receiver: Receiver) -> None:
    odd = firing(value=float("nan"))
    sink(receiver).send(Batch(0.0, (Change(odd, None),)))
    verdict = json.loads(receiver.bodies[0])["alarms"][0]["verdict"]
    assert verdict["value"] is None
