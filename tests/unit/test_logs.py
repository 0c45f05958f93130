"""Log lines: one each, whatever anybody puts into them."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import logs
from runtime.config import LOG_FORMATS, LOG_LEVELS
from runtime.events import EventRing, about

PLAIN_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")
EVIL = "name\n2026-11-23 15:43:16,123 ERROR forged \x1b[2J\u2028\x9b\x7f"

logger = logging.getLogger("runtime.tests")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    with logs.configured():
        yield


def logged(style: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(style, level, stream)
    return stream


def test_a_plain_line_has_time_level_and_words() -> None:
    stream = logged("plain")
    logger.info("%s serves", "mlp")
    (line,) = stream.getvalue().splitlines()
    assert PLAIN_LINE.match(line)
    assert line.endswith(" INFO mlp serves")


def test_a_json_line_has_fields_for_programs() -> None:
    stream = logged("json")
    logger.warning("%s serves", "mlp", extra=about("loaded", "mlp", "3", "mlp/3#0"))
    line = json.loads(stream.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("ts"))
    assert line == {
        "level": "WARNING",
        "logger": "runtime.tests",
        "message": "mlp serves",
        "event": "loaded",
        "model": "mlp",
        "version": "3",
        "worker": "mlp/3#0",
    }


def test_a_field_cannot_take_the_place_of_what_every_line_has() -> None:
    stream = logged("json")
    logger.info("words", extra={"ts": "never", "level": "FATAL", "odd": {1, 2}})
    line = json.loads(stream.getvalue())
    assert (line["level"], line["odd"]) == ("INFO", "{1, 2}")
    assert line["ts"] != "never"


@pytest.mark.parametrize("style", logs.FORMATS)
def test_a_line_stays_one_and_shows_nothing_that_moves_a_cursor(style: str) -> None:
    stream = logged(style)
    logger.error("model %s is not known", EVIL, extra=about("failed", EVIL))
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert "forged" in line


@given(st.text())
@pytest.mark.parametrize("style", logs.FORMATS)
def test_no_text_leaves_its_line(style: str, text: str) -> None:
    stream = logged(style)
    logger.error("%s", text, extra={"request_id": text})
    value = stream.getvalue()
    assert value.endswith("\n")
    assert value[:-1].isprintable()


@pytest.mark.parametrize("style", logs.FORMATS)
def test_a_traceback_cannot_forge_a_line(style: str) -> None:
    stream = logged(style)
    try:
        raise ValueError(EVIL)
    except ValueError:
        logger.exception("it failed")
    first, *others = stream.getvalue().splitlines()
    assert all(line.isprintable() for line in (first, *others))
    assert not any(PLAIN_LINE.match(line) for line in others)
    if style == "json":
        assert not others
        assert "Traceback" in json.loads(first)["exception"]
    else:
        assert others[0] == "  | Traceback (most recent call last):"


def test_json_is_ascii_and_means_what_was_said() -> None:
    stream = logged("json")
    logger.info("%s", f"caf\xe9 {EVIL}")
    assert stream.getvalue().isascii()
    assert json.loads(stream.getvalue())["message"] == f"caf\xe9 {EVIL}"


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["d", "i", "w", "e", "others' w"]),
        ("info", ["i", "w", "e", "others' w"]),
        ("warning", ["w", "e", "others' w"]),
        ("error", ["e"]),
    ],
)
def test_a_level_can_be_changed_at_any_time(level: str, shown: list[str]) -> None:
    stream = logged("plain")
    logs.set_level(level)
    for word, number in zip("diwe", (10, 20, 30, 40), strict=True):
        logger.log(number, word)
    logging.getLogger("others").debug("others' d")
    logging.getLogger("others").warning("others' w")
    words = [line.split(maxsplit=3)[-1] for line in stream.getvalue().splitlines()]
    assert words == shown


def test_events_are_kept_though_the_level_hides_them() -> None:
    stream, ring = logged("plain", "error"), EventRing()
    logging.getLogger(logs.OURS).addHandler(ring)
    logger.info("serves", extra=about("loaded"))
    logging.getLogger(logs.OURS).removeHandler(ring)
    assert [e.event for e in ring.recent()] == ["loaded"]
    assert stream.getvalue() == ""


def test_configuring_again_replaces_ours_and_the_terminals_handlers_only() -> None:
    root = logging.getLogger()
    mine = logging.StreamHandler(io.StringIO())
    root.addHandler(mine)
    root.addHandler(logging.StreamHandler(sys.stderr))
    first, second = logged("plain"), logged("json")
    logger.info("words")
    assert first.getvalue() == ""
    assert second.getvalue().count("\n") == 1
    assert mine in root.handlers
    terminals = [h for h in root.handlers if getattr(h, "stream", None) is sys.stderr]
    assert terminals == []


def test_without_a_stream_lines_go_to_standard_error_as_it_is_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.configure()
    logger.info("first")
    assert capsys.readouterr().err.endswith(" INFO first\n")
    later = io.StringIO()
    monkeypatch.setattr(sys, "stderr", later)
    logger.info("second")
    assert later.getvalue().endswith(" INFO second\n")


def test_after_a_server_logging_is_as_before() -> None:
    def state() -> tuple[object, ...]:
        root, ours = logging.getLogger(), logging.getLogger(logs.OURS)
        hooks = warnings.showwarning, threading.excepthook
        return (*root.handlers, root.level, ours.level, *hooks)

    before = state()
    with logs.configured("json", "debug"):
        assert state() != before
    assert state() == before


def test_pythons_warnings_become_lines() -> None:
    stream = logged("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in json.loads(stream.getvalue())["message"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("style", logs.FORMATS)
def test_an_exception_that_ends_a_thread_cannot_forge_a_line(
    style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    stream = logged(style)

    def fail() -> None:
        raise ValueError(EVIL)

    thread = threading.Thread(target=fail, name="evil")
    thread.start()
    thread.join()
    lines = stream.getvalue().splitlines()
    assert "thread evil ended by an exception" in lines[0]
    assert all(line.isprintable() for line in lines)
    assert not any(PLAIN_LINE.match(line) for line in lines[1:])


def test_a_thread_that_leaves_by_choice_is_no_line() -> None:
    stream = logged("plain")
    leave = SystemExit()
    logs.log_thread_end(threading.ExceptHookArgs((SystemExit, leave, None, None)))
    assert stream.getvalue() == ""


def test_options_name_the_same_choices() -> None:
    assert (logs.FORMATS, logs.LEVELS) == (LOG_FORMATS, LOG_LEVELS)
