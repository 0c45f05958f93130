"""Alarms on disk: found again exactly; damage and full disks are told."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.monitor.alarm_book import Book, Looked
from runtime.monitor.alarm_file import AlarmFile, decode, encode
from runtime.monitor.alarms import Policy
from runtime.monitor.signals import Evidence, Since, VersionPromoted
from runtime.monitor.silences import Matcher
from runtime.monitor.sink_values import alarm_values
from runtime.monitor.state_messages import alarm_message
from tests.unit.monitor.said import POLICY, blind, only, other, verdict

STRONG, GROWING, WEAK = 12.0, 7.0, 1.0


def lived(book: Book) -> Book:
    """A book with an alarm in each state, and all that people do."""
    book.take([verdict(0, STRONG), blind(0), verdict(0, STRONG, subject=other("b"))])
    book.take([verdict(5, STRONG, float("inf"), subject=other("c", "spam", 9))])
    book.take(
        [verdict(6, float("nan")), blind(30), verdict(6, GROWING, subject=other("d"))]
    )
    book.take(
        [verdict(10, WEAK, subject=other("b")), verdict(70, WEAK, subject=other("b"))]
    )
    book.acknowledge(book.alarms("spam")[0].id, "ana \ud800 \u202e", 8.0, "on it")
    book.comment(book.alarms("spam")[0].id, "bo", 9.0, 'a "word"\n')
    book.silence(Matcher("sp*", 9, name="x[3]"), 1e9, "ana", 0.0, "until we know")
    book.promote(VersionPromoted("spam", 10, 50.0))
    return book


@contextmanager
def opened(path: Path, policy: Policy | None = POLICY) -> Iterator[Book]:
    """A book that is on the disk by the end."""
    file = AlarmFile(path)
    yield file.open(policy)
    assert file.close()


def test_a_restart_finds_everything_exactly_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    with opened(path) as book:
        before = lived(book)
    states = {alarm.state.value for alarm in before.alarms()}
    assert states == {"pending", "firing", "cooling", "resolved"}
    after = AlarmFile(path).open(POLICY)
    assert after.alarms() == before.alarms() or repr(after.alarms()) == repr(
        before.alarms()
    )
    assert after.pages.silences == before.pages.silences
    assert after.pages.promoted == before.pages.promoted
    for alarm in before.alarms():
        assert repr(after.alarm(alarm.id)) == repr(alarm)
    assert after.silence(Matcher(), 1.0, "bo", 0.0, "").id == "s2"


def test_a_restart_in_the_middle_changes_no_decision(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    looks = [(0, STRONG), (10, WEAK), (60, WEAK), (70, WEAK), (80, STRONG), (90, WEAK)]
    looks += [(150, WEAK), (269, WEAK), (270, WEAK), (300, GROWING), (310, STRONG)]
    whole = Book(POLICY)
    for time_s, log_e in looks:
        whole.take([verdict(time_s, log_e)])
        with opened(path) as book:
            book.take([verdict(time_s, log_e)])
        kept = only(AlarmFile(path).open(POLICY))
        sure = only(whole)
        assert (kept.state, kept.calm_since_s, kept.refires, kept.episodes) == (
            sure.state, sure.calm_since_s, sure.refires, sure.episodes
        )  # fmt: skip


def test_an_end_saves_the_last_numbers_too(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    file = AlarmFile(path)
    book = file.open(POLICY)
    book.take([verdict(0, STRONG)])
    book.take([verdict(9, STRONG)])
    file.save(book)
    assert file.close()
    assert only(AlarmFile(path).open(POLICY)).last == verdict(9, STRONG)


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "alarms.json"
    with opened(path) as book:
        book.take([verdict(0, STRONG)])
    assert path.stat().st_mode & 0o077 == 0


def cut(content: bytes) -> bytes:
    return content[:-20]


def flipped(content: bytes) -> bytes:
    return content.replace(b"Latitude", b"Longitud")


def of_the_future(content: bytes) -> bytes:
    return content.replace(b'"format": 1', b'"format": 2')


def without_a_head(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def empty(content: bytes) -> bytes:
    return b""


def binary(content: bytes) -> bytes:
    return bytes(range(256))


@pytest.mark.parametrize(
    "damage", [cut, flipped, of_the_future, without_a_head, empty, binary]
)
def test_a_damaged_file_is_set_aside_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "alarms.json"
    with opened(path) as book:
        lived(book)
    ruined = damage(path.read_bytes())
    for number in (1, 2):
        path.write_bytes(ruined)
        file = AlarmFile(path)
        book = file.open(POLICY)
        assert book.alarms() == []
        aside = tmp_path / f"alarms.json.damaged-{number}"
        assert (file.aside, aside.read_bytes()) == (aside, ruined)
        assert "the alarms begin anew" in caplog.text
        book.take([verdict(0, STRONG)])
        assert file.close()
        assert only(AlarmFile(path).open(POLICY)) == only(book)


def test_what_is_whole_but_says_nonsense_is_refused() -> None:
    for held in ("[]", "{}", '{"alarms": [{}]}', "null"):
        head = json.loads(encode(Book().pages).partition(b"\n")[0])
        head["sha256"] = hashlib.sha256(held.encode()).hexdigest()
        with pytest.raises(ValueError, match="it lacks what belongs into it"):
            decode(f"{json.dumps(head)}\n{held}\n".encode())


def test_a_disk_that_takes_nothing_is_told_once_and_alarms_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "state"
    file = AlarmFile(folder / "alarms.json")
    book = file.open(POLICY)
    caplog.set_level(logging.INFO)
    book.take([verdict(0, STRONG)])
    assert not file.settle()
    book.take([verdict(1, WEAK)])
    assert not file.settle()
    assert caplog.text.count("cannot be written") == 1
    folder.mkdir()
    book.take([verdict(2, STRONG), verdict(2, STRONG, subject=other("b"))])
    assert file.settle()
    assert "can be written to" in caplog.text
    assert AlarmFile(folder / "alarms.json").open(POLICY).alarms() == book.alarms()
    file.close()


def test_a_look_never_waits_for_the_disk_and_the_last_pages_win(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go = threading.Event(), threading.Event()
    written: list[bytes] = []

    def slow(path: Path, content: bytes, **more: object) -> None:
        begun.set()
        assert may_go.wait(60.0)
        written.append(content)

    monkeypatch.setattr("runtime.monitor.alarm_file.write_bytes", slow)
    file = AlarmFile(tmp_path / "alarms.json")
    book = file.open(POLICY)
    book.take([verdict(0, STRONG)])
    assert begun.wait(60.0)
    for number in range(5):  # The disk stands still, and these go on.
        book.take([verdict(1, STRONG, subject=other(f"x{number}"))])
    may_go.set()
    assert file.close()
    assert [len(decode(content).alarms) for content in written] == [1, 6]


def test_numbers_of_numpy_are_kept_told_and_found_again(tmp_path: Path) -> None:
    plain = verdict(0, STRONG)
    odd = replace(
        plain,
        evidence=Evidence(
            cast(float, np.float32(12.0)), 10.0, 2_592_000.0,
            cast(int, np.int64(0)), cast(int, np.uint32(0)),
        ),
        since=Since(cast(int, np.int64(1_512)), 40.0),
        counts={"rows": cast(float, np.int64(10_000)), "missing": 3.0},
    )  # fmt: skip
    assert odd == plain
    with opened(tmp_path / "alarms.json") as book:
        book.take([odd])
    alarm = only(AlarmFile(tmp_path / "alarms.json").open(POLICY))
    assert alarm == only(Book(POLICY, book.pages))
    assert json.loads(json.dumps(alarm_values(only(book)))) == alarm_values(alarm)
    assert alarm_message(only(book), None) == alarm_message(alarm, None)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["look", "rest", "promote", "silence", "ack", "prune"]),
        st.integers(0, 3),
        st.floats(-50, 300),
        st.floats(),
    ),
    max_size=30,
)


@given(ACTS)
def test_whatever_happened_is_found_again_exactly(
    acts: list[tuple[str, int, float, float]],
) -> None:
    book, time_s = Book(POLICY), 0.0
    for act, number, pause_s, value in acts:
        time_s += pause_s
        subject = other(f"x{number}", version=1 + number % 2)
        ids = [alarm.id for alarm in book.alarms() if alarm.is_open]
        match act:
            case "look":
                book.take([verdict(time_s, value, subject=subject), blind(time_s)])
            case "rest":
                kinds = frozenset({subject.kind})
                book.take([], [Looked("housing", subject.version, kinds, time_s)])
            case "promote":
                book.promote(VersionPromoted("housing", 1 + number, time_s))
            case "silence":
                book.silence(Matcher(name=f"x{number}"), time_s + 9, "ana", time_s, "é\x00")
            case "ack" if ids:
                book.acknowledge(ids[0], "ana", time_s, "on it")
                book.comment(ids[0], "bo", time_s, "words")
            case "prune":
                book.prune(time_s)
    again = decode(encode(book.pages))
    assert repr(again) == repr(book.pages)
    assert repr(Book(POLICY, again).alarms()) == repr(book.alarms())
