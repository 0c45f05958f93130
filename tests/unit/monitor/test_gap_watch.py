"""Gaps between groups become verdicts: which, since when, by which counts, and when not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtime.monitor.alarm_book import Book
from runtime.monitor.gap_watch import MOST_BLOCKS, MOST_TESTED, GapWatch, questions
from runtime.monitor.lifecycle import State
from runtime.monitor.quality_outcomes import Outcomes, judged_pairs
from runtime.monitor.settings import ModelWatch, Task
from runtime.monitor.signals import Aspect, Kind, Verdict
from tests.unit.monitor.journal_desk import NOW
from tests.unit.monitor.quality_pairs import BINARY, pair

KEY = ("fraud", 3)
LOOKS = 10_000.0
WATCH = replace(BINARY, groups=("sex",))
PARITY, OPPORTUNITY = "sex: demographic_parity", "sex: equal_opportunity"

Rates = dict[str, float]


def answers(
    rng: np.random.Generator,
    n: int,
    rates: Rates,
    watch: ModelWatch = WATCH,
    start: int = 0,
) -> Outcomes:
    """Pairs of groups drawn evenly; each is chosen as often as its rate says."""
    groups = rng.choice(list(rates), n)
    chosen = rng.random(n) < np.array([rates[group] for group in groups])
    truths = rng.random(n) < 0.5
    pairs = [
        pair(start + i, 0.9 if chosen[i] else 0.1, float(truths[i]), groups={"sex": str(g)})
        for i, g in enumerate(groups)
    ]
    return judged_pairs(pairs, watch)


def last(said: list[Verdict], name: str) -> Verdict:
    return next(each for each in reversed(said) if each.subject.name == name)


def watched(
    gaps: GapWatch, found: Outcomes, size: int = 50, from_s: float = NOW
) -> list[Verdict]:
    said = []
    for start in range(0, found.n, size):
        said += gaps.look(found.part(slice(start, start + size)), from_s + start)
    return said


def test_a_gap_is_an_alarm_with_counts_since_and_sentence(rng: np.random.Generator) -> None:
    gaps = GapWatch(KEY, WATCH, LOOKS)
    calm = watched(gaps, answers(rng, 1_000, {"f": 0.5, "m": 0.5}))
    assert not any(verdict.is_firing for verdict in calm)
    found = last(
        watched(gaps, answers(rng, 1_000, {"f": 0.3, "m": 0.7}, start=1_000)), PARITY
    )
    subject = found.subject
    assert (subject.kind, subject.aspect) == (Kind.GROUP, Aspect.GAP)
    assert found.is_firing
    assert found.evidence.log_limit == pytest.approx(np.log(LOOKS))
    assert found.effect.name == "demographic parity"
    assert found.effect.tolerated == WATCH.labels.gap
    assert found.effect.value == pytest.approx(0.4, abs=0.1)
    assert found.since is not None
    assert found.since.row == pytest.approx(1_000, abs=60)
    assert found.since.time_s == pytest.approx(NOW + 1_000, abs=60)
    assert found.counts["rate of m"] == pytest.approx(0.7, abs=0.08)
    rows = found.counts["rows of m"] + found.counts["rows of f"]
    assert rows == pytest.approx(1_000, abs=60)
    assert found.window == f"{rows:,.0f} labels of these groups since then"
    assert found.sentence.startswith(
        "fraud version 3 answers groups of sex differently since about label "
    )
    assert "% of sex = m are said to be positive" in found.sentence
    assert found.sentence.endswith("in 30 days is expected at most.")


def test_the_alarm_fires_and_resolves_once_groups_are_answered_alike(
    rng: np.random.Generator,
) -> None:
    gaps, book = GapWatch(KEY, WATCH, LOOKS), Book()
    uneven = answers(rng, 600, {"f": 0.3, "m": 0.7})
    even = answers(rng, 20_000, {"f": 0.5, "m": 0.5})
    states = []
    for said in (watched(gaps, uneven), watched(gaps, even, from_s=NOW + 600)):
        for verdict in said:
            mine = [c.alarm for c in book.take([verdict]) if c.alarm.subject.name == PARITY]
            states += [alarm.state for alarm in mine]
    assert states == [State.PENDING, State.FIRING, State.COOLING, State.RESOLVED]


def test_opportunity_asks_only_those_who_are_positive(rng: np.random.Generator) -> None:
    """Among the negative, the gap is the other way round: parity has none."""
    n = 3_000
    truths = rng.random(n) < 0.5
    is_m = rng.random(n) < 0.5
    chosen = rng.random(n) < np.where(is_m == truths, 0.8, 0.4)
    found = judged_pairs(
        [
            pair(i, 0.9 if chosen[i] else 0.1, float(truths[i]),
                 groups={"sex": "m" if is_m[i] else "f"})
            for i in range(n)
        ],
        WATCH,
    )  # fmt: skip
    said = watched(GapWatch(KEY, WATCH, LOOKS), found)
    assert not any(v.is_firing for v in said if v.subject.name == PARITY)
    told = last(said, OPPORTUNITY)
    assert told.is_firing
    assert "of the positive ones among sex = m are found" in told.sentence


def test_small_groups_have_no_verdict(rng: np.random.Generator) -> None:
    watch = replace(WATCH, labels=replace(WATCH.labels, min_group=200))
    gaps = GapWatch(KEY, watch, LOOKS)
    assert watched(gaps, answers(rng, 300, {"f": 0.1, "m": 0.9})) == []
    later = watched(gaps, answers(rng, 300, {"f": 0.1, "m": 0.9}, start=300))
    assert last(later, PARITY).is_firing


def test_of_many_groups_the_two_furthest_apart_are_named(rng: np.random.Generator) -> None:
    rates = {"a": 0.5, "b": 0.5, "c": 0.9, "d": 0.2}
    found = last(watched(GapWatch(KEY, WATCH, LOOKS), answers(rng, 3_000, rates)), PARITY)
    assert found.is_firing
    assert sorted(name for name in found.counts if name.startswith("rows")) == [
        "rows of c", "rows of d",
    ]  # fmt: skip


def test_equal_groups_raise_no_alarm(rng: np.random.Generator) -> None:
    rates = dict.fromkeys("abcdef", 0.4)
    for _ in range(3):
        said = watched(GapWatch(KEY, WATCH, LOOKS), answers(rng, 2_000, rates))
        assert said
        assert not any(verdict.is_firing for verdict in said)


def test_groups_beyond_the_first_sixteen_are_not_tested(rng: np.random.Generator) -> None:
    gaps = GapWatch(KEY, WATCH, LOOKS)
    even = {f"g{i:02}": 0.5 for i in range(MOST_TESTED)}
    gaps.look(answers(rng, 2_000, even), NOW)
    said = watched(gaps, answers(rng, 2_000, {"late": 0.0, "later": 1.0}), 500)
    assert said == []


def test_keys_are_asked_alone_and_together() -> None:
    watch = replace(WATCH, groups=("sex", "age"))
    asked = [keys for keys, _ in questions(watch)]
    assert asked == [("sex",)] * 2 + [("age",)] * 2 + [("sex", "age")] * 2
    assert questions(replace(watch, task=Task.REGRESSION)) == []
    assert questions(replace(watch, labels=replace(watch.labels, gap=1.0))) == []
    assert questions(BINARY) == []


def test_pairs_without_the_key_are_left_out(rng: np.random.Generator) -> None:
    gaps = GapWatch(KEY, WATCH, LOOKS)
    bare = judged_pairs([pair(i) for i in range(50)], WATCH)
    assert gaps.look(bare, NOW) == []
    assert gaps.look(judged_pairs((), WATCH), NOW) == []


@pytest.mark.parametrize("cut", [40, 999, 2_000])
def test_a_restart_goes_on_exactly(cut: int, rng: np.random.Generator) -> None:
    found = answers(rng, 3_000, {"a": 0.3, "b": 0.5, "c": 0.6})
    before, after = found.part(slice(0, cut)), found.part(slice(cut, None))
    whole, gone, again = (GapWatch(KEY, WATCH, LOOKS) for _ in range(3))
    watched(whole, before)
    watched(gone, before)
    again.restore(gone.to_arrays())
    assert watched(again, after) == watched(whole, after)


def test_another_tolerance_begins_anew(rng: np.random.Generator) -> None:
    gaps = GapWatch(KEY, WATCH, LOOKS)
    watched(gaps, answers(rng, 1_000, {"f": 0.3, "m": 0.7}))
    other = GapWatch(KEY, replace(WATCH, labels=replace(WATCH.labels, gap=0.3)), LOOKS)
    other.restore(gaps.to_arrays())
    assert watched(other, answers(rng, 10, {"f": 0.3, "m": 0.7})) == []


def test_a_state_that_was_cut_short_is_refused(rng: np.random.Generator) -> None:
    gaps = GapWatch(KEY, WATCH, LOOKS)
    watched(gaps, answers(rng, 200, {"f": 0.3, "m": 0.7}))
    arrays = gaps.to_arrays()
    broken = {**arrays, "0.0.course": arrays["0.0.course"][:, :3]}
    with pytest.raises(ValueError, match="cut short"):
        GapWatch(KEY, WATCH, LOOKS).restore(broken)


def test_the_course_of_a_long_stream_stays_small_and_its_end_fine(
    rng: np.random.Generator,
) -> None:
    gaps = GapWatch(KEY, WATCH, LOOKS)
    for start in range(0, 20_000, 5_000):
        gaps.look(answers(rng, 5_000, {"f": 0.5, "m": 0.5}, start=start), NOW)
    found = last(
        watched(gaps, answers(rng, 400, {"f": 0.2, "m": 0.8}, start=20_000)), PARITY
    )
    assert found.is_firing
    assert found.since is not None
    assert found.since.row == pytest.approx(20_000, abs=40)
    assert gaps.to_arrays()["0.0.course"].shape[0] <= MOST_BLOCKS
