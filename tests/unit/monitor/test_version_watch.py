"""From the first row of a version to verdicts, with and without a given reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runtime.monitor.given import Given, placed
from runtime.monitor.settings import DEFAULT, ModelWatch, Task
from runtime.monitor.signals import Aspect, Verdict
from runtime.monitor.version_watch import Phase, VersionWatch
from runtime.profiles import Reference
from runtime.profiles.contract import contract_of
from tests.unit.monitor.filled import Filled, Rows, fill, look, plan, watch_of

SMALL = replace(DEFAULT, reference_rows=2_000)
TWO, ONE = [("x", "FP32", 2)], [("y", "FP32", 1)]


def normal(seed: int, rows: int = 500, width: int = 2, shift: float = 0.0) -> Rows:
    found = np.random.default_rng(seed).normal(size=(rows, width))
    found[:, 0] += shift
    return found.astype(np.float32)


def learned(settings: ModelWatch = SMALL) -> VersionWatch:
    """Return a watch that has learned its reference of two inputs."""
    watch = watch_of(plan(TWO), settings=settings)
    for step in range(7):
        assert look(watch, float(step), normal(step)) == []
    assert watch.phase is Phase.WATCHING
    return watch


def given_of(width: int = 2) -> tuple[Given, Reference]:
    made = Reference.from_rows(normal(99, 5_000, width).astype(float))
    references = placed(plan([("x", "FP32", width)], ONE), made)[1]
    return Given(references, "r.json", f"sha256:{made.digest}"), made


def firing(found: list[Verdict]) -> set[tuple[str, Aspect]]:
    return {(v.subject.name, v.subject.aspect) for v in found if v.is_firing}


def test_edges_come_of_the_first_rows_and_shares_of_those_after_them() -> None:
    watch = watch_of(plan(TWO), settings=SMALL)
    phases = []
    for step in range(7):
        look(watch, float(step), normal(step))
        phases.append(watch.phase)
    assert phases == [Phase.EDGES] + [Phase.REFERENCE] * 4 + [Phase.WATCHING] * 2
    assert watch.origin is not None
    assert (watch.origin.name, watch.origin.rows) == ("first rows", 2_000)


def test_only_what_moves_is_named() -> None:
    watch = learned()
    found: list[Verdict] = []
    for step in range(10, 20):
        found += look(watch, float(step), normal(step, shift=1.0))
    assert firing(found) == {("x[0]", Aspect.DRIFT)}


def test_rows_like_the_first_are_no_alarm() -> None:
    watch = learned()
    for step in range(100, 160):
        assert firing(look(watch, float(step), normal(step))) == set()


def test_what_was_counted_at_other_edges_is_passed_over() -> None:
    watch = watch_of(plan(TWO), settings=SMALL)
    first, second = fill(watch, normal(0, 1_000)), fill(watch, normal(1, 1_000))
    watch.take(first, 0.0)  # type: ignore[arg-type]
    assert watch.phase is Phase.REFERENCE
    watch.take(second, 1.0)  # type: ignore[arg-type]
    assert watch.gathered == []
    assert watch.seen.rows == 2_000


def test_an_empty_look_is_none() -> None:
    watch = learned()
    before = watch.seen.looks
    assert look(watch, 50.0, normal(0, 0)) == []
    assert (watch.seen.looks, watch.last_look_s) == (before, 6.0)


def test_a_given_reference_is_held_from_the_first_row() -> None:
    known, _ = given_of()
    watch = watch_of(plan(TWO, ONE), known, SMALL)
    assert watch.learners == [1]
    found: list[Verdict] = []
    for step in range(4):
        found += look(watch, float(step), normal(step, shift=1.0), normal(step, 500, 1))
    assert firing(found) == {("x[0]", Aspect.DRIFT)}
    assert watch.phase is Phase.REFERENCE  # Of the output.
    assert {verdict.reference for verdict in found} == {known.digest}


def test_given_and_learned_stand_beside_each_other() -> None:
    known, _ = given_of()
    watch = watch_of(plan(TWO, ONE), known, SMALL)
    for step in range(8):
        look(watch, float(step), normal(step), normal(step, 500, 1))
    assert watch.phase is Phase.WATCHING
    assert len(watch.drifting) == 2
    found: list[Verdict] = []
    for step in range(20, 30):
        rows = normal(step), normal(step, 500, 1, shift=1.0)
        found += look(watch, float(step), *rows)
    assert firing(found) == {("y", Aspect.DRIFT)}


def test_a_late_watch_still_counts_for_what_was_given() -> None:
    known, _ = given_of()
    watch = watch_of(plan(TWO, ONE), known, SMALL)
    late = [fill(watch, normal(n, 1_000), normal(n, 1_000, 1)) for n in range(2)]
    for step, filled in enumerate(late):
        watch.take(filled, float(step))  # type: ignore[arg-type]
    drift = watch.drifts[0]
    assert drift is not None
    assert drift.rows == 2_000


def test_all_tensors_given_leaves_nothing_to_learn() -> None:
    made = Reference.from_rows({"x": normal(1, 4_000), "y": normal(2, 4_000, 1)})
    watched, references = placed(plan(TWO, ONE), made)
    watch = watch_of(watched, Given(references, "r", "sha256:d"))
    assert watch.phase is Phase.WATCHING
    watch.forget()
    assert watch.phase is Phase.WATCHING
    assert len(watch.drifting) == 2


def test_the_promise_is_shared_out_over_all_tests() -> None:
    alone = learned().drifting[0].about.arl_looks
    settings = replace(SMALL, task=Task.BINARY)
    # 30 days of looks a second; 2 features x 3 tests, and the requests' schema.
    assert alone == pytest.approx(30 * 86_400 * 7)
    assert learned(settings).drifting[0].about.arl_looks == pytest.approx(2 * alone)


def test_a_contract_is_held_more_strictly_than_a_habit() -> None:
    known, _ = given_of()
    promises = {"x[0]": {"range": [-5, 5]}, "x[1]": {"missing": 0}}
    kept = replace(known, contract=contract_of({"features": promises}))
    for contract, wanted in [
        (kept, {("x[0]", Aspect.OUT_OF_RANGE), ("x[1]", Aspect.MISSING)}),
        (known, set()),
    ]:
        watch = watch_of(plan(TWO, ONE), contract, SMALL)
        found: list[Verdict] = []
        for step in range(40):
            rows = normal(step)
            rows[:2, 0], rows[3:5, 1] = 9.0, np.nan  # 0.4 %: below the usual 1 %.
            found += look(watch, float(step), rows, normal(step, 500, 1))
        assert firing(found) == wanted


def test_a_broken_contract_says_what_it_allows() -> None:
    known, _ = given_of()
    promises = {"x[0]": {"range": [-5, 5]}}
    kept = replace(known, contract=contract_of({"features": promises}))
    watch = watch_of(plan(TWO, ONE), kept, SMALL)
    found: list[Verdict] = []
    for step in range(6):
        rows = normal(step)
        rows[:10, 0] = 9.0
        found += look(watch, float(step), rows, normal(step, 500, 1))
    said = next(v for v in found if v.is_firing)
    assert "x[0] of m version 3 is not within -5 to 5 in 2 % of the rows" in said.sentence
    assert "its contract allows none." in said.sentence


def test_unseen_categories_and_another_mix_are_told_apart() -> None:
    codes = np.repeat([1, 2, 3], [1_000, 600, 400])
    made = Reference.from_rows({"c": codes}, categorical=["c"])
    rng = np.random.default_rng(3)

    def rows(shares: list[float]) -> Rows:
        return rng.choice([1, 2, 3, 9], size=(500, 1), p=shares)

    for shares, wanted in [
        ([0.5, 0.3, 0.2, 0.0], set()),
        ([0.2, 0.3, 0.5, 0.0], {("c", Aspect.DRIFT)}),
        ([0.45, 0.27, 0.18, 0.1], {("c", Aspect.UNSEEN)}),
    ]:
        watched, references = placed(plan([("c", "INT64", 1)]), made)
        watch = watch_of(watched, Given(references, "r", "sha256:d"))
        found: list[Verdict] = []
        for step in range(10):
            found += look(watch, float(step), rows(shares))
        assert firing(found) == wanted


def test_values_of_a_contract_are_held_without_a_mix() -> None:
    kept = Given((None,), contract=contract_of({"features": {"c": {"values": [1, 2]}}}))
    watch = watch_of(plan([("c", "INT64", 1)]), kept, SMALL)
    found: list[Verdict] = []
    for step in range(20):
        rows = np.random.default_rng(step).integers(1, 3, size=(500, 1))
        if step > 10:
            rows[:10] = 3
        found += look(watch, float(step), rows)
    assert ("c", Aspect.UNSEEN) in firing(found)


@pytest.mark.parametrize("strange", [np.nan, np.inf, 1e30, 0.0])
def test_a_version_that_learned_strange_values_goes_on(strange: float) -> None:
    watch = watch_of(plan(TWO), settings=SMALL)
    for step in range(20):
        rows = normal(step)
        rows[:, 1] = strange
        assert firing(look(watch, float(step), rows)) == set()
    assert watch.phase is Phase.WATCHING


def test_one_row_a_look_is_enough() -> None:
    watch = watch_of(plan(TWO), settings=replace(DEFAULT, reference_rows=100))
    for step in range(210):
        look(watch, float(step), normal(step, 1))
    assert watch.phase is Phase.WATCHING


def test_coverage_is_what_was_kept_of_what_was_answered() -> None:
    watch = watch_of(plan(TWO), settings=SMALL)
    assert watch.coverage() is None
    full = fill(watch, normal(0))
    watch.take(Filled([p for p, _ in full.take()], 2_000, 500), 0.0)  # type: ignore[arg-type]
    assert watch.coverage() == 0.25
