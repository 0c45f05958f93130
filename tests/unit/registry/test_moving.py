"""Whether an alias may move: the rules alone."""

from __future__ import annotations

import pytest

from runtime.registry.lifecycle import State
from runtime.registry.manifest import Signature, digest_of, to_json
from runtime.registry.moving import Move, Standing, check_generation, check_move, counted
from runtime.registry.records import Approval, Model, Policy, Version
from runtime.registry.source import RegistryError
from tests.unit.registry.made import ROWS, WIDE, manifest


def model(approvals: int = 0, four_eyes: bool = False) -> Model:
    return Model("fraud", Policy(approvals, four_eyes), "", 0.0, "kate")


def version(
    number: int = 1, state: State = State.VERIFIED, signature: Signature = ROWS
) -> Version:
    made = manifest(signature=signature)
    text = to_json(made).decode()
    return Version("fraud", number, digest_of(made), text, state, "why", "", 0.0, "kate")


@pytest.mark.parametrize("state", [State.REJECTED, State.ARCHIVED])
@pytest.mark.parametrize("alias", ["champion", "challenger", "staging"])
def test_nothing_points_at_what_has_no_files(state: State, alias: str) -> None:
    move = Move(model(), alias, version(state=state))
    with pytest.raises(RegistryError, match=rf"is {state.value} \(why\): fraud@{alias}"):
        check_move(move, [], None)


@pytest.mark.parametrize("goes_back", [False, True])
def test_the_first_champion_may_have_any_signature(goes_back: bool) -> None:
    assert not check_move(Move(model(), "champion", version(), False, goes_back), [], None)


def test_the_way_back_says_when_the_signature_differs() -> None:
    back = Move(model(approvals=3), "champion", version(2, signature=WIDE), False, True)
    assert check_move(back, [], version(1))
    same = Move(model(), "champion", version(2), False, True)
    assert not check_move(same, [], version(1))


def test_what_is_allowed_is_said_to_be_so_whether_needed_or_not() -> None:
    assert check_move(Move(model(), "champion", version(2), True), [], version(1))


def test_the_approval_of_who_pushed_does_not_count_under_four_eyes() -> None:
    both = [Approval("kate", 0.0), Approval("bob", 1.0)]
    assert counted(model(), version(), both) == both
    assert counted(model(1, four_eyes=True), version(), both) == both[1:]


@pytest.mark.parametrize("expected", [None, 4])
def test_the_generation_that_was_seen_passes(expected: int | None) -> None:
    check_generation("fraud@champion", Standing(1, 4), expected)
    check_generation("fraud@champion", Standing(), None)
    check_generation("fraud@champion", Standing(), 0)
