"""Alarms of a server: what looks and people do to them, bounds, and promotions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.errors import ConfigError, ModelError
from runtime.monitor.alarm_book import LONGEST_TEXT, Book, Change, Looked, UnknownAlarm
from runtime.monitor.alarms import MOST_COMMENTS, Comment, Said
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import Kind, VersionPromoted
from runtime.monitor.silences import MOST_SILENCES, Matcher
from tests.unit.monitor.said import LABELS, LATITUDE, POLICY, blind, only, other, verdict

PENDING, FIRING, COOLING, RESOLVED = State
STRONG, GROWING, WEAK = 12.0, 7.0, 1.0


class Saves:
    """Counts how often a book wants to be saved."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def saves() -> Saves:
    return Saves()


@pytest.fixture
def book(saves: Saves) -> Book:
    return Book(POLICY, on_news=saves)


def fired(book: Book) -> str:
    book.take([verdict(0, STRONG)])
    return only(book).id


def test_changes_of_state_are_returned_with_where_they_came_from(book: Book) -> None:
    (first,) = book.take([verdict(0, GROWING)])
    assert (first.alarm.state, first.before) == (PENDING, None)
    (second,) = book.take([verdict(1, STRONG)])
    assert (second.alarm.state, second.before) == (FIRING, PENDING)
    assert book.take([verdict(2, STRONG)]) == []


def test_one_look_may_speak_of_many_subjects(book: Book) -> None:
    said: list[Said] = [verdict(0, STRONG), blind(0), verdict(0, WEAK, subject=other("a"))]
    changes = book.take(said)
    assert [(c.alarm.subject, c.alarm.state) for c in changes] == [
        (LATITUDE, FIRING), (LABELS, PENDING)
    ]  # fmt: skip


def test_only_what_must_survive_is_saved_and_once_a_look(book: Book, saves: Saves) -> None:
    book.take([verdict(0, WEAK)])
    assert saves.count == 0
    book.take([verdict(1, STRONG), blind(1)])
    assert saves.count == 1
    book.take([verdict(2, STRONG + 1)])
    assert saves.count == 1
    book.take([verdict(3, WEAK)])  # The time of calm begins.
    assert saves.count == 2


def test_open_alarms_come_first_and_then_the_latest(book: Book) -> None:
    book.take([verdict(0, STRONG, subject=other("b"))])
    book.take([verdict(5, GROWING, subject=other("c"))])
    book.take([verdict(1, STRONG, subject=other("a", "spam"))])
    assert [a.subject.name for a in book.alarms()] == ["a", "b", "c"]
    assert [a.subject.name for a in book.alarms("spam")] == ["a"]


def looked(time_s: float, version: int = 3, kind: Kind = Kind.INPUT) -> list[Looked]:
    return [Looked("housing", version, frozenset({kind}), time_s)]


def test_who_is_looked_at_and_not_spoken_of_is_calm(book: Book, saves: Saves) -> None:
    fired(book)
    states = []
    for time_s in (10, 69, 70, 189, 190):
        book.take([], looked(time_s))
        states.append(only(book).state)
    assert states == [FIRING, FIRING, COOLING, COOLING, RESOLVED]
    assert (only(book).resolved_s, only(book).last) == (190.0, verdict(0, STRONG))
    assert saves.count == 4  # It fired, grew calm, cooled, and was over.
    assert book.take([], looked(1_000)) == []


def test_a_suspicion_that_is_not_spoken_of_again_is_none(book: Book) -> None:
    book.take([verdict(0, GROWING)])
    assert book.take([], looked(1)) == []
    assert book.alarms() == []


def test_who_is_spoken_of_is_as_loud_as_was_said(book: Book) -> None:
    fired(book)
    for time_s in (10, 100, 200):
        book.take([verdict(time_s, STRONG)], looked(time_s))
    assert (only(book).state, only(book).calm_since_s) == (FIRING, None)


@pytest.mark.parametrize(
    "other_look", [looked(1e4, version=4), looked(1e4, kind=Kind.QUALITY)]
)
def test_looks_at_others_say_nothing(book: Book, other_look: list[Looked]) -> None:
    fired(book)
    assert book.take([], other_look) == []
    assert only(book).calm_since_s is None


def test_a_promotion_ends_what_is_open_about_other_versions(book: Book) -> None:
    book.take([verdict(0, STRONG), verdict(0, STRONG, subject=other("x", version=4))])
    book.take([verdict(0, STRONG, subject=other("x", "spam")), blind(0)])
    changes = book.promote(VersionPromoted("housing", 4, 10.0))
    assert {(c.alarm.subject, c.before) for c in changes} == {
        (LATITUDE, FIRING), (LABELS, PENDING)
    }  # fmt: skip
    old = book.pages.alarms[LATITUDE]
    assert (old.state, old.reason) == (RESOLVED, "version 4 of housing was promoted")
    assert book.pages.alarms[other("x", version=4)].state is FIRING
    assert book.pages.alarms[other("x", "spam")].state is FIRING
    assert LABELS not in book.pages.alarms


def test_what_was_said_of_an_older_version_before_a_promotion_comes_too_late(
    book: Book,
) -> None:
    book.promote(VersionPromoted("housing", 4, 10.0))
    assert book.take([verdict(10, STRONG)]) == []
    (late,) = book.take([verdict(11, STRONG)])  # A canary, or a client that pins it.
    assert late.alarm.state is FIRING
    (own,) = book.take([verdict(5, STRONG, subject=other("x", version=4))])
    assert own.alarm.state is FIRING


def test_only_a_promotion_or_an_unload_rebases(book: Book) -> None:
    fired(book)
    assert book.forget("housing", 4, 5.0) == []
    assert book.forget("spam", 3, 5.0) == []
    (change,) = book.forget("housing", 3, 5.0)
    assert change.alarm.reason == "version 3 of housing is not loaded any more"


def test_an_alarm_that_is_acknowledged_has_an_owner(book: Book, saves: Saves) -> None:
    alarm = book.acknowledge(fired(book), "ana", 3.0, "looking")
    assert (alarm.owner, alarm.acknowledged) == ("ana", Comment("ana", 3.0, "looking"))
    assert saves.count == 2
    assert only(book) == alarm


def test_a_new_episode_is_acknowledged_by_nobody_and_keeps_its_owner(book: Book) -> None:
    book.acknowledge(fired(book), "ana", 3.0)
    book.take([verdict(10, WEAK)])
    book.take([verdict(70, WEAK)])
    book.take([verdict(80, STRONG)])
    assert only(book).acknowledged is not None
    for time_s in (90, 150, 270):
        book.take([verdict(time_s, WEAK)])
    book.take([verdict(300, STRONG)])
    alarm = only(book)
    assert (alarm.episodes, alarm.owner, alarm.acknowledged) == (2, "ana", None)


def test_what_is_over_needs_no_acknowledgement(book: Book) -> None:
    name = fired(book)
    book.forget("housing", 3, 5.0)
    with pytest.raises(ModelError, match=f"the alarm {name} .* is resolved; there is "):
        book.acknowledge(name, "ana", 6.0)


def test_comments_are_bounded_in_number_and_length(book: Book) -> None:
    name = fired(book)
    for number in range(MOST_COMMENTS + 2):
        book.comment(name, "ana", float(number), f"word {number}")
    comments = only(book).comments
    assert (len(comments), comments[0].text) == (MOST_COMMENTS, "word 2")
    with pytest.raises(ConfigError, match=f"2001 characters are too many; {LONGEST_TEXT}"):
        book.comment(name, "ana", 1.0, "x" * (LONGEST_TEXT + 1))
    with pytest.raises(ConfigError, match="needs words"):
        book.comment(name, "ana", 1.0, " \n")


def test_unknown_names_are_refused(book: Book) -> None:
    with pytest.raises(
        UnknownAlarm, match="no alarm is called 'x'; `leeboard alarms list`"
    ):
        book.alarm("x")
    with pytest.raises(UnknownAlarm, match="no silence is called 's1'; it may have ended"):
        book.unsilence("s1")


def test_a_silence_holds_until_its_end_and_changes_nothing_else(book: Book) -> None:
    silence = book.silence(Matcher("housing"), 100.0, "ana", 0.0, "known")
    assert (silence.id, silence.author) == ("s1", "ana")
    fired(book)
    assert only(book).state is FIRING
    assert book.silence_of(LATITUDE, 99.0) == silence
    assert book.silence_of(LATITUDE, 100.0) is None
    assert book.silence_of(other("x", "spam"), 99.0) is None
    assert book.unsilence("s1") == silence
    assert book.silence_of(LATITUDE, 99.0) is None


def test_no_two_silences_have_one_name(book: Book) -> None:
    book.silence(Matcher("a"), 9.0, "ana", 0.0, "")
    book.unsilence("s1")
    assert book.silence(Matcher("a"), 9.0, "ana", 0.0, "").id == "s2"


def test_a_silence_that_would_be_over_or_too_many_is_refused(book: Book) -> None:
    for until_s in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="must end later than now"):
            book.silence(Matcher("a"), until_s, "ana", 0.0, "")
    for _ in range(MOST_SILENCES):
        book.silence(Matcher("a"), 9.0, "ana", 0.0, "")
    with pytest.raises(ConfigError, match=f"{MOST_SILENCES} silences already"):
        book.silence(Matcher("a"), 9.0, "ana", 0.0, "")


def test_pruning_forgets_what_has_long_been_over(book: Book, saves: Saves) -> None:
    fired(book)
    book.take([verdict(0, STRONG, subject=other("x", "spam"))])
    book.forget("housing", 3, 10.0)
    book.silence(Matcher("a"), 50.0, "ana", 0.0, "")
    count = saves.count
    book.prune(10.0 + POLICY.keep_resolved_s)
    assert len(book.alarms()) == 2
    assert not book.pages.silences
    book.prune(11.0 + POLICY.keep_resolved_s)
    assert only(book).subject.model == "spam"
    assert saves.count == count + 2
    book.prune(11.0 + POLICY.keep_resolved_s)
    assert saves.count == count + 2


def test_where_there_are_too_many_what_is_over_goes_first_and_nothing_that_fires(
    saves: Saves,
) -> None:
    book = Book(replace(POLICY, most=2), on_news=saves)
    book.take([verdict(0, STRONG, subject=other("over", "gone"))])
    book.forget("gone", 3, 1.0)
    book.take([verdict(2, GROWING, subject=other("maybe"))])
    book.take([verdict(3, WEAK, subject=other("calm"))])
    assert len(book.alarms()) == 2
    book.take([verdict(3, STRONG, subject=other("a"))])
    assert {a.subject.name for a in book.alarms()} == {"maybe", "a"}
    book.take([verdict(4, STRONG, subject=other("b"))])
    assert {a.subject.name for a in book.alarms()} == {"a", "b"}
    assert book.pages.dropped == 0
    assert book.take([verdict(5, STRONG, subject=other("c"))]) == []
    assert {a.subject.name for a in book.alarms()} == {"a", "b"}
    assert book.pages.dropped == 1
    (change,) = book.take([verdict(90, WEAK, subject=other("a")),
                           verdict(150, WEAK, subject=other("a"))])  # fmt: skip
    assert change == Change(book.alarm(change.alarm.id), FIRING)
