"""One thread that does what may hang, one thing after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from runtime.models.swapping.errands import MOST, Closed, Errands, TooMany

SOON_S = 30.0


def play(story: Callable[[Errands], Awaitable[None]]) -> None:
    errands = Errands("registry")

    async def life() -> None:
        try:
            await story(errands)
        finally:
            errands.close()

    asyncio.run(asyncio.wait_for(life(), 60))


def test_errands_are_done_in_their_order_on_a_thread_of_their_own() -> None:
    done: list[tuple[int, str]] = []

    def errand(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number

    async def story(errands: Errands) -> None:
        runs = [errands.run(partial(errand, n), SOON_S) for n in range(20)]
        assert await asyncio.gather(*runs) == list(range(20))

    play(story)
    assert done == [(number, "registry") for number in range(20)]


def test_what_an_errand_raises_comes_back_and_the_next_is_done() -> None:
    def fails() -> int:
        raise ZeroDivisionError("by zero")

    async def story(errands: Errands) -> None:
        with pytest.raises(ZeroDivisionError, match="by zero"):
            await errands.run(fails, SOON_S)
        assert await errands.run(lambda: 7, SOON_S) == 7

    play(story)


def test_nobody_waits_for_an_errand_that_hangs_and_those_behind_it_are_done_later() -> None:
    go_on, done = threading.Event(), []

    async def story(errands: Errands) -> None:
        with pytest.raises(TimeoutError):
            await errands.run(go_on.wait, 0.001)
        with pytest.raises(TimeoutError):
            await errands.run(lambda: done.append("late"), 0.001)
        assert done == []
        go_on.set()
        assert await errands.run(lambda: "next", SOON_S) == "next"

    play(story)
    assert done == ["late"]


def test_no_more_wait_than_there_is_place_for() -> None:
    go_on, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait()

    async def story(errands: Errands) -> None:
        first = asyncio.ensure_future(errands.run(hang, SOON_S))
        await asyncio.to_thread(begun.wait)
        behind = [asyncio.ensure_future(errands.run(int, SOON_S)) for _ in range(MOST)]
        last = asyncio.ensure_future(errands.run(int, SOON_S))
        with pytest.raises(TooMany, match="64 errands wait for registry already"):
            await last
        go_on.set()
        assert await asyncio.gather(first, *behind) == [None] + [0] * MOST

    play(story)


def test_closing_does_what_waits_and_takes_nothing_more() -> None:
    go_on, begun, done = threading.Event(), threading.Event(), []

    def hang() -> None:
        begun.set()
        go_on.wait()

    async def story(errands: Errands) -> None:
        runs = [asyncio.ensure_future(errands.run(hang, SOON_S))]
        await asyncio.to_thread(begun.wait)
        runs.append(asyncio.ensure_future(errands.run(lambda: done.append(1), SOON_S)))
        with pytest.raises(TimeoutError):  # Let the second one into the queue.
            await asyncio.wait_for(asyncio.shield(runs[1]), 0.001)
        errands.close()
        errands.close()
        with pytest.raises(Closed, match="registry takes no errands any more"):
            await errands.run(int, SOON_S)
        go_on.set()
        await asyncio.gather(*runs)

    play(story)
    assert done == [1]


def test_an_errand_may_end_after_its_loop() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def hang() -> None:
        go_on.wait()

    async def story(errands: Errands) -> None:
        with pytest.raises(TimeoutError):
            await errands.run(hang, 0.001)
        with pytest.raises(TimeoutError):
            await errands.run(ended.set, 0.001)

    play(story)
    go_on.set()
    assert ended.wait(SOON_S)
