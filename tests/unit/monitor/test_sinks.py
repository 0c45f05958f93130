"""Sinks by their words, and what a batch tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.monitor import sinks as module
from runtime.monitor.alarm_book import Book
from runtime.monitor.lifecycle import State
from runtime.monitor.silences import Matcher
from runtime.monitor.sink_alertmanager import AlertmanagerSink
from runtime.monitor.sink_log import LogSink
from runtime.monitor.sink_webhook import WebhookSink
from runtime.monitor.sinks import OURS, SinkOptions, batch_of, open_sink, read_secret
from tests.unit.monitor.said import LATITUDE, POLICY, blind, other, verdict

STRONG, GROWING, WEAK = 12.0, 7.0, 1.0


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("log", LogSink, "log"),
        ("webhook:https://u:p@h:8443/T?key=k", WebhookSink, "webhook https://h:8443/T"),
        ("alertmanager:http://h:9093/", AlertmanagerSink, "alertmanager http://h:9093"),
    ],
)
def test_a_sink_is_opened_by_its_words_and_its_name_has_no_secret(
    text: str, kind: type, name: str
) -> None:
    sink = open_sink(text, SinkOptions())
    assert type(sink) is kind
    assert sink.name == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("email:ana", "no alarm sink is called 'email'; known: alertmanager, log, webhook"),
        ("webhook:", "webhook:'' needs an address like webhook:https://HOST/PATH"),
        ("webhook:file:///etc/passwd", "needs an address"),
        ("alertmanager:h:9093", "needs an address"),
        ("alertmanager:http://h:port", "needs an address"),
        ("webhook:http://h/a b", "needs an address"),
    ],
)
def test_what_is_no_sink_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        open_sink(text, SinkOptions())


def test_sinks_of_others_are_opened_by_their_entry_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = {"pager": "tests.unit.monitor.test_sinks:pager", "log": "nowhere:x"}
    monkeypatch.setattr(module, "registered", lambda: theirs)
    assert open_sink("pager:ana", SinkOptions(server="s")).name == "pager ana of s"
    assert type(open_sink("log", SinkOptions())) is LogSink
    theirs["pager"] = "tests.unit.monitor.test_sinks:nothing"
    with pytest.raises(ConfigError, match="alarm sink 'pager' cannot be imported"):
        open_sink("pager:ana", SinkOptions())


def pager(options: SinkOptions) -> LogSink:
    sink = LogSink()
    sink.name = f"pager {options.place} of {options.server}"
    return sink


def test_our_own_are_registered_as_those_of_others_are() -> None:
    assert module.registered() in ({}, OURS) or OURS.items() <= module.registered().items()
    import tomllib

    settings = tomllib.loads(
        Path(__file__).parents[3].joinpath("pyproject.toml").read_text()
    )
    assert settings["project"]["entry-points"][module.GROUP] == OURS


def test_a_secret_comes_from_a_file_and_is_not_too_short(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b" 0123456789abcdef\n")
    assert read_secret(path) == b"0123456789abcdef"
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="has 5 bytes; 16 to 4096 are due"):
        read_secret(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path / "none")


def test_suspicions_are_told_to_nobody() -> None:
    book = Book(POLICY)
    changes = book.take([verdict(0, GROWING), blind(0)])
    assert len(changes) == 2
    assert batch_of(book, changes, 0.0).changes == ()
    changes = book.take([verdict(1, WEAK)])
    assert batch_of(book, changes, 1.0).changes == ()


def test_what_fires_cools_and_is_over_is_told_and_active_until_then() -> None:
    book = Book(POLICY)
    told = []
    for time_s, log_e in [(0, STRONG), (1, STRONG), (10, WEAK), (70, WEAK), (190, WEAK)]:
        changes = book.take([verdict(time_s, log_e)])
        batch = batch_of(book, changes, time_s)
        told.append(([c.alarm.state for c in batch.changes], len(batch.active)))
    assert told == [
        ([State.FIRING], 1), ([], 1), ([], 1), ([State.COOLING], 1), ([State.RESOLVED], 0)
    ]  # fmt: skip


def test_what_is_silenced_is_not_told_and_is_active_when_the_silence_ends() -> None:
    book = Book(POLICY)
    book.silence(Matcher(name="Lat*"), 50.0, "ana", 0.0, "")
    changes = book.take([verdict(0, STRONG), verdict(0, STRONG, subject=other("b"))])
    batch = batch_of(book, changes, 0.0)
    assert [c.alarm.subject.name for c in batch.changes] == ["b"]
    assert [a.subject.name for a in batch.active] == ["b"]
    assert LATITUDE in {a.subject for a in batch_of(book, [], 50.0).active}


def test_what_was_never_told_is_not_told_to_be_over() -> None:
    book = Book(replace(POLICY, blind_s=1e9))
    book.take([blind(0)])
    assert batch_of(book, book.forget("housing", 3, 1.0), 1.0).changes == ()
