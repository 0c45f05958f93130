"""Every rule of what is done next, and that it comes to an end from anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.models.swapping.lifecycle import Stage
from runtime.models.swapping.policy import (
    LONGEST_PAUSE_S,
    Action,
    Held,
    Keeping,
    Kind,
    Wish,
    next_action,
    retry_pause_s,
    wake_at,
)

KEEPING = Keeping(warm_s=100.0, most=1)
ONE_SERVES = Held(1, Stage.SERVING, ready=True)
TWO_SERVES = Held(2, Stage.SERVING, ready=True)


def chosen(
    wish: Wish, *held: Held, now_s: float = 0.0, keeping: Keeping = KEEPING
) -> Action | None:
    return next_action(wish, held, keeping, now_s)


def proven(number: int, ready: bool = True) -> Held:
    return Held(number, Stage.PROVEN, ready)


def warm(number: int, since_s: float = 0.0, ready: bool = True) -> Held:
    return Held(number, Stage.WARM, ready, since_s)


def refused(number: int, retry_at_s: float | None = None, generation: int = 0) -> Held:
    return Held(number, Stage.REFUSED, False, 0.0, generation, retry_at_s)


def test_nothing_is_done_where_nothing_is_wanted() -> None:
    assert chosen(Wish(0)) is None


def test_a_version_that_is_not_here_is_loaded() -> None:
    assert chosen(Wish(2), ONE_SERVES) == Action(Kind.LOAD, 2)
    assert chosen(Wish(2), Held(2, Stage.WANTED)) == Action(Kind.LOAD, 2)


@pytest.mark.parametrize("stage", [Stage.FETCHING, Stage.LOADING])
def test_a_version_that_is_on_its_way_is_waited_for(stage: Stage) -> None:
    assert chosen(Wish(2), ONE_SERVES, Held(2, stage)) is None


def test_a_version_that_is_proven_takes_over() -> None:
    assert chosen(Wish(2), ONE_SERVES, proven(2)) == Action(Kind.SWAP, 2)


def test_a_warm_version_serves_again_at_once() -> None:
    assert chosen(Wish(1), TWO_SERVES, warm(1)) == Action(Kind.SWAP, 1)


@pytest.mark.parametrize("held", [proven(2, ready=False), warm(2, ready=False)])
def test_a_version_whose_workers_end_is_given_back_and_loaded_again(held: Held) -> None:
    action = chosen(Wish(2), ONE_SERVES, held)
    assert action == Action(Kind.RETIRE, 2, "its workers keep ending")
    assert chosen(Wish(2), ONE_SERVES) == Action(Kind.LOAD, 2)


def test_what_serves_as_it_should_is_left_alone_though_its_workers_end() -> None:
    assert chosen(Wish(1), replace(ONE_SERVES, ready=False)) is None


def test_a_refused_version_waits_for_its_alias() -> None:
    assert chosen(Wish(2, 5), ONE_SERVES, refused(2, generation=5), now_s=1e9) is None
    moved = chosen(Wish(2, 6), ONE_SERVES, refused(2, generation=5))
    assert moved == Action(Kind.LOAD, 2)


def test_a_refused_version_that_may_be_mended_waits_for_its_time() -> None:
    held = refused(2, retry_at_s=7.0)
    assert chosen(Wish(2), ONE_SERVES, held, now_s=6.9) is None
    assert chosen(Wish(2), ONE_SERVES, held, now_s=7.0) == Action(Kind.LOAD, 2)


def test_where_nothing_serves_and_the_wanted_one_is_refused_the_last_one_returns() -> None:
    wish = Wish(2, fallback=1)
    assert chosen(wish, refused(2)) == Action(Kind.LOAD, 1, "it served last")
    assert chosen(wish, refused(2), warm(1)) == Action(Kind.SWAP, 1, "it served last")
    assert chosen(wish, refused(2), refused(1)) is None


def test_the_last_one_serves_where_nobody_says_what_should() -> None:
    assert chosen(Wish(0, fallback=1)) == Action(Kind.LOAD, 1, "it served last")


def test_after_a_restart_what_served_last_comes_first_and_alone() -> None:
    wish = Wish(2, fallback=1)
    assert chosen(wish) == Action(Kind.LOAD, 1, "it served last")
    assert chosen(wish, Held(1, Stage.LOADING)) is None
    assert chosen(wish, proven(1)) == Action(Kind.SWAP, 1, "it served last")
    assert chosen(wish, Held(1, Stage.SERVING, True)) == Action(Kind.LOAD, 2)
    assert chosen(wish, refused(1)) == Action(Kind.LOAD, 2)


def test_the_last_one_stays_away_while_the_wanted_one_comes() -> None:
    assert chosen(Wish(2, fallback=1), Held(2, Stage.LOADING)) is None
    assert chosen(Wish(2, fallback=1), proven(2), warm(1)) == Action(Kind.SWAP, 2)


def test_the_wanted_one_is_tried_before_the_last_one() -> None:
    wish = Wish(2, fallback=1)
    assert chosen(wish, refused(2, retry_at_s=0.0)) == Action(Kind.LOAD, 2)


def test_a_frozen_model_serves_what_it_is_frozen_on() -> None:
    why = "it is frozen on this version"
    assert chosen(Wish(1, frozen=True)) == Action(Kind.LOAD, 1, why)
    assert chosen(Wish(1, frozen=True), TWO_SERVES, warm(1)) == Action(Kind.SWAP, 1, why)


def test_a_frozen_model_keeps_all_that_it_has() -> None:
    held = (ONE_SERVES, proven(2), warm(3), warm(4))
    assert chosen(Wish(1, frozen=True), *held, now_s=1e9) is None


def test_a_proven_version_that_nobody_wants_any_more_is_given_back() -> None:
    action = chosen(Wish(1), ONE_SERVES, proven(2))
    assert action == Action(Kind.RETIRE, 2, "the alias has moved on")


def test_no_more_are_kept_warm_than_the_limit_and_the_latest_stay() -> None:
    held = (Held(9, Stage.SERVING, True), warm(1, 1.0), warm(3, 3.0), warm(2, 2.0))
    words = "1 warm version at most are kept"
    oldest = chosen(Wish(9), *held, now_s=4.0)
    assert oldest == Action(Kind.RETIRE, 1, words)
    rest = (each for each in held if each.number != 1)
    assert chosen(Wish(9), *rest, now_s=4.0) == Action(Kind.RETIRE, 2, words)
    none = chosen(Wish(9), held[0], warm(3, 3.0), keeping=Keeping(100.0, 0), now_s=4.0)
    assert none == Action(Kind.RETIRE, 3, "0 warm versions at most are kept")


def test_a_version_is_kept_warm_for_its_time() -> None:
    held = (TWO_SERVES, warm(1, since_s=5.0))
    assert chosen(Wish(2), *held, now_s=104.9) is None
    action = chosen(Wish(2), *held, now_s=105.0)
    assert action == Action(Kind.RETIRE, 1, "it was kept warm for 100 s")


def test_nothing_that_could_still_serve_goes_while_nothing_serves() -> None:
    wish = Wish(2, fallback=1)
    held = (Held(2, Stage.LOADING), warm(1))
    assert chosen(wish, *held, now_s=1e9) is None


def test_one_wakes_for_the_next_retry_and_the_end_of_a_warm_time() -> None:
    held = [TWO_SERVES, warm(1, since_s=5.0), refused(3, retry_at_s=50.0)]
    assert wake_at(Wish(3), held, KEEPING, 0.0) == 50.0
    assert wake_at(Wish(3), held, KEEPING, 50.0) == 105.0
    assert wake_at(Wish(3), held, KEEPING, 105.0) is None
    assert wake_at(Wish(2), held, KEEPING, 0.0) == 105.0
    assert wake_at(Wish(3, frozen=True), held, KEEPING, 0.0) == 50.0
    assert wake_at(Wish(2, frozen=True), held, KEEPING, 0.0) is None


def test_pauses_grow_and_are_bounded() -> None:
    assert [retry_pause_s(tries) for tries in (0, 1, 2, 3, 7, 10_000)] == [
        1.0, 1.0, 2.0, 4.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S
    ]  # fmt: skip


NUMBERS = st.integers(0, 5)
WISHES = st.builds(Wish, NUMBERS, st.integers(0, 2), NUMBERS, st.booleans())
OTHERS = [s for s in Stage if s not in (Stage.SERVING, Stage.GONE)]
TIMES = st.floats(0, 300)


@st.composite
def situations(draw: st.DrawFn) -> list[Held]:
    """Return versions with numbers of their own, of which one at most serves."""
    numbers = draw(st.lists(st.integers(1, 5), unique=True))
    served = draw(st.sampled_from([0, *numbers]))
    return [
        Held(
            number,
            Stage.SERVING if number == served else draw(st.sampled_from(OTHERS)),
            draw(st.booleans()),
            draw(TIMES),
            draw(st.integers(0, 2)),
            draw(st.none() | TIMES),
        )
        for number in numbers
    ]


def done(action: Action, held: list[Held], now_s: float) -> list[Held]:
    """Return the situation after an action, as the loop brings it about."""
    found = {each.number: each for each in held}
    match action.kind:
        case Kind.LOAD:
            found[action.number] = Held(action.number, Stage.FETCHING)
        case Kind.RETIRE:
            assert found.pop(action.number).stage in (Stage.PROVEN, Stage.WARM)
        case Kind.SWAP:
            for each in held:
                if each.stage is Stage.SERVING:
                    warm = replace(each, stage=Stage.WARM, since_s=now_s)
                    found[each.number] = warm
            taking = found[action.number]
            assert taking.stage in (Stage.PROVEN, Stage.WARM)
            assert taking.ready
            found[action.number] = replace(taking, stage=Stage.SERVING, since_s=now_s)
    return list(found.values())


def serving(held: list[Held]) -> int:
    return next((each.number for each in held if each.stage is Stage.SERVING), 0)


KEEPINGS = st.builds(Keeping, TIMES, st.integers(0, 3), st.just(0.0) | TIMES)


@given(WISHES, situations(), KEEPINGS, TIMES)
def test_from_anywhere_it_comes_to_an_end_and_what_serves_is_never_given_back(
    wish: Wish, held: list[Held], keeping: Keeping, now_s: float
) -> None:
    for _ in range(3 * 6):
        action = next_action(wish, held, keeping, now_s)
        assert action == next_action(wish, held, keeping, now_s)
        if action is None:
            break
        before = serving(held)
        held = done(action, held, now_s)
        assert serving(held) in (before, action.number)
        assert serving(held) or not before
    else:
        raise AssertionError(f"there is always something to do: {held}")
    at = wake_at(wish, held, keeping, now_s)
    assert at is None or at > now_s
    able = {e.number for e in held if e.stage in (Stage.PROVEN, Stage.WARM) and e.ready}
    assert wish.number not in able
    others = [each for each in held if each.number == wish.number]
    if not serving(held) and wish.fallback in able:
        assert others[0].stage in (Stage.FETCHING, Stage.LOADING)
    if not wish.frozen:
        spared = {wish.number} if serving(held) else {wish.number, wish.fallback}
        kept = [e for e in held if e.stage is Stage.WARM and e.number not in spared]
        assert len(kept) <= keeping.most + (keeping.linger_s > 0)
        if len(kept) <= keeping.most:
            assert all(now_s < each.since_s + keeping.warm_s for each in kept)
        else:
            assert at is not None


LINGERING = Keeping(warm_s=100.0, most=1, linger_s=2.0)
SWAPPED = (Held(4, Stage.SERVING, ready=True), warm(3, 10.0), warm(2, 5.0))


def test_the_one_version_too_many_is_given_back_some_time_after_the_swap() -> None:
    wish = Wish(4)
    assert chosen(wish, *SWAPPED, now_s=11.9, keeping=LINGERING) is None
    assert wake_at(wish, SWAPPED, LINGERING, 11.9) == 12.0
    late = chosen(wish, *SWAPPED, now_s=12.0, keeping=LINGERING)
    assert late == Action(Kind.RETIRE, 2, "1 warm version at most are kept")


def test_swaps_in_a_row_do_not_pile_versions_up() -> None:
    held = (*SWAPPED, warm(1, 4.0))
    at_once = chosen(Wish(4), *held, now_s=10.1, keeping=LINGERING)
    assert at_once is not None
    assert (at_once.kind, at_once.number) == (Kind.RETIRE, 1)
    assert chosen(Wish(4), *SWAPPED, now_s=10.1, keeping=LINGERING) is None
