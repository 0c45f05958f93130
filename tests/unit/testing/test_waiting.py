"""Waiting ends with the condition, or with words."""

from __future__ import annotations

import pytest

from runtime.testing.waiting import wait_until


def test_what_holds_is_not_waited_for() -> None:
    wait_until(lambda: True, "never said", limit_s=0)


def test_a_condition_is_looked_at_until_it_holds() -> None:
    answers = [True, False, False]
    wait_until(answers.pop, "the third look")
    assert answers == []


@pytest.mark.parametrize("what", ["the moon is full", lambda: "the moon is full"])
def test_after_the_limit_the_error_says_what_was_waited_for(what: str) -> None:
    with pytest.raises(AssertionError, match=r"^not within 0\.01 s: the moon is full$"):
        wait_until(lambda: False, what, limit_s=0.01)


def test_words_are_made_only_when_they_are_needed() -> None:
    looks: list[int] = []

    def holds() -> bool:
        looks.append(1)
        return len(looks) == 2

    def words() -> str:
        raise AssertionError("asked for words")

    wait_until(holds, words)
