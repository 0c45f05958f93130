"""Rollback, freeze and unfreeze before a registry in memory."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import ModelError
from runtime.models.swapping import swaps as module
from runtime.models.swapping.local_state import Frozen, Known
from runtime.registry.source import (
    RegistryUnavailable,
)
from tests.unit.models.swapping.fake_hands import NOON, pointer
from tests.unit.models.swapping.fake_source import Board

AWAY = RegistryUnavailable("the registry is away")


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


async def serve_two(board: Board) -> None:
    """Serve version 2, with version 1 warm."""
    await board.swaps.start()
    await board.turn(2)
    assert (board.fraud.serving, board.fraud.warm) == (2, 1)


def test_a_rollback_serves_the_last_version_and_moves_its_alias_there(board: Board) -> None:
    async def story() -> None:
        await serve_two(board)
        done = await board.swaps.rollback("fraud", "ana", "it is worse")
        assert (done.before, done.now, done.warm, done.note) == (2, 1, True, "")
        assert done.seconds >= 0.0
        assert board.source.moves == [(1, 2, "ana", "it is worse")]
        assert board.fraud.known.frozen is None
        await board.turn()
        assert board.fraud.serving == 1

    board.play(story)


def test_a_rollback_and_another_come_back_to_where_it_was(board: Board) -> None:
    async def story() -> None:
        await serve_two(board)
        for now in (1, 2, 1):
            done = await board.swaps.rollback("fraud", "ana", "")
            assert (done.now, done.note) == (now, "")
            assert board.source.aliases["fraud"].number == board.fraud.serving == now

    board.play(story)


def test_two_rollbacks_at_the_same_time_end_where_the_second_wants(board: Board) -> None:
    async def story() -> None:
        await serve_two(board)
        rollbacks = [board.swaps.rollback("fraud", who, "") for who in ("ana", "ben")]
        done = await asyncio.gather(*rollbacks)
        assert [(each.now, each.note) for each in done] == [(1, ""), (2, "")]
        await board.turn()
        assert board.fraud.known.frozen is None
        assert board.source.aliases["fraud"].number == board.fraud.serving == 2

    board.play(story)


def test_a_rollback_without_a_registry_holds_and_its_alias_is_moved_later(
    board: Board,
) -> None:
    async def story() -> None:
        await serve_two(board)
        board.source.error = AWAY
        done = await board.swaps.rollback("fraud", "ana", "")
        assert done.warm
        assert done.note == (
            "fraud stays on version 1 until it is unfrozen or its alias could be moved: "
            "the registry is away"
        )
        await board.turn()
        assert board.fraud.serving == 1
        board.source.error = None
        await board.turn()
        assert board.source.aliases["fraud"].number == board.fraud.serving == 1
        assert board.fraud.known.frozen is None

    board.play(story)


def test_a_registry_that_does_not_answer_in_time_is_told_of(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOVE_S", 0.001)
    gate = threading.Event()

    async def story() -> None:
        await serve_two(board)
        hanging = await board.hang(gate)
        done = await board.swaps.rollback("fraud", "ana", "")
        assert "the registry did not answer within" in done.note
        gate.set()
        await hanging
        await board.turn()  # It has moved the alias after all, and that is heard.
        assert board.fraud.known.frozen is None
        assert board.source.aliases["fraud"].number == board.fraud.serving == 1

    board.play(story)


def test_an_alias_that_somebody_moved_meanwhile_is_not_moved_again(board: Board) -> None:
    async def story() -> None:
        await serve_two(board)
        board.source.aliases["fraud"] = pointer(3)
        done = await board.swaps.rollback("fraud", "ana", "")
        assert done.note.startswith("fraud stays on version 1 until it is unfrozen: ")
        assert "moved by ben" in done.note
        for _ in range(2):
            await board.turn()
        assert len(board.source.moves) == 1
        assert (board.fraud.serving, board.fraud.known.number) == (1, 1)
        assert await board.swaps.unfreeze("fraud", "ana") == ["fraud"]
        await board.turn()
        assert board.fraud.serving == 3

    board.play(story)


def test_a_rollback_to_what_is_not_warm_moves_the_alias_only(board: Board) -> None:
    async def story() -> None:
        await board.swaps.start()
        board.source.aliases["fraud"] = pointer(3, previous=2)
        await board.turn()
        board.now_s += 1e6
        board.fraud.settle()
        assert (board.fraud.serving, board.fraud.warm) == (3, 0)
        done = await board.swaps.rollback("fraud", "ana", "")
        assert (done.before, done.now, done.warm) == (3, 2, False)
        assert done.note == "it has to be loaded first"
        assert board.source.moves == [(2, 3, "ana", "rolled back")]
        await board.turn()
        assert board.fraud.serving == 2

    board.play(story)


def test_a_rollback_that_needs_the_registry_fails_without_it(board: Board) -> None:
    async def story() -> None:
        board.source.aliases["fraud"] = pointer(3, previous=2)
        await board.swaps.start()
        board.source.error = AWAY
        with pytest.raises(RegistryUnavailable, match="the registry is away"):
            await board.swaps.rollback("fraud", "ana", "")
        assert board.fraud.serving == 3

    board.play(story)


def test_there_may_be_nothing_to_go_back_to(board: Board) -> None:
    async def story() -> None:
        await board.swaps.start()
        with pytest.raises(ModelError, match="fraud has no version to go back to"):
            await board.swaps.rollback("fraud", "ana", "")
        with pytest.raises(ModelError, match="'spam' follows no alias"):
            await board.swaps.rollback("spam", "ana", "")

    board.play(story)
    assert board.source.moves == []


def test_a_frozen_model_goes_back_to_what_is_warm_and_to_nothing_else(
    board: Board,
) -> None:
    async def story() -> None:
        board.source.aliases["fraud"] = pointer(3, previous=2)
        await board.swaps.start()
        await board.swaps.freeze("fraud", "ana", "an audit")
        with pytest.raises(ModelError, match="fraud is frozen on version 3 by ana"):
            await board.swaps.rollback("fraud", "ana", "")

    board.play(story)
    assert board.source.moves == []


def test_all_models_that_serve_are_frozen_at_once_and_follow_again(tmp_path: Path) -> None:
    board = Board(tmp_path, Known(), "spam", "ham")
    board.source.aliases["spam"] = replace(pointer(5), model="spam")

    async def story() -> None:
        await board.swaps.start()
        frozen = await board.swaps.freeze("", "ana", "an audit")
        assert {model: each.number for model, each in frozen.items()} == {
            "fraud": 1, "spam": 5
        }  # fmt: skip
        with pytest.raises(ModelError, match="ham serves no version"):
            await board.swaps.freeze("ham", "ana", "")
        await board.turn(2)
        assert board.fraud.serving == 1
        assert await board.swaps.unfreeze("", "ana") == ["fraud", "spam"]
        await board.turn()
        assert board.fraud.serving == 2
        assert await board.swaps.unfreeze("", "ana") == []

    board.play(story)


def test_a_freeze_is_known_after_a_restart(tmp_path: Path) -> None:
    frozen = Frozen(1, "digest-1", "an audit", "ana", NOON)
    board = Board(tmp_path, Known(pointer(1), 1, "digest-1", frozen))
    board.source.aliases["fraud"] = pointer(2)

    async def story() -> None:
        await board.swaps.start()
        await board.turn()
        assert board.fraud.serving == 1

    board.play(story)
