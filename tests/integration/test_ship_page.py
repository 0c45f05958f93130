"""docs/ship-a-new-version.md holds: its commands run and print what it says; what it names
is there."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from runtime.cli import app
from runtime.models.swapping.lifecycle import Stage
from runtime.models.swapping.memory import Way
from tests.integration.pages import ROOT, Page, Said, is_as_said
from tests.integration.shelf import Shelf

PAGE = Page("ship-a-new-version.md")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
FAMILY = re.compile(r"\bleeboard_[a-z_]+")
DYNAMIC = {"frozen", "unfrozen", "rolled-back", "alias_moved", "not_followed"}
"""Events that `Followed` gives to its diary."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    return PAGE.run(tmp_path_factory.mktemp("ship"))


@pytest.mark.parametrize("at", range(len(PAGE.of("sh"))))
def test_commands_print_what_the_page_says(session: list[Said], at: int) -> None:
    assert is_as_said(session[at]), session[at]


def table(head: str, beside: str = "") -> list[str]:
    """Return the first cells of the table that begins with a row."""
    text = PAGE.text[PAGE.text.index(f"| {head} |", PAGE.text.find(beside)) :]
    rows = text.partition("\n\n")[0].splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def test_the_stages_and_the_ways_are_those_there_are() -> None:
    stages = {stage.value for stage in Stage} - {"wanted", "gone"}
    assert set(table("stage")) == stages
    assert set(table("way")) == {way.value for way in Way}


def test_every_option_that_the_page_names_is_there() -> None:
    env = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
    commands = (
        ["serve"], ["infer"], ["rollback"], ["audit", "show"], ["audit", "verify"],
        *(["registry", name] for name in ("", "push", "alias", "reject", "policy", "gc")),
    )  # fmt: skip
    helps = [
        CliRunner(env=env).invoke(app, [*filter(None, c), "--help"]).output
        for c in commands
    ]
    known = {flag for text in helps for flag in FLAG.findall(text)}
    named = set(FLAG.findall(PAGE.text))
    assert {"--keep-warm", "--if-generation", "--state-dir"} <= named
    assert named - known == set()


def test_every_metric_that_the_page_names_is_there(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shelf = Shelf(tmp_path_factory.mktemp("metrics") / "registry")
    shelf.first("m")
    with shelf.serving("--model", "m") as server:
        page = server.get("/metrics")
    listed = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    named = set(FAMILY.findall(PAGE.text))
    assert "leeboard_swaps_total" in named
    assert [n for n in named if not {n, n.removesuffix("_total")} & listed] == []


def test_every_event_that_the_page_names_is_there() -> None:
    cells = table("event", beside="## 11")
    named = {name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)}
    source = "".join(path.read_text() for path in (ROOT / "runtime").rglob("*.py"))
    stages = {f"version_{stage.value}" for stage in Stage} - {"version_wanted"}
    assert stages <= named
    plain = named - stages
    assert [name for name in plain if f'"{name}"' not in source] == []
    assert plain >= DYNAMIC
