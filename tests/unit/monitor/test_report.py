"""A report: what it says, and that names of others do nothing in it."""

from __future__ import annotations

import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.monitor.report import MOST_DRAWN, check_report, page, save_report
from runtime.monitor.report_plots import draw
from runtime.monitor.state import Bins, Point, VersionStatus
from runtime.monitor.state_messages import alarm_message
from tests.unit.monitor.said import blind
from tests.unit.monitor.statuses import BINS, HISTORY, HOUSING, FakeState, T, subject

ODD = "<script>alert(1)</script>\"' $x^2$ & {braces} \u202e \ud800 \n\x1b[31m"


class Reader(HTMLParser):
    """Checks that tags are closed in order; keeps tags, attributes and words."""

    VOID = frozenset({"meta", "br", "img", "link", "!doctype"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def made(*statuses: VersionStatus) -> Reader:
    state = FakeState(*statuses)
    alarms = [alarm_message(alarm, None) for alarm in state.book.alarms()]
    reader = Reader(page(statuses, alarms, "127.0.0.1:8003", T))
    assert reader.open == []
    return reader


def test_a_report_says_what_is_known() -> None:
    words = made(HOUSING).words
    for wanted in (
        "Drift report of 127.0.0.1:8003",
        "1 open alarm; 1 versions watched, 3,100 rows seen. Made 2023-11-14 22:13:20 UTC.",
        "housing/3",
        "97.0% of all that were answered",
        "reference 0123456789ab, from manifest, 5,832 rows",
        "Latitude has moved, said at 1.7e+09 s",
        "firing since 2023-11-14 22:13:20 UTC; alarm 822eaaae2855; ks 0.4, eps 0.05; "
        "log e 12.0 of 10.0; at least 2.59e+06 looks between false alarms",
        "input Latitude ★",
        "1.1000 (0.0186)",
    ):
        assert wanted in words


def test_each_subject_has_a_row_and_the_worst_a_picture() -> None:
    subjects = tuple(subject(f"x[{n}]", n / 10) for n in range(MOST_DRAWN + 5))
    reader = made(replace(HOUSING, subjects=subjects))
    assert reader.tags.count("svg") == MOST_DRAWN
    assert reader.words.count("input x[") == len(subjects)
    assert "x[16]: drift" in reader.words
    assert "x[4]: drift" not in reader.words


def test_a_version_that_is_young_has_no_picture() -> None:
    reader = made(VersionStatus("spam", 1, note="1,000 more rows make the reference"))
    assert "svg" not in reader.tags
    assert "there is no reference yet; 1,000 more rows make the reference." in reader.words
    assert "Alarms about versions that are not watched any more" in reader.words


def test_a_blindness_is_told_by_its_sentence() -> None:
    state = FakeState(HOUSING)
    state.book.take([blind(T), blind(T + 60)])
    alarms = [alarm_message(alarm, None) for alarm in state.book.alarms()]
    assert "no label of housing/3 has come for a day" in page([HOUSING], alarms, "s", T)


def test_nothing_is_fetched_and_no_script_runs() -> None:
    reader = made(HOUSING)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(reader.tags)
    fetched = [
        (name, value)
        for name, value in reader.attributes
        if name in ("src", "href", "xlink:href", "data", "action", "style")
        and ("//" in value or "url(" in value)
    ]
    assert fetched == []
    assert ("http-equiv", "Content-Security-Policy") in reader.attributes


def test_names_of_others_do_nothing() -> None:
    one = replace(
        subject(ODD), sentence=ODD, bins=Bins((), (ODD, "b"), (0.5, 0.5), (0.1, 0.9))
    )
    status = replace(HOUSING, model=ODD.replace("\ud800", ""), note=ODD, subjects=(one,))
    reader = made(status)
    assert "script" not in reader.tags
    assert "\u202e" not in reader.words
    assert "\x1b" not in reader.words
    assert reader.words.count("<script>alert(1)</script>") >= 5
    assert not any("alert" in value for name, value in reader.attributes
                   if name != "aria-label")  # fmt: skip


def test_a_page_of_nothing_is_a_page() -> None:
    reader = Reader(page([], [], "here", T))
    assert "No open alarms; 0 versions watched, 0 rows seen." in reader.words


@pytest.mark.parametrize(
    ("bins", "history"),
    [
        (BINS, HISTORY),
        (BINS, ()),
        (None, HISTORY),
        (Bins((), (), (1.0,), (1.0,)), HISTORY[:1]),
        (Bins((1.0,), (), (), (0.5, 0.5)), (Point(T, float("nan"), float("inf")),)),
        (Bins(tuple(map(float, range(30))), (), (1 / 31,) * 31, (1 / 31,) * 31), ()),
    ],
)
def test_whatever_there_is_can_be_drawn(
    bins: Bins | None, history: tuple[Point, ...]
) -> None:
    drawing = draw(bins, history, 0.05)
    assert drawing.startswith("<svg")
    assert drawing.rstrip().endswith("</svg>")
    assert ("reference" in drawing) == (bins is not None)
    assert ("evidence / limit" in drawing) == bool(history)


def test_nothing_is_not_drawn() -> None:
    assert draw(None, (), 0.05) == ""


def test_a_picture_is_the_same_each_time() -> None:
    assert draw(BINS, HISTORY, 0.05) == draw(BINS, HISTORY, 0.05)


def test_what_cannot_be_a_report_is_refused_before_a_server_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_report(Path("r.html"))
    with pytest.raises(ConfigError, match=r"--output r\.pdf must end in \.html"):
        check_report(Path("r.pdf"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_report(tmp_path / "file" / "r.html", [], [], "here", T)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install 'leeboard\[plot\]'"):
        check_report(Path("r.html"))


def test_a_report_of_twelve_pictures_is_small() -> None:
    subjects = tuple(subject(f"x[{n}]", 1.0) for n in range(MOST_DRAWN))
    text = page([replace(HOUSING, subjects=subjects)], [], "here", T)
    assert len(text) < 1_000_000
