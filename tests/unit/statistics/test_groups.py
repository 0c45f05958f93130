"""Gaps between groups: known answers, coverage, groups that are too small."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.statistics import groups as gr
from tests.known_statistics import known


def rates(of: str, only_positive: bool) -> dict[str, gr.Rate]:
    case = known()["fairness"]
    found: dict[str, gr.Rate] = {}
    rows = zip(case["group"], case["y_true"], case[of], strict=True)
    for group, label, said in rows:
        if label or not only_positive:
            found[group] = found.get(group, gr.Rate()) + gr.Rate(said, 1)
    return found


def test_ten_people_have_the_known_gaps() -> None:
    case = known()["fairness"]
    parity = gr.gap(rates("y_pred", False), least=1)
    chance = gr.gap(rates("y_pred", True), least=1)
    assert parity.value is not None
    assert chance.value is not None
    assert parity.value.value == case["demographic_parity_difference"]
    wanted = case["equal_opportunity_difference"]
    assert chance.value.value == pytest.approx(wanted, rel=1e-12)


def test_the_gaps_interval_covers_as_often_as_it_says(rng: np.random.Generator) -> None:
    truth, n = [0.3, 0.35, 0.5], 200

    def one() -> bool:
        found = gr.gap({str(p): gr.Rate(rng.binomial(n, p), n) for p in truth}, 50)
        assert found.value is not None
        return found.value.low <= 0.2 <= found.value.high

    assert np.mean([one() for _ in range(1_000)]) >= 0.94


def test_equal_groups_are_seldom_said_to_differ(rng: np.random.Generator) -> None:
    def one() -> bool:
        return gr.gap({k: gr.Rate(rng.binomial(300, 0.4), 300) for k in "abcd"}, 1).is_over(
            0
        )

    assert np.mean([one() for _ in range(1_000)]) <= 0.05


def test_small_groups_are_named_and_left_out() -> None:
    found = gr.gap({"a": gr.Rate(1, 100), "b": gr.Rate(8, 8), "c": gr.Rate(90, 100)}, 100)
    assert (found.highest, found.lowest, found.left_out) == ("c", "a", ("b",))
    assert found.is_over(0.5)
    assert not found.is_over(0.9)


@pytest.mark.parametrize(
    "given", [{}, {"a": gr.Rate(3, 500)}, {"a": gr.Rate(), "b": gr.Rate()}]
)
def test_fewer_than_two_groups_have_no_gap(given: dict[str, gr.Rate]) -> None:
    found = gr.gap(given, 0)
    assert found.value is None
    assert not found.is_over(0.0)
