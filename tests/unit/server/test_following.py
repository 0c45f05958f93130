"""From options to what follows a registry, and what /metrics says of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from runtime.config import Config, Listen, Registry
from runtime.errors import ConfigError
from runtime.metrics.exposition import render
from runtime.models.manager import ModelManager
from runtime.models.swapping.local_state import Frozen, Known, LocalState
from runtime.models.swapping.policy import Keeping
from runtime.models.swapping.records import Rules
from runtime.models.swapping.swaps import Follow
from runtime.server.following import (
    LINGER_S,
    check_names,
    follows_of,
    keep_by,
    make_swaps,
    places_of,
    rules_of,
    state_folder,
    swap_families,
)
from tests.unit.models.swapping.fake_hands import pointer
from tests.unit.models.swapping.fake_source import Board


def test_a_model_follows_the_alias_that_is_said_or_the_champion() -> None:
    registry = Registry("reg", ("fraud", "spam@canary"))
    assert follows_of(registry) == [Follow("fraud", "champion"), Follow("spam", "canary")]


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (("fraud/3",), "--model fraud/3 names one version.*fraud@champion"),
        (("fraud", "fraud@canary"), "--model names 'fraud' twice"),
        (("fraud@",), "--model fraud@: '' is no alias"),
        (("\x1b@champion",), r"--model \\x1b@champion: '\\x1b' is no name of a model"),
    ],
)
def test_what_cannot_be_followed_is_refused(models: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        follows_of(Registry("reg", models))


def test_a_model_comes_from_one_place_only() -> None:
    registry = Registry("reg", ("fraud",))
    check_names(registry, {"spam"})
    with pytest.raises(ConfigError, match="'fraud' lies in the folder and is to follow"):
        check_names(registry, {"fraud", "spam"})


def test_the_servers_own_folder_is_the_one_said_or_where_such_things_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state_folder(Registry(state=tmp_path), 8001) == tmp_path
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    assert state_folder(Registry(), 8001) == Path("/var/lib/a/registry")
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert state_folder(Registry(), 8001) == Path("/x/leeboard/8001")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder(Registry(), 1) == tmp_path / ".local" / "state" / "leeboard" / "1"


def test_places_that_clients_are_not_told_are_those_on_this_machine(tmp_path: Path) -> None:
    own = Registry(state=tmp_path)
    assert places_of(own, 1) == []
    assert places_of(replace(own, place="reg"), 1) == [Path("reg"), tmp_path]
    assert places_of(replace(own, place="folder:m"), 1) == [Path("m"), tmp_path]
    assert places_of(replace(own, place="https://m.example"), 1) == [tmp_path]


def test_rules_are_what_was_chosen() -> None:
    registry = Registry(keep_warm_s=7.0, most_warm=3, swap="replace")
    assert rules_of(registry) == Rules(Keeping(7.0, 3, LINGER_S), True)
    assert rules_of(Registry()) == Rules(Keeping(1800.0, 1, LINGER_S), False)


def test_what_was_known_of_another_alias_is_not_what_this_one_says(tmp_path: Path) -> None:
    frozen = Frozen(1, "digest-1", "an audit", "ana", 0.0)
    state = LocalState(tmp_path / "state")
    state.set("fraud", Known(pointer(2), 1, "digest-1", frozen))
    state.close()
    (tmp_path / "models").mkdir()
    for alias, known in (
        ("champion", Known(pointer(2), 1, "digest-1", frozen)),
        ("canary", Known(None, 1, "digest-1", frozen)),
    ):
        place, models = f"folder:{tmp_path / 'models'}", (f"fraud@{alias}",)
        registry = Registry(place, models, state=tmp_path / "state")
        config = Config(None, Listen(grpc_port=0), registry=registry)
        swaps = make_swaps(config, cast(ModelManager, cast(Any, None)), lambda: 1.0)
        assert swaps is not None
        assert swaps.followed("fraud").known == known

        asyncio.run(swaps.close())


def test_other_rules_hold_at_once(tmp_path: Path) -> None:
    board = Board(tmp_path)

    async def story() -> None:
        await board.swaps.start()
        await board.turn(2)
        few = Registry(keep_warm_s=5.0, most_warm=0)
        assert keep_by(board.swaps, few) == "0 for 5 s each"
        assert keep_by(board.swaps, few) == ""
        assert board.fraud.rules.keeping == Keeping(5.0, 0, LINGER_S)
        board.fraud.rules = Rules(Keeping(5.0, 0))
        board.fraud.settle()
        assert board.fraud.warm == 0

    board.play(story)


def test_metrics_say_how_swaps_have_ended_and_what_is_held(tmp_path: Path) -> None:
    board = Board(tmp_path)

    async def story() -> None:
        await board.swaps.start()
        await board.turn(2)
        await board.swaps.freeze("", "ana", "")

    board.play(story)
    page = render(list(swap_families(board.swaps)), openmetrics=False)
    lines = set(page.splitlines())
    assert {
        "leeboard_registry_up 1",
        'leeboard_swaps_total{model="fraud",outcome="swapped"} 2',
        'leeboard_version_stage{model="fraud",version="1",stage="warm"} 1',
        'leeboard_version_stage{model="fraud",version="2",stage="serving"} 1',
        'leeboard_frozen{model="fraud"} 1',
    } <= lines
    phases = ("fetch", "load", "publish", "alias_to_serving")
    for phase in phases:
        assert any(f'phase="{phase}"' in line for line in lines)
