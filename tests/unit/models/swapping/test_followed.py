"""The life of a followed model, with hands that do as they are told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from runtime.errors import ModelError
from runtime.models.describe import FOLLOWS
from runtime.models.swapping.lifecycle import Stage
from runtime.models.swapping.local_state import Frozen, Known
from runtime.models.swapping.policy import Keeping
from runtime.registry.source import RegistryUnavailable, Use
from tests.unit.models.swapping.fake_hands import Bench, play, pointer

GONE_AWAY = RegistryUnavailable("the registry is away")
NOT_PROVEN = ModelError("output y has another shape")


def test_the_whole_life_of_a_model() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        assert bench.stages == {1: Stage.SERVING}
        await bench.hear(2)
        assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}
        assert bench.hands.after == {1: 0, 2: 1}
        assert (bench.followed.serving, bench.followed.warm) == (2, 1)
        assert bench.followed.uses == [Use("fraud", 1, "warm"), Use("fraud", 2, "serves")]
        await bench.hear(3)
        assert bench.stages == {2: Stage.WARM, 3: Stage.SERVING}
        bench.pass_time(99.0)
        assert bench.stages == {2: Stage.WARM, 3: Stage.SERVING}
        bench.pass_time(1.0)
        assert bench.stages == {3: Stage.SERVING}

    play(bench, story)
    assert bench.hands.done == [
        "fetch 1", "load 1", "serve 1",
        "fetch 2", "load 2", "serve 2",
        "fetch 3", "load 3", "serve 3",
        "withdraw 1", "withdraw 2",
    ]  # fmt: skip
    assert bench.hands.known == Known(pointer(3), 3, "digest-3")
    assert bench.hands.digests == {"digest-3"}
    assert [each.action for each in bench.news] == ["swapped"] * 3
    assert bench.followed.timings.outcomes == {"swapped": 3}


def test_clients_are_told_how_each_version_stands() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        bench.hands.loading[3] = NOT_PROVEN
        await bench.hear(2)
        await bench.hear(3)

    play(bench, story)
    told = {n: json.loads(each[FOLLOWS]) for n, each in bench.hands.told.items()}
    common = {"alias": "fraud@champion", "wanted": 3, "back": 1, "frozen": "", "serving": 2}
    assert told == {
        1: {**common, "stage": "warm"},
        2: {**common, "stage": "serving"},
        3: {**common, "stage": "refused"},
    }


def test_the_same_word_of_the_registry_changes_nothing() -> None:
    bench = Bench()
    published: list[int] = []

    async def story() -> None:
        await bench.hear(1)
        bench.hands.on_publish = lambda: published.append(1)
        await bench.hear(1)
        bench.followed.settle()

    play(bench, story)
    assert published == []


def test_what_chose_a_version_is_told() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)

    play(bench, story)
    words = "the alias fraud@champion, moved by ana at 2026-11-18T11:06:35Z"
    assert bench.hands.chosen == {1: words}
    assert bench.followed.timings.seconds["alias_to_serving"] == 6.0


def test_after_a_restart_it_serves_what_it_served_without_its_registry() -> None:
    bench = Bench(Known(pointer(2), 1, "digest-1"))
    bench.hands.fetching[2] = GONE_AWAY

    async def story() -> None:
        bench.followed.settle()
        await bench.rest()
        assert bench.stages == {2: Stage.REFUSED, 1: Stage.SERVING}
        assert bench.hands.reasons == {2: "the registry is away"}
        del bench.hands.fetching[2]
        bench.pass_time(1.0)
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}
    assert bench.hands.reasons == {}


def test_without_any_word_of_the_registry_the_last_version_serves() -> None:
    bench = Bench(Known(None, 4, "digest-4"))

    async def story() -> None:
        bench.followed.fail("the registry is away")
        await bench.rest()

    play(bench, story)
    assert bench.stages == {4: Stage.SERVING}
    assert "alias_to_serving" not in bench.followed.timings.seconds


def test_a_restart_is_no_swap_that_took_days() -> None:
    bench = Bench(Known(pointer(1), 1, "digest-1"))

    async def story() -> None:
        bench.now_s += 86_400.0
        bench.followed.settle()
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING}
    assert "alias_to_serving" not in bench.followed.timings.seconds


def test_of_two_quick_moves_the_last_one_counts() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        bench.hands.hold("load 2")  # It hangs.
        bench.followed.hear(pointer(2))
        await bench.hands.begun("load 2").wait()
        bench.followed.hear(pointer(3))
        await bench.rest()
        assert bench.stages == {1: Stage.WARM, 3: Stage.SERVING}

    play(bench, story)
    assert "serve 2" not in bench.hands.done


def test_an_alias_may_move_back_and_forth_before_anything_has_begun() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        for generation, number in enumerate((2, 3, 2, 3, 2), 10):
            bench.followed.hear(pointer(number, generation))
        await bench.rest()
        assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}

    play(bench, story)


def test_an_alias_that_comes_back_during_a_load_leaves_all_as_it_was() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        two = bench.hands.hold("load 2")
        bench.followed.hear(pointer(2))
        await bench.hands.begun("load 2").wait()
        bench.followed.hear(pointer(1, 9))
        two.set()
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING}
    assert [each for each in bench.hands.done if each.startswith("serve")] == ["serve 1"]


def test_a_warm_version_serves_again_without_a_load() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)
        await bench.hear(1, 3)

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING, 2: Stage.WARM}
    assert bench.hands.done.count("load 1") == 1


def test_a_warm_version_whose_workers_have_ended_is_loaded_anew() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)
        bench.hands.broken.add(1)
        assert bench.followed.warm == 0
        bench.followed.settle()
        assert json.loads(bench.hands.told[2][FOLLOWS])["back"] == 0
        bench.followed.hear(pointer(1, 3))
        assert bench.followed.serving == 2
        bench.hands.broken.clear()
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING, 2: Stage.WARM}
    assert bench.hands.done.count("load 1") == 2


def test_no_warm_versions_are_kept_where_nobody_wants_them() -> None:
    bench = Bench(keeping=Keeping(100.0, 0))

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)

    play(bench, story)
    assert bench.stages == {2: Stage.SERVING}


def test_a_model_that_has_no_version_says_why_until_it_has_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()

    async def story() -> None:
        for _ in range(3):
            bench.followed.fail("there is no alias fraud@champion")
        assert bench.hands.reasons == {0: "there is no alias fraud@champion"}
        await bench.hear(1)
        assert bench.hands.reasons == {}
        bench.followed.fail("the alias was removed")
        await bench.rest()

    play(bench, story)
    assert (bench.stages, bench.hands.reasons) == ({1: Stage.SERVING}, {})
    said = [r.message for r in caplog.records if "not followed" in r.message]
    assert said == [
        "fraud version 0: not followed (there is no alias fraud@champion)",
        "fraud version 1: not followed (the alias was removed)",
    ]


def test_a_disk_that_refuses_stops_no_swap(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.hands.disk = OSError("read-only file system")

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)

    play(bench, story)
    assert bench.followed.serving == 2
    assert any("until a restart only" in record.message for record in caplog.records)


@pytest.mark.parametrize("what", ["fetch 2", "load 2", "given back"])
def test_a_model_may_be_closed_whatever_is_under_way(what: str) -> None:
    bench = Bench(replaces=what == "given back")

    async def story() -> None:
        await bench.hear(1)
        if what == "given back":
            bench.fill_memory()
        bench.hands.hold(what)
        bench.followed.hear(pointer(2))
        await bench.hands.begun(what).wait()
        await bench.followed.close()
        bench.followed.settle()
        bench.followed.retry()

    play(bench, story)
    assert "serve 2" not in bench.hands.done
    assert bench.hands.known.pointer == pointer(2)


def test_closing_waits_until_the_last_word_is_written() -> None:
    bench = Bench()

    async def story() -> None:
        bench.followed.hear(pointer(1))
        await bench.followed.close()

    play(bench, story)
    assert bench.hands.known == Known(pointer(1))


def test_a_version_that_the_server_is_frozen_on_is_not_loaded_again_and_again() -> None:
    frozen = Frozen(1, "digest-1", "an audit", "ana", 0.0)
    bench = Bench(Known(pointer(2), 1, "digest-1", frozen))
    bench.hands.loading[1] = NOT_PROVEN

    async def story() -> None:
        bench.followed.settle()
        await bench.rest()
        bench.pass_time(1e6)
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.REFUSED}
    assert bench.hands.done == ["fetch 1", "load 1"]


def test_what_publishing_calls_back_may_settle_again() -> None:
    bench = Bench()

    async def story() -> None:
        bench.hands.on_publish = bench.followed.settle
        await bench.hear(1)
        await bench.hear(2)

    play(bench, story)
    assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}
    assert bench.hands.preferred == 2


def test_other_rules_hold_from_the_next_look_on() -> None:
    bench = Bench()

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)
        bench.followed.rules = replace(bench.followed.rules, keeping=Keeping(100.0, 0))
        bench.followed.settle()

    play(bench, story)
    assert bench.stages == {2: Stage.SERVING}
