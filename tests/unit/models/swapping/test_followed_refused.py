"""A followed model whose next version cannot be fetched or loaded."""

from __future__ import annotations

import pytest

from runtime.errors import ModelError
from runtime.models.swapping.lifecycle import Stage
from runtime.registry.source import DigestMismatch, RegistryUnavailable
from tests.unit.models.swapping.fake_hands import Bench, play

GONE_AWAY = RegistryUnavailable("the registry is away")
NOT_PROVEN = ModelError("output y has another shape")


def test_a_version_that_is_refused_leaves_the_old_one_until_the_alias_moves() -> None:
    bench = Bench()
    bench.hands.loading[2] = NOT_PROVEN

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)
        assert bench.stages == {1: Stage.SERVING, 2: Stage.REFUSED}
        bench.pass_time(1e6)
        await bench.rest()
        assert bench.hands.done.count("fetch 2") == 1
        assert bench.hands.reasons == {2: "output y has another shape"}
        del bench.hands.loading[2]
        await bench.hear(2, generation=7)  # Pointed at it once more: try again.

    play(bench, story)
    assert bench.stages == {1: Stage.WARM, 2: Stage.SERVING}
    assert [(e.action, e.number) for e in bench.news] == [
        ("swapped", 1), ("refused", 2), ("swapped", 2)
    ]  # fmt: skip


def test_what_was_refused_and_is_not_wanted_any_more_is_forgotten() -> None:
    bench = Bench()
    bench.hands.loading[2] = NOT_PROVEN

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)
        await bench.hear(3)

    play(bench, story)
    assert bench.stages == {1: Stage.WARM, 3: Stage.SERVING}
    assert bench.hands.reasons == {}


@pytest.mark.parametrize(
    "error",
    [GONE_AWAY, DigestMismatch("a file is damaged"), OSError("disk full"), TimeoutError()],
)
def test_what_may_be_mended_is_tried_again_with_growing_pauses(error: Exception) -> None:
    bench = Bench()
    bench.hands.fetching[1] = error
    pauses: list[float] = []

    async def story() -> None:
        await bench.hear(1)
        for _ in range(8):
            at = bench.followed.kept[1].retry_at_s
            assert at is not None
            pauses.append(at - bench.now_s)
            bench.pass_time(pauses[-1] - 0.01)
            assert bench.stages == {1: Stage.REFUSED}
            bench.pass_time(0.011)
            await bench.rest()
        del bench.hands.fetching[1]
        bench.followed.retry()
        await bench.rest()

    play(bench, story)
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    assert bench.stages == {1: Stage.SERVING}
    assert [each.action for each in bench.news] == ["refused", "swapped"]


def test_a_version_that_was_refused_for_good_may_be_tried_again_by_a_person() -> None:
    bench = Bench()
    bench.hands.loading[1] = NOT_PROVEN

    async def story() -> None:
        await bench.hear(1)
        del bench.hands.loading[1]
        bench.followed.retry()
        await bench.rest()

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING}


def test_an_error_that_nobody_expected_is_told_and_the_old_one_serves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.hands.loading[2] = ZeroDivisionError("by zero")

    async def story() -> None:
        await bench.hear(1)
        await bench.hear(2)

    play(bench, story)
    assert bench.stages == {1: Stage.SERVING, 2: Stage.REFUSED}
    assert bench.hands.reasons == {2: "by zero"}
    assert any(record.exc_info for record in caplog.records)
