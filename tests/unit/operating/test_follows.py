"""What is said of a model that follows an alias: who answers, why, and how to undo it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from runtime.listing import Listed
from runtime.messages import Message, ModelConfigResponse
from runtime.models.describe import FOLLOWS
from runtime.models.swapping.telling import Follows
from runtime.operating.account import as_values, sentences
from runtime.operating.follows import Standing, follow_words, read_follows
from tests.unit.operating.test_account import account_of, config, server

SERVING = Follows("fraud@champion", "serving", 2, 1, "", 2)
WARM = replace(SERVING, stage="warm")
FROZEN = "on version 1 by identity 'ana' since 2026-11-18T11:06:41Z: an audit"


def standing(number: int, follows: Follows | None, state: str = "READY") -> Standing:
    return Standing(Listed("fraud", str(number), state, ""), follows)


def refused(number: int, reason: str, state: str = "UNAVAILABLE") -> Standing:
    return Standing(Listed("fraud", str(number), state, reason))


def words(*standings: Standing) -> list[str]:
    return list(follow_words("fraud", standings))


def test_without_an_alias_nothing_is_said() -> None:
    assert words() == words(standing(1, None)) == []


def test_the_version_that_the_alias_names_answers_and_a_warm_one_is_the_way_back() -> None:
    assert words(standing(1, WARM), standing(2, SERVING)) == [
        "Requests that name no version go to version 2, because fraud@champion points at "
        "it.",
        "Version 1 is kept warm: `leeboard rollback fraud` goes back to it.",
    ]


def test_the_one_that_serves_is_named_though_another_has_a_higher_number() -> None:
    back = replace(SERVING, wanted=1, serving=1, back=2)
    lines = words(standing(1, back), standing(2, replace(back, stage="warm")))
    assert lines[0].startswith("Requests that name no version go to version 1, because")
    assert lines[1].startswith("Version 2 is kept warm: `leeboard rollback fraud`")


def test_of_several_warm_versions_the_one_to_go_back_to_is_told() -> None:
    lines = words(standing(0, WARM), standing(1, WARM), standing(2, SERVING))
    assert lines[1:] == [
        "Version 0 is kept warm.",
        "Version 1 is kept warm: `leeboard rollback fraud` goes back to it.",
    ]


@pytest.mark.parametrize(
    ("wanted", "end"),
    [
        (refused(3, "output y is NaN"), "which is unavailable: output y is NaN"),
        (refused(3, "", "LOADING"), "which is loading"),
        (refused(3, "", ""), "which is not loaded"),
        (refused(9, "another one"), "which is not here yet"),
    ],
)
def test_an_alias_that_points_elsewhere_is_told_with_why_that_does_not_serve(
    wanted: Standing, end: str
) -> None:
    lines = words(standing(2, replace(SERVING, wanted=3)), wanted)
    assert lines == [
        "Requests that name no version go to version 2; fraud@champion points at version "
        f"3, {end}."
    ]


def test_a_frozen_model_says_on_what_by_whom_why_and_how_to_end_it() -> None:
    frozen = Follows("fraud@champion", "serving", 2, 0, FROZEN, 1)
    assert words(standing(1, frozen)) == [
        "Requests that name no version go to version 1; fraud@champion points at version "
        "2, which is not here.",
        f"The model is frozen {FROZEN}; `leeboard unfreeze fraud` has it follow "
        "fraud@champion again.",
    ]
    proven = replace(frozen, stage="proven")
    lines = words(standing(1, frozen), standing(2, proven))
    assert lines[0].endswith("2, which is ready, and waits for the end of the freeze.")
    assert lines[2] == "Version 2 is proven; only requests that name it come to it."


def test_a_freeze_of_the_registry_is_ended_there() -> None:
    by = "on version 1 by the registry since 2026-11-18T11:06:41Z: an audit"
    lines = words(standing(1, Follows("fraud@champion", "serving", 1, 0, by, 1)))
    assert "`leeboard registry unfreeze fraud`" in lines[1]


def test_a_version_that_should_answer_and_cannot_is_told() -> None:
    lines = words(standing(1, WARM), refused(2, "its workers keep ending"))
    assert lines[0] == (
        "Requests that name no version go to version 2, which does not serve, because "
        "fraud@champion points at it."
    )


def test_where_nobody_knows_what_the_alias_points_at_that_is_told() -> None:
    lines = words(standing(2, replace(SERVING, wanted=0, back=0)))
    assert lines == [
        "Requests that name no version go to version 2; what fraud@champion points at is "
        "not known."
    ]
    lines = words(standing(2, replace(SERVING, wanted=0, back=0, serving=0)))
    assert lines[0].startswith("Requests that name no version go to none that was chosen")


def test_a_server_of_a_later_make_may_say_more_and_one_may_say_nonsense() -> None:
    values = asdict(SERVING)
    assert read_follows(json.dumps({**values, "colour": "red"})) == SERVING
    del values["serving"]
    assert read_follows(json.dumps(values)) == replace(SERVING, serving=0)
    for text in ("", "{", "7", "null", "{}", '["alias"]', '"alias"'):
        assert read_follows(text) is None


def follower(follows: Follows) -> Message:
    made = ModelConfigResponse()
    made.CopyFrom(config())
    made.config.parameters[FOLLOWS].string_value = json.dumps(asdict(follows))
    return made


def test_why_tells_of_the_alias_and_of_no_policy() -> None:
    fake = server(
        Listed("fraud", "2", "READY", ""),
        Listed("fraud", "3", "UNAVAILABLE", "output y is NaN"),
        ModelConfig=follower(replace(SERVING, wanted=3, back=0)),
    )
    account = account_of(fake, page=None)
    lines = sentences(account)
    assert lines[1] == (
        "Requests that name no version go to version 2; fraud@champion points at version "
        "3, which is unavailable: output y is NaN."
    )
    assert any(line.endswith("its model follows fraud@champion.") for line in lines)
    assert not any("highest" in line for line in lines)
    assert "Version 3 does not serve, it is unavailable: output y is NaN." in lines
    assert as_values(account)["versions"][0]["follows"]["wanted"] == 3


def test_words_of_people_are_fit_for_a_terminal() -> None:
    frozen = replace(SERVING, frozen="on version 2 by ana: \x1b[31mred")
    fake = server(Listed("fraud", "2", "READY", ""), ModelConfig=follower(frozen))
    lines = sentences(account_of(fake, page=None))
    assert any("\\x1b[31mred" in line for line in lines)
