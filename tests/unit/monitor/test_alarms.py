"""What looks make of an alarm: hysteresis, refires, blindness, clocks that go back."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.monitor.alarms import (
    Alarm,
    Said,
    alarm_id,
    is_news,
    judge,
    rebase,
    rest,
    shown,
)
from runtime.monitor.lifecycle import State
from runtime.monitor.signals import Blindness
from tests.unit.monitor.said import EPS, LATITUDE, POLICY, blind, other, verdict

PENDING, FIRING, COOLING, RESOLVED = State
STRONG, GROWING, WEAK = 12.0, 7.0, 1.0


def after(said: Iterable[Said], alarm: Alarm | None = None) -> Alarm | None:
    for each in said:
        alarm = judge(POLICY, alarm, each)
    return alarm


def states(said: Iterable[Said]) -> list[State | None]:
    found, alarm = [], None
    for each in said:
        alarm = judge(POLICY, alarm, each)
        found.append(alarm.state if alarm else None)
    return found


def fired() -> Alarm:
    alarm = after([verdict(0, STRONG)])
    assert alarm is not None
    return alarm


def test_evidence_grows_from_nothing_over_pending_to_firing() -> None:
    looks = [verdict(t, e) for t, e in enumerate([WEAK, GROWING, GROWING, STRONG])]
    assert states(looks) == [None, PENDING, PENDING, FIRING]


def test_evidence_at_the_limit_fires_at_once() -> None:
    alarm = fired()
    assert (alarm.state, alarm.episodes, alarm.fired_s) == (FIRING, 1, 0.0)


def test_a_suspicion_that_passes_leaves_nothing() -> None:
    assert states([verdict(0, GROWING), verdict(1, WEAK)]) == [PENDING, None]


def test_growing_evidence_of_a_tolerated_effect_is_no_suspicion() -> None:
    assert after([verdict(0, GROWING, EPS)]) is None


def test_a_short_effect_fires_though_the_window_has_forgotten_it() -> None:
    assert states([verdict(0, STRONG, EPS / 2)]) == [FIRING]


def test_it_cools_and_is_over_only_after_the_stated_times_of_calm() -> None:
    looks = [verdict(0, STRONG), *(verdict(t, WEAK) for t in (10, 69, 70, 189, 190))]
    assert states(looks) == [FIRING, FIRING, FIRING, COOLING, COOLING, RESOLVED]


@pytest.mark.parametrize("calm", [(WEAK, 0.4), (STRONG, EPS), (GROWING, EPS / 2)])
def test_evidence_or_effect_below_its_limit_is_calm(calm: tuple[float, float]) -> None:
    alarm = after([verdict(t, *calm) for t in (10, 70, 190)], fired())
    assert alarm is not None
    assert (alarm.state, alarm.resolved_s) == (RESOLVED, 190.0)
    assert alarm.reason == "all was calm for the stated time"


@pytest.mark.parametrize("unrest", [GROWING, STRONG])
def test_one_look_that_is_not_calm_begins_the_time_anew(unrest: float) -> None:
    looks = [verdict(0, STRONG), verdict(10, WEAK), verdict(60, unrest)]
    looks += [verdict(t, WEAK) for t in (70, 129, 130)]
    assert states(looks) == [FIRING] * 5 + [COOLING]


def test_time_without_looks_is_not_calm() -> None:
    alarm = after([verdict(1e6, STRONG)], fired())
    assert alarm is not None
    assert alarm.state is FIRING
    alarm = after([verdict(2e6, WEAK)], alarm)
    assert alarm is not None
    assert (alarm.state, alarm.calm_since_s) == (FIRING, 2e6)


def test_what_cools_and_fires_again_is_counted_and_is_the_same_episode() -> None:
    looks = [verdict(10, WEAK), verdict(70, WEAK), verdict(80, STRONG)]
    alarm = after(looks, fired())
    assert alarm is not None
    assert (alarm.state, alarm.refires, alarm.episodes) == (FIRING, 1, 1)
    assert alarm.fired_s == 0.0


def test_old_evidence_alone_does_not_bring_back_what_is_over() -> None:
    looks = [verdict(t, STRONG, EPS) for t in (10, 70, 190, 200)]
    assert states([verdict(0, STRONG), *looks])[-1] is RESOLVED
    alarm = after([*looks, verdict(210, STRONG, 0.4)], fired())
    assert alarm is not None
    assert (alarm.state, alarm.episodes, alarm.reason) == (FIRING, 2, "")


def test_what_is_over_can_be_suspected_again_and_stays_known() -> None:
    looks = [verdict(t, e) for t, e in [(10, WEAK), (190, WEAK), (400, WEAK),
                                        (410, GROWING), (420, WEAK)]]  # fmt: skip
    assert states([verdict(0, STRONG), *looks])[-2:] == [PENDING, RESOLVED]


def test_the_sentence_is_of_the_look_at_which_it_fired() -> None:
    alarm = after([verdict(5, STRONG), verdict(6, WEAK)], fired())
    assert alarm is not None
    assert alarm.sentence == "Latitude has moved, said at 0 s"
    assert alarm.told == verdict(0, STRONG)
    assert alarm.last == verdict(6, WEAK)


def test_a_clock_that_goes_back_loses_no_look() -> None:
    alarm = after([verdict(1_000, GROWING), verdict(5, STRONG)])
    assert alarm is not None
    assert (alarm.state, alarm.fired_s, alarm.looked_s) == (FIRING, 5.0, 5.0)


def test_a_clock_that_goes_back_begins_the_time_of_calm_anew() -> None:
    looks = [verdict(1_000, STRONG), verdict(1_010, WEAK)]
    looks += [verdict(t, WEAK) for t in (5, 64, 65, 185)]
    assert states(looks) == [FIRING, FIRING, FIRING, FIRING, COOLING, RESOLVED]


def test_blindness_lasts_by_the_clock_that_went_back() -> None:
    looks: list[Said] = [blind(1_000), blind(5), blind(34), blind(35)]
    assert states(looks) == [PENDING, PENDING, PENDING, FIRING]


def test_looks_without_a_word_count_by_their_own_time_after_a_clock_went_back() -> None:
    alarm: Alarm | None = fired()
    for time_s in (1_000, 5, 64):
        assert alarm is not None
        alarm = rest(POLICY, alarm, time_s)
    assert alarm is not None
    assert (alarm.state, alarm.calm_since_s) == (FIRING, 5)
    alarm = rest(POLICY, alarm, 65)
    assert alarm is not None
    assert alarm.state is COOLING


def test_an_effect_that_is_no_number_is_not_known_to_be_tolerated() -> None:
    nan = float("nan")
    assert states([verdict(0, STRONG, nan), verdict(70, STRONG, nan)]) == [FIRING, FIRING]


def test_evidence_that_is_no_number_is_none() -> None:
    assert after([verdict(0, float("nan"))]) is None


def test_blindness_is_an_alarm_once_it_has_lasted() -> None:
    looks: list[Said] = [blind(t) for t in (0, 29, 30)]
    assert states(looks) == [PENDING, PENDING, FIRING]


def test_a_short_blindness_is_none() -> None:
    assert states([blind(0), blind(29, False), blind(40)]) == [PENDING, None, PENDING]


def test_blindness_cools_is_over_and_comes_again_only_after_its_time() -> None:
    looks: list[Said] = [blind(0), blind(30)]
    looks += [blind(t, False) for t in (40, 100, 220)]
    looks += [blind(t) for t in (500, 520, 530)]
    assert states(looks)[1:] == [
        FIRING, FIRING, COOLING, RESOLVED, PENDING, PENDING, FIRING
    ]  # fmt: skip


def test_rebasing_ends_what_is_not_over_and_says_why() -> None:
    alarm = rebase(fired(), 9.0, "version 4 of housing was promoted")
    assert (alarm.state, alarm.resolved_s) == (RESOLVED, 9.0)
    assert alarm.reason == "version 4 of housing was promoted"
    assert rebase(alarm, 10.0, "again") is alarm


def test_only_more_than_new_numbers_is_news() -> None:
    alarm = fired()
    same = judge(POLICY, alarm, verdict(1, STRONG + 1))
    assert not is_news(alarm, same)
    assert is_news(alarm, judge(POLICY, alarm, verdict(1, WEAK)))
    assert is_news(None, alarm)
    assert is_news(alarm, None)
    assert not is_news(None, None)


def test_an_alarm_has_one_name_for_ever_and_no_other_has_it() -> None:
    assert fired().id == alarm_id(LATITUDE) == "822eaaae2855"
    names = {alarm_id(other(n, m, v)) for n in "ab" for m in "ab" for v in (1, 2)}
    assert len(names) == 8
    assert shown(LATITUDE) == "housing/3 input Latitude, drift"


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.floats(allow_nan=True),
            st.floats(allow_nan=True),
        ),
        max_size=40,
    )
)
def test_no_looks_whatsoever_lead_to_an_event_that_a_state_does_not_know(
    looks: list[tuple[float, float, float]],
) -> None:
    time_s, alarm = 0.0, None
    for pause_s, log_e, effect in looks:
        time_s += pause_s
        before = alarm
        alarm = judge(POLICY, alarm, verdict(time_s, log_e, effect))
        if before is not None and before.state is FIRING:
            assert alarm is not None
            assert alarm.state in (FIRING, COOLING)
        if alarm is not None and alarm.is_open:
            assert alarm.episodes > 0


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=40))
def test_no_blindness_leads_to_such_an_event(looks: list[tuple[float, bool]]) -> None:
    time_s, alarm = 0.0, None
    for pause_s, is_blind in looks:
        time_s += pause_s
        alarm = judge(POLICY, alarm, blind(time_s, is_blind))
        assert alarm is None or isinstance(alarm.last, Blindness)
