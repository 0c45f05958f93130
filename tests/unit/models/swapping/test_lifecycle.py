"""The whole table of a followed version's stages, and everything that is not in it."""

from __future__ import annotations

from itertools import product

import pytest

from runtime.errors import LeeboardError
from runtime.models.swapping.lifecycle import (
    TRANSITIONS,
    IllegalStep,
    Stage,
    Step,
    advance,
)

WANTED, FETCHING, LOADING, PROVEN, SERVING, WARM, REFUSED, GONE = Stage
FETCH, FETCHED, LOADED, SWAPPED_IN, SWAPPED_OUT, BROKE, RETIRED = Step

LEGAL = {
    (WANTED, FETCH): FETCHING,
    (REFUSED, FETCH): FETCHING,
    (FETCHING, FETCHED): LOADING,
    (LOADING, LOADED): PROVEN,
    (PROVEN, SWAPPED_IN): SERVING,
    (WARM, SWAPPED_IN): SERVING,
    (SERVING, SWAPPED_OUT): WARM,
    (FETCHING, BROKE): REFUSED,
    (LOADING, BROKE): REFUSED,
    (WANTED, RETIRED): GONE,
    (FETCHING, RETIRED): GONE,
    (LOADING, RETIRED): GONE,
    (PROVEN, RETIRED): GONE,
    (SERVING, RETIRED): GONE,
    (WARM, RETIRED): GONE,
    (REFUSED, RETIRED): GONE,
}
ILLEGAL = [pair for pair in product(Stage, Step) if pair not in LEGAL]


@pytest.mark.parametrize(("pair", "following"), LEGAL.items())
def test_a_legal_step_leads_to_its_stage(
    pair: tuple[Stage, Step], following: Stage
) -> None:
    assert advance("fraud", *pair) is following


@pytest.mark.parametrize("pair", ILLEGAL)
def test_any_other_step_is_refused_and_changes_nothing(pair: tuple[Stage, Step]) -> None:
    before = dict(TRANSITIONS)
    stage, step = pair
    words = f"^fraud version 2 is {stage.value}; it cannot take {step.name.lower()}$"
    with pytest.raises(IllegalStep, match=words):
        advance("fraud version 2", stage, step)
    assert before == TRANSITIONS


def test_the_table_is_these_steps_and_no_others() -> None:
    assert TRANSITIONS == LEGAL


def test_nothing_follows_the_end() -> None:
    assert not any(stage is GONE for stage, _ in TRANSITIONS)


def test_only_what_was_proven_comes_to_serve() -> None:
    before = {stage for (stage, _), after in TRANSITIONS.items() if after is SERVING}
    assert before == {PROVEN, WARM}
    assert {stage for (stage, _), after in TRANSITIONS.items() if after is PROVEN} == {
        LOADING
    }


def test_an_illegal_step_is_one_of_our_errors() -> None:
    assert issubclass(IllegalStep, LeeboardError)
