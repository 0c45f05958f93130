"""What people ask of a followed model: to freeze it, to follow again, to go back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from runtime.errors import ModelError
from runtime.models.describe import FOLLOWS
from runtime.models.swapping.lifecycle import Stage
from runtime.models.swapping.local_state import Frozen, Known
from runtime.models.swapping.notebook import NotWritten
from runtime.registry.source import Happened
from tests.unit.models.swapping.fake_hands import NOON, Bench, play, pointer


def test_a_frozen_model_stays_whatever_its_alias_says_and_follows_again() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        frozen = await bench.followed.freeze("an audit", "ana")
        assert frozen == Frozen(1, "digest-1", "an audit", "ana", NOON + 1.0)
        assert bench.hands.known.frozen == replace(frozen, stays=True)
        await bench.hear(2)
        assert bench.stages == {1: Stage.SERVING}
        told = json.loads(bench.hands.told[1][FOLLOWS])
        assert told["frozen"] == (
            "on version 1 by ana since 2026-11-18T11:06:41Z: an audit"
        )
        await bench.followed.unfreeze("bob")
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}
    assert bench.news[1:3] == [
        Happened("frozen", "fraud", 1, "ana", "an audit"),
        Happened("unfrozen", "fraud", 1, "bob", ""),
    ]
    assert bench.hands.known.frozen is None


def test_a_freeze_during_a_load_holds_back_what_was_loaded() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        two = bench.hands.hold("load 2")
        bench.followed.hear(pointer(2))
        await bench.hands.begun("load 2").wait()
        await bench.followed.freeze("", "ana")
        two.set()
        await bench.rest()
        assert bench.stages == {1: Stage.SERVING, 2: Stage.PROVEN}
        await bench.followed.unfreeze("ana")

    play(bench, story)
    assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}


def test_a_freeze_holds_after_a_restart() -> None:
    frozen = Frozen(1, "digest-1", "an audit", "ana", NOON)
    bench = Bench(Known(pointer(2), 1, "digest-1", frozen))

    async def story() -> None:
        bench.followed.settle()
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING}
    assert bench.hands.chosen == {1: "fraud@champion: it is frozen on this version"}


def test_nothing_can_be_frozen_where_nothing_serves() -> None:
    bench = Bench()

    async def story() -> None:
        with pytest.raises(ModelError, match="fraud serves no version"):
            await bench.followed.freeze("", "ana")
        with pytest.raises(ModelError, match="fraud is not frozen"):
            await bench.followed.unfreeze("ana")

    play(bench, story)


def test_a_freeze_of_the_registry_is_ended_there() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        bench.followed.hear(pointer(2, frozen="an audit"))
        await bench.rest()
        assert bench.stages == {1: Stage.SERVING}
        assert bench.followed.frozen is not None
        assert (bench.followed.frozen.number, bench.followed.frozen.by) == (
            1, "the registry"
        )  # fmt: skip
        with pytest.raises(ModelError, match="frozen in the registry, not here"):
            await bench.followed.unfreeze("ana")
        await bench.hear(2)

    play(bench, story)
    assert bench.followed.serving == 2


def test_the_first_version_comes_though_the_registry_is_frozen() -> None:
    bench = Bench()

    async def story() -> None:
        bench.followed.hear(pointer(2, frozen="an audit"))
        await bench.rest()

    play(bench, story)
    assert bench.stages == {2: Stage.SERVING}


def test_a_freeze_that_cannot_be_written_down_is_told_and_holds_until_a_restart() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        bench.hands.disk = OSError("no space left on device")
        with pytest.raises(NotWritten, match=r"until a restart only.*no space left"):
            await bench.followed.freeze("", "ana")
        await bench.hear(2)

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING}


async def serve_two(bench: Bench) -> None:
    """Serve version 2, with version 1 warm."""
    await bench.hear(1)
    await bench.hear(2)


def test_a_rollback_serves_the_warm_version_at_once_and_holds_it() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        took = await bench.followed.go_back(1, "ana", "")
        assert took == 0.0  # The clock stands: nothing was waited for.
        assert bench.stages == {1: Stage.SERVING, 2: Stage.WARM}
        assert bench.hands.preferred == 1
        frozen = bench.hands.known.frozen
        assert frozen is not None
        assert (frozen.number, frozen.by, frozen.reason, frozen.expected) == (
            1, "ana", "rolled back from version 2", 2
        )  # fmt: skip
        await bench.hear(3)
        assert bench.followed.serving == 1

    play(bench, story)
    assert bench.followed.timings.outcomes == {"swapped": 2, "rolled_back": 1}
    assert bench.news[-1].action == "rolled-back"


def test_once_the_alias_was_moved_a_rollback_is_over() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        await bench.followed.go_back(1, "ana", "")
        asked = bench.followed.known.frozen
        assert asked is not None
        bench.followed.hear(pointer(1, 3))
        await bench.followed.release(asked, 3)
        assert bench.hands.known.frozen is None
        await bench.hear(4)

    play(bench, story)
    assert bench.followed.serving == 4


def test_where_the_alias_will_not_be_moved_it_stays_until_it_is_unfrozen() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        await bench.followed.go_back(1, "ana", "")
        asked = bench.followed.known.frozen
        assert asked is not None
        await bench.followed.release(asked, None)
        assert bench.hands.known.frozen == replace(asked, expected=None)
        await bench.hear(3)
        assert bench.followed.serving == 1
        await bench.followed.unfreeze("ana")
        await bench.rest()

    play(bench, story)
    assert bench.followed.serving == 3


def test_a_rollback_is_not_behind_a_load() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        three = bench.hands.hold("load 3")
        bench.followed.hear(pointer(3))
        await bench.hands.begun("load 3").wait()
        await bench.followed.go_back(1, "ana", "")
        assert bench.hands.preferred == 1
        three.set()
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING, 2: Stage.WARM, 3: Stage.PROVEN}


def test_a_second_rollback_undoes_the_first() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        await bench.followed.go_back(bench.followed.warm, "ana", "")
        first = bench.followed.known.frozen
        assert first is not None
        await bench.followed.go_back(bench.followed.warm, "ana", "")
        assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}
        # The alias was moved for the first one while the second was asked for.
        bench.followed.hear(pointer(1, 3))
        await bench.followed.release(first, 3)
        assert bench.followed.serving == 2
        second = bench.followed.known.frozen
        assert second is not None
        assert (second.number, second.expected) == (2, 3)

    play(bench, story)


def test_a_freeze_by_hand_outlives_a_rollback() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        await bench.followed.freeze("an audit", "ana")
        await bench.followed.go_back(1, "bob", "")
        asked = bench.followed.known.frozen
        assert asked is not None
        bench.followed.hear(pointer(1, 3))
        await bench.followed.release(asked, 3)
        left = bench.followed.known.frozen
        assert left == replace(asked, expected=None)
        await bench.hear(3)

    play(bench, story)
    assert bench.followed.serving == 1


def test_who_freezes_after_a_rollback_still_has_the_alias_moved() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        await bench.followed.go_back(1, "ana", "")
        await bench.followed.freeze("an audit", "bob")
        frozen = bench.followed.known.frozen
        assert frozen is not None
        assert (frozen.number, frozen.expected, frozen.stays) == (1, 2, True)

    play(bench, story)


def test_a_rollback_happens_though_the_disk_refuses() -> None:
    bench = Bench()

    async def story() -> None:
        await serve_two(bench)
        bench.hands.disk = OSError("no space left on device")
        await bench.followed.go_back(1, "ana", "")

    play(bench, story)
    assert bench.followed.serving == 1
    assert bench.followed.known.frozen is not None
