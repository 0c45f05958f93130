"""The loop over the registry, and what people ask, before a registry in memory."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import ModelError
from runtime.models.swapping import swaps as module
from runtime.models.swapping.local_state import Known, LocalState
from runtime.models.swapping.swaps import LEASE_S, MOST_NEWS, Follow
from runtime.registry.source import (
    Happened,
    RegistryError,
    RegistryUnavailable,
    Use,
)
from tests.unit.models.swapping.fake_hands import pointer
from tests.unit.models.swapping.fake_source import Board

AWAY = RegistryUnavailable("the registry is away")


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def events(caplog: pytest.LogCaptureFixture, *names: str) -> list[str]:
    found = (str(getattr(record, "event", "")) for record in caplog.records)
    return [name for name in found if name in names]


def test_the_aliases_are_served_when_the_start_is_over(board: Board) -> None:
    async def story() -> None:
        await board.swaps.start()
        assert board.fraud.serving == 1

    board.play(story)
    assert board.source.closed
    assert board.source.told[-1] == ([], [Happened("swapped", "fraud", 1, "", "")])


def test_what_was_not_served_can_be_told_by_its_name(board: Board) -> None:
    async def story() -> None:
        with pytest.raises(ModelError, match=r"'spam' follows no alias.*: fraud"):
            board.swaps.followed("spam")

    board.play(story)
    assert board.swaps.models == {"fraud"}
    assert str(Follow("fraud", "champion")) == "fraud@champion"


def test_without_its_registry_a_server_begins_with_what_it_served_last(
    tmp_path: Path,
) -> None:
    board = Board(tmp_path, Known(pointer(3), 3, "digest-3"))
    board.source.error = AWAY

    async def story() -> None:
        await board.swaps.start()
        assert board.fraud.serving == 3
        assert not board.swaps.reachable
        board.source.error = None
        await board.turn(4)
        assert board.fraud.serving == 4

    board.play(story)


def test_a_server_that_knows_nothing_begins_without_its_registry(board: Board) -> None:
    board.source.error = AWAY

    async def story() -> None:
        await board.swaps.start()
        assert board.hands["fraud"].reasons == {0: "the registry is away"}
        board.source.error = None
        await board.turn()
        assert board.fraud.serving == 1
        assert board.hands["fraud"].reasons == {}

    board.play(story)


@pytest.mark.parametrize("error", [AWAY, ZeroDivisionError("by zero"), OSError("gone")])
def test_a_registry_that_is_lost_and_comes_back_is_told_of_once_each(
    board: Board, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level("INFO")

    async def story() -> None:
        await board.swaps.start()
        board.source.error = error
        for _ in range(3):
            await board.turn(2)
            assert board.fraud.serving == 1
        board.source.error = None
        for _ in range(3):
            await board.turn()
        assert board.fraud.serving == 2

    board.play(story)
    assert events(caplog, "registry_lost", "registry_back") == [
        "registry_lost", "registry_back"
    ]  # fmt: skip


def test_an_alias_that_is_not_there_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    board = Board(tmp_path, Known(), "spam")

    async def story() -> None:
        await board.swaps.start()
        assert board.fraud.serving == 1
        assert board.hands["spam"].reasons == {0: "there is no alias spam@champion"}
        assert board.swaps.reachable
        board.source.aliases["spam"] = replace(pointer(5), model="spam")
        await board.turn()
        assert board.swaps.followed("spam").serving == 5

    board.play(story)


def test_an_alias_that_is_removed_leaves_what_serves(board: Board) -> None:
    async def story() -> None:
        await board.swaps.start()
        del board.source.aliases["fraud"]
        await board.turn()
        assert board.fraud.serving == 1

    board.play(story)


def test_nobody_waits_for_a_look_that_hangs_and_none_hangs_behind_it(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        await board.swaps.start()
        monkeypatch.setattr(module, "LOOK_S", 0.001)
        board.source.gate, looks = threading.Event(), board.source.looks
        for _ in range(5):
            await board.turn(2)
            assert not board.swaps.reachable
        assert board.source.looks == looks + 1
        board.source.gate.set()
        monkeypatch.setattr(module, "LOOK_S", 30.0)
        await board.errands[0].run(int, 30.0)  # The look has ended.
        await board.turn()
        assert board.swaps.reachable
        assert board.fraud.serving == 2

    board.play(story)


def test_a_look_that_nobody_could_take_does_not_stop_the_next(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    async def story() -> None:
        await board.swaps.start()
        waiting = await board.hang(gate)
        crowd = [asyncio.ensure_future(board.errands[0].run(int, 30.0)) for _ in range(64)]
        await asyncio.wait(crowd, timeout=0.001)  # Let them into the queue.
        await board.turn(2)
        assert not board.swaps.reachable
        gate.set()
        await asyncio.gather(waiting, *crowd)
        await board.turn()
        assert board.fraud.serving == 2

    board.play(story)


def test_the_loop_looks_when_the_registry_says_that_something_changed(
    board: Board,
) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    board.source.descriptor = ours

    async def story() -> None:
        await board.swaps.start()
        following = asyncio.ensure_future(board.swaps.follow())
        board.source.aliases["fraud"] = pointer(2)
        os.write(theirs, b"!!")
        await board.hands["fraud"].begun("load 2").wait()
        await board.fraud.idle.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert board.fraud.serving == 2

    board.play(story)
    with pytest.raises(BlockingIOError):  # It was read empty.
        os.read(ours, 1)
    for descriptor in (ours, theirs):
        os.close(descriptor)


def test_the_loop_goes_on_whatever_one_turn_has_met(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    hands, failed = board.hands["fraud"], asyncio.Event()

    def fail() -> None:
        hands.on_look = lambda: None
        failed.set()
        raise ZeroDivisionError("by zero")

    async def story() -> None:
        await board.swaps.start()
        board.swaps.retry("fraud")
        hands.on_look = fail
        following = asyncio.ensure_future(board.swaps.follow())
        await failed.wait()
        board.source.aliases["fraud"] = pointer(2)
        board.swaps.retry("fraud")
        await hands.begun("load 2").wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    board.play(story)
    assert any("could not be followed" in record.message for record in caplog.records)


def test_the_registry_is_told_of_what_is_held_and_of_nothing_twice(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        await board.swaps.start()
        await board.turn()
        assert board.source.told == [
            ([Use("fraud", 1, "serves")], [Happened("swapped", "fraud", 1, "", "")])
        ]
        await board.turn()
        assert len(board.source.told) == 1
        monkeypatch.setattr(module, "LEASE_S", 0.0)
        await board.turn()
        assert board.source.told[1:] == [([Use("fraud", 1, "serves")], [])]

    assert LEASE_S > 0
    board.play(story)


def test_what_could_not_be_told_is_told_later_and_of_too_much_the_last(
    board: Board,
) -> None:
    async def story() -> None:
        await board.swaps.start()
        board.source.tell_error = AWAY
        for number in range(MOST_NEWS + 9):
            board.swaps.note(Happened("refused", "fraud", number, "", ""))
        await board.turn()
        assert board.source.told == []
        board.source.tell_error = None
        await board.turn()
        ((_, news),) = board.source.told
        assert [each.number for each in news] == list(range(9, MOST_NEWS + 9))
        await board.turn()
        assert len(board.source.told) == 1

    board.play(story)


def test_nothing_is_told_to_a_registry_that_does_not_answer(board: Board) -> None:
    async def story() -> None:
        await board.swaps.start()
        board.source.error = AWAY
        await board.turn()
        board.source.error = None
        assert board.source.told == []

    board.play(story)
    ((uses, news),) = board.source.told
    assert (uses, [each.action for each in news]) == ([], ["swapped"])


@pytest.mark.parametrize("error", [RegistryError("no"), AWAY, OSError("gone")])
def test_one_can_close_whatever_the_registry_says(
    board: Board, tmp_path: Path, error: Exception
) -> None:
    async def story() -> None:
        await board.swaps.start()
        board.source.error = error

    board.play(story)
    assert board.source.closed
    LocalState(tmp_path).close()  # Another server may have the folder.


def test_one_can_close_while_the_registry_hangs(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.001)
    gate = threading.Event()

    async def story() -> None:
        await board.swaps.start()
        hanging = await board.hang(gate)
        await board.swaps.close()
        gate.set()
        await hanging

    with pytest.raises(OSError, match="Bad file"):  # It is closed twice.
        board.play(story)
