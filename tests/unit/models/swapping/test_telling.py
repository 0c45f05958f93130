"""What clients, people and the log are told."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from runtime.models.describe import FOLLOWS
from runtime.models.swapping.lifecycle import Stage
from runtime.models.swapping.local_state import Frozen
from runtime.models.swapping.records import Kept
from runtime.models.swapping.telling import Diary, chosen_words, frozen_words, told_of
from runtime.registry.source import Happened
from tests.unit.models.swapping.fake_hands import NOON, pointer

FROZEN = Frozen(1, "d", "", "ana", NOON)


def test_a_version_says_how_it_stands_to_its_alias() -> None:
    kept = Kept(pointer(1), 0.0, Stage.WARM)
    told = told_of(pointer(2), FROZEN, 2, 1, kept)
    assert json.loads(told[FOLLOWS]) == {
        "alias": "fraud@champion",
        "stage": "warm",
        "wanted": 2,
        "serving": 2,
        "back": 1,
        "frozen": "on version 1 by ana since 2026-11-18T11:06:40Z",
    }
    alone = json.loads(told_of(None, None, 1, 0, kept)[FOLLOWS])
    assert (alone["alias"], alone["wanted"], alone["frozen"]) == ("fraud", 0, "")


def test_a_freeze_has_its_reason_if_it_has_one() -> None:
    assert frozen_words(replace(FROZEN, reason="an audit")).endswith("Z: an audit")
    assert frozen_words(FROZEN).endswith("Z")


def test_what_chose_a_version_is_the_alias_or_another_reason() -> None:
    moved = replace(pointer(2), reason="retrained")
    at = "2026-11-18T11:06:35Z"
    assert chosen_words(moved, "") == (
        f"the alias fraud@champion, moved by ana at {at}: retrained"
    )
    assert chosen_words(replace(moved, moved_by="", reason=""), "") == (
        "the alias fraud@champion"
    )
    assert chosen_words(moved, "it served last") == "fraud@champion: it served last"


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        ("version_refused", logging.ERROR, "fraud version 2: refused (by ana: no)"),
        ("not_followed", logging.ERROR, "fraud version 2: not followed (by ana: no)"),
        ("frozen", logging.INFO, "fraud version 2: frozen (by ana: no)"),
    ],
)
def test_what_happens_is_said_in_the_log_and_to_the_registry(
    caplog: pytest.LogCaptureFixture, event: str, level: int, text: str
) -> None:
    caplog.set_level("INFO")
    news: list[Happened] = []
    Diary("fraud", news.append).note(event, 2, "ana", "no")
    (record,) = caplog.records
    assert (record.levelno, record.message) == (level, text)
    assert news == [Happened(event, "fraud", 2, "ana", "no")]
