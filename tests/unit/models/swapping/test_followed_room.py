"""A followed model where memory is short: what goes, and for whom."""

from __future__ import annotations

from runtime.errors import ModelError
from runtime.models.swapping.hands import Costs
from runtime.models.swapping.lifecycle import Stage
from runtime.registry.source import RegistryUnavailable
from tests.unit.models.swapping.fake_hands import Bench, play, pointer

GONE_AWAY = RegistryUnavailable("the registry is away")
NOT_PROVEN = ModelError("output y has another shape")


def test_without_room_the_old_version_goes_on_and_it_is_tried_again() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        bench.hands.cost, bench.hands.spare = Costs(1 << 30, 2 << 30), 1 << 20
        await bench.hear(2)
        assert bench.stages == {1: Stage.SERVING, 2: Stage.REFUSED}
        assert "there is no room beside what serves" in bench.hands.reasons[2]
        assert "load 2" not in bench.hands.done
        bench.hands.spare = 4 << 30
        bench.pass_time(1.0)
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}


def test_warm_versions_go_first_where_their_memory_is_needed() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)
        bench.hands.cost, bench.hands.spare = Costs(1 << 30, 1 << 30), 200 << 20
        await bench.hear(3)

    play(bench, story)
    assert bench.stages == {2: Stage.WARM, 3: Stage.SERVING}
    order = ["fetch 3", "withdraw 1", "given back", "load 3", "serve 3"]
    assert [each for each in bench.hands.done if each in order] == order


def test_where_a_gap_is_allowed_the_old_version_goes_before_the_new_one_loads() -> None:
    bench = Bench(replaces=True)

    async def story() -> None:
        await bench.hear(1)
        bench.fill_memory()
        await bench.hear(2)

    play(bench, story)
    assert bench.stages == {2: Stage.SERVING}
    assert bench.hands.done[3:] == [
        "fetch 2", "withdraw 1", "given back", "load 2", "serve 2"
    ]  # fmt: skip


def test_a_load_that_fails_after_the_old_version_went_brings_that_back() -> None:
    bench = Bench(replaces=True)
    bench.hands.loading[2] = NOT_PROVEN

    async def story() -> None:
        await bench.hear(1)
        bench.fill_memory()
        await bench.hear(2)

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING, 2: Stage.REFUSED}
    assert bench.hands.preferred == 1
    assert bench.hands.done.count("load 1") == 2
    assert "digest-1" in bench.hands.digests


async def reach_fetch_of_two(bench: Bench) -> None:
    """Serve version 1 where there is room for one, and begin to fetch version 2."""
    await bench.hear(1)
    bench.fill_memory()
    bench.hands.hold("fetch 2")
    bench.followed.hear(pointer(2))
    await bench.hands.begun("fetch 2").wait()


def test_a_freeze_during_a_fetch_keeps_what_serves_from_being_replaced() -> None:
    bench = Bench(replaces=True)

    async def story() -> None:
        await reach_fetch_of_two(bench)
        await bench.followed.freeze("an audit", "ana")
        bench.hands.holds["fetch 2"].set()
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING, 2: Stage.REFUSED}
    assert "withdraw 1" not in bench.hands.done
    assert "not wanted just now" in bench.hands.reasons[2]


def test_an_alias_that_comes_back_during_a_fetch_replaces_nothing() -> None:
    bench = Bench(replaces=True)

    async def story() -> None:
        await reach_fetch_of_two(bench)
        bench.followed.hear(pointer(1, 9))
        bench.hands.holds["fetch 2"].set()
        await bench.rest()

    play(bench, story)
    assert bench.followed.serving == 1
    assert "withdraw 1" not in bench.hands.done
