"""Alarms in the log."""

from __future__ import annotations

import logging

import pytest

from runtime.monitor.alarm_book import Book
from runtime.monitor.sink_log import LogSink
from runtime.monitor.sinks import batch_of
from tests.unit.monitor.said import POLICY, other, verdict

STRONG, WEAK = 12.0, 1.0


def test_each_change_is_one_line_with_its_sentence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    book, sink = Book(POLICY), LogSink()
    looks = [(0, STRONG), (10, WEAK), (70, WEAK), (80, STRONG), (90, WEAK), (150, WEAK),
             (270, WEAK)]  # fmt: skip
    for time_s, log_e in looks:
        changes = book.take([verdict(time_s, log_e)])
        sink.send(batch_of(book, changes, time_s))
    words = [record.getMessage().partition(": ")[0] for record in caplog.records]
    assert words == [
        "alarm 822eaaae2855 fires",
        "alarm 822eaaae2855 is cooling",
        "alarm 822eaaae2855 fires again (1 times while it was cooling)",
        "alarm 822eaaae2855 is cooling",
        "alarm 822eaaae2855 is over (all was calm for the stated time)",
    ]
    assert caplog.records[0].getMessage().endswith(": Latitude has moved, said at 0 s")
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "WARNING", "INFO", "INFO"]
    first = vars(caplog.records[0])
    assert (first["event"], first["model"], first["version"]) == (
        "alarm_firing", "housing", "3"
    )  # fmt: skip


def test_names_of_others_cannot_end_a_line(caplog: pytest.LogCaptureFixture) -> None:
    book = Book(POLICY)
    changes = book.take([verdict(0, STRONG, subject=other("a\nb\x1b[31m"))])
    LogSink().send(batch_of(book, changes, 0.0))
    (record,) = caplog.records
    assert record.getMessage().isprintable()
