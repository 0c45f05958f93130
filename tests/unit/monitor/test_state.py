"""What the monitor shows: to metrics, and over the wire and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.monitor.alarm_book import Book
from runtime.monitor.journal import Standing
from runtime.monitor.journal import State as JournalState
from runtime.monitor.labels import Outcome
from runtime.monitor.silences import Matcher
from runtime.monitor.state import VersionStatus, kept_journal, watched
from runtime.monitor.state_messages import (
    alarm_message,
    silence_message,
    version_from,
    version_message,
)
from tests.unit.monitor.said import POLICY, blind, verdict
from tests.unit.monitor.statuses import HOUSING, YOUNG, FakeState


@pytest.mark.parametrize("status", [HOUSING, YOUNG, VersionStatus("m", 1)])
def test_a_version_comes_over_the_wire_whole(status: VersionStatus) -> None:
    told = version_message(status, detailed=True)
    assert version_from(type(told).FromString(told.SerializeToString())) == status


def test_without_details_distributions_and_histories_stay() -> None:
    plain = version_from(version_message(HOUSING, detailed=False))
    wanted = (replace(each, bins=None, history=()) for each in HOUSING.subjects)
    assert plain == replace(HOUSING, subjects=tuple(wanted))


def test_an_alarm_is_told_with_what_is_behind_it() -> None:
    book = Book(POLICY)
    book.take([verdict(100.0, 12.0)])
    name = book.alarms()[0].id
    book.acknowledge(name, "ana", 5.0, "on it")
    alarm = book.comment(name, "bo", 6.0, "me too")
    silence = book.silence(Matcher("housing"), 900.0, "ana", 7.0, "why")
    told = alarm_message(alarm, silence)
    assert (told.id, told.state, told.silence, told.owner) == (name, "firing", "s1", "ana")
    assert (told.acknowledged.by, told.acknowledged.text) == ("ana", "on it")
    assert [(c.by, c.time_s, c.text) for c in told.comments] == [("bo", 6.0, "me too")]
    assert (told.evidence.log_e, told.evidence.arl_looks) == (12.0, 2_592_000.0)
    assert (told.effect.name, told.effect.tolerated, told.since.row) == ("ks", 0.05, 1_512)
    assert (told.window, told.reference) == ("10,000 rows", "0123456789abcdef")
    assert dict(told.counts) == {"rows": 10_000.0, "missing": 3.0}
    sent = silence_message(silence)
    assert (sent.matcher.model, sent.until_s, sent.author) == ("housing", 900.0, "ana")


def test_a_blindness_has_no_evidence() -> None:
    book = Book(POLICY)
    book.take([blind(0)])
    told = alarm_message(book.alarms()[0], None)
    assert not told.HasField("evidence")
    assert told.sentence == "no label of housing/3 has come for a day"


def test_metrics_show_subjects_and_alarms_by_aspect_and_state() -> None:
    state = FakeState()
    state.book.take([blind(0)])
    housing, spam = watched(state.versions(), state.book)
    assert (housing.model, housing.version, housing.coverage) == ("housing", "3", 0.97)
    assert {(s.name, s.evidence) for s in housing.subjects} == {
        ("MedInc", 0.05), ("Latitude", 1.2), ("RELP", 0.1)
    }  # fmt: skip
    assert housing.alarms == {
        ("drift", "pending"): 0, ("drift", "firing"): 1, ("drift", "cooling"): 0,
        ("drift", "resolved"): 0, ("blind", "pending"): 1, ("blind", "firing"): 0,
        ("blind", "cooling"): 0, ("blind", "resolved"): 0,
    }  # fmt: skip
    assert spam.alarms == {}


def test_alarms_about_versions_that_are_gone_are_counted() -> None:
    state = FakeState(YOUNG)
    spam, housing = watched(state.versions(), state.book)
    assert (spam.model, housing.model) == ("spam", "housing")
    assert housing.alarms["drift", "firing"] == 1
    assert housing.subjects == ()


def test_the_journal_s_standing_becomes_metrics() -> None:
    standing = Standing(
        JournalState.FULL, written=9, lost=2, unnamed=3, unsampled=4, dropped=5, trimmed=6,
        unlabelled=1, rows=7, nbytes=8, oldest_s=9.0, outcomes={Outcome.UNKNOWN: 2},
    )  # fmt: skip
    kept = kept_journal(standing)
    assert (kept.is_open, kept.rows, kept.nbytes, kept.oldest_s) == (False, 7, 8, 9.0)
    assert kept.predictions == {
        "written": 9, "repeated": 0, "without_id": 3, "unsampled": 4, "dropped": 5,
        "lost": 2, "trimmed": 5, "trimmed_unlabelled": 1,
    }  # fmt: skip
    assert kept.labels == {"unknown": 2}
    assert kept_journal(Standing(JournalState.OPEN)).is_open
