"""A monitor's state with knobs, and versions as it would show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runtime.monitor.alarm_book import Book
from runtime.monitor.signals import Aspect, Effect, Evidence, Kind, Since
from runtime.monitor.state import (
    Bins,
    Point,
    ReferenceStatus,
    SubjectStatus,
    VersionStatus,
    WindowStatus,
)
from tests.unit.monitor.said import LATITUDE, POLICY, verdict

T = 1_700_000_000.0
BINS = Bins((33.9, 34.1, 35.0), (), (0.25, 0.25, 0.25, 0.25), (0.05, 0.1, 0.05, 0.8))
HISTORY = tuple(Point(T - 60.0 * n, (20 - n) / 15, 0.4 - n / 50) for n in range(20, -1, -1))


def subject(name: str = "Latitude", log_e: float = 12.0) -> SubjectStatus:
    return SubjectStatus(
        Kind.INPUT, name, Aspect.DRIFT, Evidence(log_e, 10.0, 2_592_000.0, 80, 1_600),
        Effect("ks", 0.55, 0.05), 1.1, 0.0186, 0.55, 1_600, 3, Since(1_512, T - 90),
        f"{name} has moved", BINS, HISTORY,
    )  # fmt: skip


CALM = replace(
    subject("MedInc", 0.5), effect=Effect("ks", 0.01, 0.05), psi=0.001, since=None,
    sentence="",
)  # fmt: skip
RELP = replace(
    subject("RELP", 1.0), aspect=Aspect.UNSEEN, psi=None, psi_limit=None, ks=None,
    bins=Bins((), ("owner", "a <b>$x^2$"), (0.9, 0.1), (0.5, 0.5)), history=(),
)  # fmt: skip
HOUSING = VersionStatus(
    "housing", 3, 3_100, 0.97, 155, T,
    ReferenceStatus("0123456789abcdef", "manifest", 5_832),
    WindowStatus(1_600, T - 300, T), (CALM, subject(), RELP), "",
)  # fmt: skip
YOUNG = VersionStatus("spam", 1, 10, note="1,000 more rows make the reference")


class FakeState:
    """A monitor of `shown` versions, with one alarm that fires."""

    def __init__(self, *shown: VersionStatus) -> None:
        self.shown = shown or (HOUSING, YOUNG)
        self.book = Book(POLICY)
        self.book.take([verdict(T, 12.0)])
        self.alarm = self.book.pages.alarms[LATITUDE]

    def versions(self, model: str = "") -> Sequence[VersionStatus]:
        return [each for each in self.shown if model in ("", each.model)]
