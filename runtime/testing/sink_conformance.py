"""Checks that any alarm sink keeps the contract of `runtime.monitor.sinks.Sink`.

    check_sink(lambda: MySink(...))

runs everything and raises ConformanceError with a sentence for the first broken promise.
The function makes a new sink each time, over something that takes what is sent. To see each
promise as a test of its own, parametrize over `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable

from runtime.monitor.alarm_book import Change
from runtime.monitor.alarms import Alarm, Policy, judge, rebase
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import (
    Aspect,
    Blindness,
    Effect,
    Evidence,
    Kind,
    Since,
    Subject,
    Verdict,
)
from runtime.monitor.sinks import Batch, Sink, SinkError
from runtime.testing.asking import ConformanceError, demand

__all__ = ["CHECKS", "ConformanceError", "MakeSink", "check_sink", "firing", "resolved"]

MakeSink = Callable[[], Sink]
TIME_S = 1_700_000_000.0
MANY = 1_000
ODD = 'x"\\\n\x1b[31m<b>{{$}}\u202e\ud800\N{GRINNING FACE}' + "y" * 3_000


def firing(
    name: str = "Latitude", aspect: Aspect = Aspect.DRIFT, value: float = 0.4
) -> Alarm:
    """Return an alarm that fires, about version 3 of the model housing."""
    subject = Subject("housing", 3, Kind.INPUT, name, aspect)
    words = f"{name} of housing/3 has moved away from its reference since about row 1,512."
    made = judge(
        Policy(blind_s=0.0),
        None,
        Blindness(subject, TIME_S, True, words)
        if aspect is Aspect.BLIND
        else Verdict(
            subject, TIME_S, Evidence(14.0, 11.5, 1e5, 80, 1_600),
            Effect("ks", value, 0.05), words, Since(1_512, TIME_S - 60), "1,600 rows",
            "digest", {"rows": 1_600.0},
        ),
    )  # fmt: skip
    assert made is not None
    return made


def resolved(alarm: Alarm) -> Alarm:
    """Return an alarm ten minutes later, when it is over."""
    return rebase(alarm, alarm.changed_s + 600.0, "version 4 was promoted")


def refuses(sink: Sink, batch: Batch) -> bool:
    """Tell whether a batch is refused as it should be, by SinkError."""
    try:
        sink.send(batch)
    except SinkError:
        return True
    return False


def check_name(make: MakeSink) -> None:
    """The name is one line, and the same for two sinks made alike."""
    first, second = make(), make()
    demand(bool(first.name) and first.name.isprintable(), f"{first.name!r} is no line")
    demand(first.name == second.name, "two sinks made alike have two names")
    first.close()
    second.close()


def check_nothing(make: MakeSink) -> None:
    """A batch with nothing in it is taken."""
    sink = make()
    sink.send(Batch(TIME_S))
    sink.close()


def check_life(make: MakeSink) -> None:
    """An alarm is taken as it fires, while it is active, and as it is over."""
    sink = make()
    for aspect in Aspect:
        alarm = firing(aspect=aspect)
        sink.send(Batch(TIME_S, (Change(alarm, None),), (alarm,)))
        sink.send(Batch(TIME_S + 60, (), (alarm,)))
        sink.send(Batch(TIME_S + 600, (Change(resolved(alarm), State.FIRING),)))
    sink.close()


def check_twice(make: MakeSink) -> None:
    """The same batch may come once more: nobody knows whether it was taken."""
    sink = make()
    alarm = firing()
    for _ in range(2):
        sink.send(Batch(TIME_S, (Change(alarm, State.PENDING),), (alarm,)))
    sink.close()


def check_odd_words(make: MakeSink) -> None:
    """Names with quotes, escapes and half characters, and numbers that are none, pass."""
    sink = make()
    for value in (float("nan"), float("inf")):
        alarm = firing(ODD, value=value)
        sink.send(Batch(TIME_S, (Change(alarm, None),), (alarm,)))
    sink.close()


def check_many(make: MakeSink) -> None:
    """A thousand changes at once are taken."""
    sink = make()
    alarms = tuple(firing(f"x[{i}]") for i in range(MANY))
    sink.send(Batch(TIME_S, tuple(Change(a, None) for a in alarms), alarms))
    sink.close()


def check_close(make: MakeSink) -> None:
    """Closing twice does no harm; what is sent afterwards is refused by SinkError."""
    sink = make()
    sink.close()
    sink.close()
    demand(refuses(sink, Batch(TIME_S, (Change(firing(), None),))), "it sends when closed")


CHECKS: tuple[Callable[[MakeSink], None], ...] = (
    check_name,
    check_nothing,
    check_life,
    check_twice,
    check_odd_words,
    check_many,
    check_close,
)


def check_sink(make: MakeSink) -> None:
    """Run every check; raises ConformanceError, or what a sink should not have raised."""
    for check in CHECKS:
        check(make)
