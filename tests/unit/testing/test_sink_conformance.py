"""Our sinks keep the contract, and sinks that do not are found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from runtime.monitor.sink_alertmanager import AlertmanagerSink
from runtime.monitor.sink_log import LogSink
from runtime.monitor.sink_webhook import WebhookSink
from runtime.monitor.sinks import Batch, Sink, SinkError, SinkOptions
from runtime.testing.sink_conformance import CHECKS, ConformanceError, MakeSink, check_sink
from tests.unit.monitor.receiver import Receiver

MADE: dict[str, Callable[[SinkOptions], Sink]] = {
    "log": lambda options: LogSink(),
    "webhook": WebhookSink,
    "alertmanager": AlertmanagerSink,
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", MADE)
def test_our_sinks_keep_the_contract(
    receiver: Receiver, kind: str, check: Callable[[MakeSink], None]
) -> None:
    options = SinkOptions(receiver.url, b"0123456789abcdef", "here")
    check(lambda: MADE[kind](options))


class Good:
    """Keeps the contract."""

    name = "good"

    def __init__(self) -> None:
        self.is_closed = False

    def send(self, batch: Batch) -> None:
        if self.is_closed:
            raise SinkError("closed", again=False)

    def close(self) -> None:
        self.is_closed = True


class Nameless(Good):
    name = "two\nlines"


class Deaf(Good):
    """Sends after its end."""

    def close(self) -> None:
        pass


class Fragile(Good):
    """Cannot encode half a character."""

    def send(self, batch: Batch) -> None:
        super().send(batch)
        for change in batch.changes:
            change.alarm.subject.name.encode()


class Small(Good):
    """Takes ten changes."""

    def send(self, batch: Batch) -> None:
        super().send(batch)
        if len(batch.changes) > 10:
            raise SinkError("too many")


class Once(Good):
    """Cannot be closed twice."""

    def close(self) -> None:
        assert not self.is_closed
        super().close()


def test_a_sink_that_keeps_the_contract_passes() -> None:
    check_sink(Good)


@pytest.mark.parametrize(
    ("broken", "error"),
    [(Nameless, ConformanceError), (Deaf, ConformanceError), (Fragile, UnicodeEncodeError),
     (Small, SinkError), (Once, AssertionError)],
)  # fmt: skip
def test_a_broken_promise_is_found(broken: type[Good], error: type[Exception]) -> None:
    with pytest.raises(error):
        check_sink(broken)
