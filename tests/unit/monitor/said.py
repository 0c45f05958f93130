"""What detectors say, made with few words."""

from __future__ import annotations

from runtime.monitor.alarm_book import Book
from runtime.monitor.alarms import Alarm, Policy
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

LIMIT, EPS = 10.0, 0.05
POLICY = Policy(calm_s=60.0, settle_s=120.0, blind_s=30.0, keep_resolved_s=1_000.0)
LATITUDE = Subject("housing", 3, Kind.INPUT, "Latitude", Aspect.DRIFT)
LABELS = Subject("housing", 3, Kind.MONITOR, "labels", Aspect.BLIND)


def verdict(
    time_s: float, log_e: float, effect: float = 0.4, subject: Subject = LATITUDE
) -> Verdict:
    """A verdict; 10 is the evidence's limit and 0.05 eps."""
    return Verdict(
        subject,
        time_s,
        Evidence(log_e, LIMIT, 2_592_000.0, int(time_s), 20 * int(time_s)),
        Effect("ks", effect, EPS),
        f"{subject.name} has moved, said at {time_s:g} s",
        Since(1_512, 40.0),
        "10,000 rows",
        "0123456789abcdef",
        {"rows": 10_000.0, "missing": 3.0},
    )


def blind(time_s: float, is_blind: bool = True) -> Blindness:
    return Blindness(LABELS, time_s, is_blind, "no label of housing/3 has come for a day")


def only(book: Book) -> Alarm:
    (alarm,) = book.alarms()
    return alarm


def other(name: str, model: str = "housing", version: int = 3) -> Subject:
    return Subject(model, version, Kind.INPUT, name, Aspect.DRIFT)
