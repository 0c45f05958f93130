"""Batches on their way to a sink that is slow, broken or hangs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from runtime.metrics.monitor import ToldSink
from runtime.monitor.alarm_book import Book, Change
from runtime.monitor.silences import Matcher
from runtime.monitor.sink_delivery import Deliveries, Delivery, Patience
from runtime.monitor.sinks import Batch, SinkError
from runtime.testing.sink_conformance import firing, resolved
from runtime.testing.waiting import wait_until
from tests.unit.monitor.said import POLICY, verdict

PATIENCE = Patience(first_s=0.001, longest_s=0.004, attempts=3, most_waiting=5, close_s=10)


class FakeSink:
    """Keeps batches; fails as often as it is told, and waits while it is held."""

    name = "fake"

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.errors: list[Exception] = []
        self.asked = 0
        self.is_closed = False
        self.open = threading.Event()
        self.open.set()

    def send(self, batch: Batch) -> None:
        self.asked += 1
        self.open.wait(30)
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append(batch)

    def close(self) -> None:
        self.is_closed = True

    @property
    def told(self) -> list[str]:
        return [c.alarm.subject.name for batch in self.batches for c in batch.changes]


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def delivery(sink: FakeSink) -> Iterator[Delivery]:
    delivery = Delivery(sink, PATIENCE)
    yield delivery
    sink.open.set()
    assert delivery.close()


def change(name: str = "x") -> Change:
    return Change(firing(name), None)


def one(name: str = "x", time_s: float = 0.0) -> Batch:
    alarm = firing(name)
    return Batch(time_s, (Change(alarm, None),), (alarm,))


def until_sent(sink: FakeSink, count: int) -> None:
    wait_until(lambda: len(sink.batches) == count, lambda: str(sink.batches))


def test_a_batch_is_told_and_counted(sink: FakeSink, delivery: Delivery) -> None:
    delivery.tell(one())
    until_sent(sink, 1)
    wait_until(lambda: delivery.counts.sent == 1, "counted")
    assert (sink.told, delivery.name) == (["x"], "fake")


def test_nothing_is_told_while_nothing_changes_until_it_is_due_again(
    sink: FakeSink, delivery: Delivery
) -> None:
    batch = one()
    delivery.tell(batch)
    until_sent(sink, 1)
    delivery.tell(replace(batch, time_s=59.0, changes=()))
    delivery.tell(replace(batch, time_s=60.0, changes=()))
    until_sent(sink, 2)
    assert sink.batches[1] == replace(batch, time_s=60.0, changes=())
    delivery.tell(replace(batch, time_s=119.0, changes=()))
    delivery.tell(Batch(119.0))  # It is silenced: what is active has changed.
    until_sent(sink, 3)
    assert sink.batches[2] == Batch(119.0)
    delivery.tell(Batch(1e9))
    delivery.close()
    assert len(sink.batches) == 3


def test_a_clock_that_goes_back_does_not_keep_what_is_active_from_being_told(
    sink: FakeSink, delivery: Delivery
) -> None:
    delivery.tell(one(time_s=1e6))
    until_sent(sink, 1)
    delivery.tell(replace(one(), time_s=5.0, changes=()))
    until_sent(sink, 2)


def test_a_sink_that_fails_is_tried_again_with_what_is_active_now(
    sink: FakeSink, delivery: Delivery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sink.errors = [SinkError("busy"), SinkError("busy")]
    sink.open.clear()
    delivery.tell(one())
    wait_until(lambda: sink.asked == 1, "asked")
    delivery.tell(Batch(1.0))
    sink.open.set()
    until_sent(sink, 2)
    assert (sink.told, sink.batches[0].active) == (["x"], ())
    wait_until(lambda: delivery.counts.failures == 2, "counted")
    wait_until(lambda: "fake takes alarms again" in caplog.text, "said")
    assert caplog.text.count("fake takes no alarms: busy") == 1


@pytest.mark.parametrize(
    ("errors", "asked"),
    [([SinkError("no", again=False)], 1), ([RuntimeError("a bug")], 1),
     ([SinkError("busy")] * 3, 3)],
)  # fmt: skip
def test_what_cannot_be_told_is_given_up_counted_and_logged(
    sink: FakeSink,
    delivery: Delivery,
    caplog: pytest.LogCaptureFixture,
    errors: list[Exception],
    asked: int,
) -> None:
    sink.errors = errors
    delivery.tell(one())
    wait_until(lambda: delivery.counts.given_up == 1, "given up")
    assert sink.asked == asked
    wait_until(lambda: "fake was not told 1 changes of alarms" in caplog.text, "said")
    delivery.tell(one("y", 1.0))
    until_sent(sink, 1)
    assert sink.told == ["y"]


def test_a_sink_that_hangs_holds_nobody_up_and_loses_the_eldest_changes(
    sink: FakeSink, delivery: Delivery
) -> None:
    sink.open.clear()
    delivery.tell(one("first"))
    wait_until(lambda: sink.asked == 1, "asked")
    for number in range(8):
        delivery.tell(one(f"x{number}", float(number)))
    assert delivery.counts.dropped == 3
    sink.open.set()
    until_sent(sink, 2)
    assert sink.told == ["first", "x3", "x4", "x5", "x6", "x7"]


def test_an_end_tells_what_waits_and_closes_the_sink(sink: FakeSink) -> None:
    delivery = Delivery(sink, PATIENCE)
    alarm = firing()
    delivery.tell(one())
    delivery.tell(Batch(1.0, (Change(resolved(alarm), alarm.state),)))
    assert delivery.close()
    assert (len(sink.told), sink.is_closed) == (2, True)
    assert delivery.close()


def test_an_end_does_not_wait_out_the_pauses_of_a_sink_that_fails(sink: FakeSink) -> None:
    delivery = Delivery(sink, replace(PATIENCE, first_s=3600.0, longest_s=3600.0))
    sink.errors = [SinkError("busy")] * 9
    delivery.tell(one())
    wait_until(lambda: delivery.counts.failures == 1, "failed")
    assert delivery.close()
    assert (delivery.counts.failures, delivery.counts.given_up) == (2, 1)


def test_an_end_gives_up_a_sink_that_hangs(sink: FakeSink) -> None:
    delivery = Delivery(sink, replace(PATIENCE, close_s=0.05))
    sink.open.clear()
    delivery.tell(one())
    assert not delivery.close()
    sink.open.set()
    wait_until(lambda: sink.is_closed, "closed")


def test_all_sinks_are_told_each_in_its_own_time() -> None:
    quick, slow = FakeSink(), FakeSink()
    slow.open.clear()
    slow.errors = [SinkError("no", again=False)]
    deliveries = Deliveries([quick, slow], PATIENCE)
    book = Book()
    deliveries.tell(book, book.take([verdict(0.0, 12.0)]), 0.0)
    until_sent(quick, 1)
    assert quick.told == ["Latitude"]
    slow.open.set()
    assert deliveries.close() == []
    assert deliveries.told == [ToldSink("fake", 1, 0, 0), ToldSink("fake", 0, 1, 1)]
    assert quick.is_closed
    assert slow.is_closed


def test_those_that_hang_are_named_at_the_end() -> None:
    sink = FakeSink()
    sink.open.clear()
    deliveries = Deliveries([sink], replace(PATIENCE, close_s=0.05))
    book = Book()
    deliveries.tell(book, book.take([verdict(0.0, 12.0)]), 0.0)
    assert deliveries.close() == ["fake"]
    sink.open.set()


def test_a_sink_that_cannot_be_closed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(FakeSink):
        def close(self) -> None:
            raise RuntimeError("stuck")

    assert Delivery(Stuck(), PATIENCE).close()
    assert "fake cannot be closed: stuck" in caplog.text


def changes_told(
    looks: list[tuple[float, float]], silence: Matcher, span: slice
) -> list[str]:
    """What a sink is told of looks, while the silence holds at some of them."""
    sink = FakeSink()
    deliveries, book = Deliveries([sink], PATIENCE), Book(POLICY)
    for place, (time_s, log_e) in enumerate(looks):
        if place == span.start:
            name = book.silence(silence, 1e9, "ana", 0.0, "").id
        if place == span.stop:
            book.unsilence(name)
        deliveries.tell(book, book.take([verdict(time_s, log_e)]), time_s)
    assert deliveries.close() == []
    return [c.alarm.state.value for batch in sink.batches for c in batch.changes]


LIFE = [(0.0, 12.0), (10.0, 1.0), (70.0, 1.0), (190.0, 1.0), (200.0, 1.0)]
MINE, OTHERS = Matcher(name="Lat*"), Matcher(name="b")


@pytest.mark.parametrize(
    ("silence", "span", "told"),
    [
        (OTHERS, slice(0, 4), ["firing", "cooling", "resolved"]),
        (MINE, slice(0, 9), []),
        (MINE, slice(0, 1), ["firing", "cooling", "resolved"]),
        (MINE, slice(0, 2), ["cooling", "resolved"]),
        (MINE, slice(1, 3), ["firing", "resolved"]),
        (MINE, slice(1, 9), ["firing", "resolved"]),
        (MINE, slice(0, 4), []),
    ],
)
def test_who_was_told_of_an_alarm_is_told_of_its_end(
    silence: Matcher, span: slice, told: list[str]
) -> None:
    assert changes_told(LIFE, silence, span) == told


def test_what_is_open_is_told_again_after_a_restart() -> None:
    book, sink = Book(POLICY), FakeSink()
    book.take([verdict(0.0, 12.0)])
    deliveries = Deliveries([sink], PATIENCE)
    for time_s in (1.0, 2.0):
        deliveries.tell(book, book.take([verdict(time_s, 12.0)]), time_s)
    assert deliveries.close() == []
    assert sink.told == ["Latitude"]
