"""Aliases that move, and what people decide about versions."""

from __future__ import annotations

import json

import pytest

from runtime.registry.lifecycle import Event, State
from runtime.registry.records import Policy
from runtime.registry.registry import Registry
from runtime.registry.source import RegistryError
from runtime.store import audit
from runtime.store.audit import entries
from tests.unit.registry.made import WIDE, Clock, pushed


def log_of(registry: Registry, about: str = "") -> list[audit.Entry]:
    with registry.store.reading() as connection:
        return list(audit.entries(connection, about))


def actions(registry: Registry, about: str = "") -> list[str]:
    return [entry.action for entry in log_of(registry, about)]


def by(registry: Registry, actor: str) -> Registry:
    return Registry(registry.store, actor, registry.namespace)


def state_of(registry: Registry, number: int) -> State:
    return registry.version("fraud", number).state


class TestAlias:
    def test_it_points_and_says_who_moved_it(
        self, registry: Registry, clock: Clock
    ) -> None:
        digest = pushed(registry, b"a").digest
        pointer = registry.alias("fraud", "champion", 1, expected=0, reason="first")
        assert pointer == registry.pointer("fraud", "champion")
        assert (pointer.number, pointer.digest, pointer.generation) == (1, digest, 1)
        assert (pointer.moved_by, pointer.moved_at) == ("kate", clock.now)
        assert (pointer.reason, pointer.previous) == ("first", 0)

    def test_previous_follows_the_champion(self, registry: Registry) -> None:
        for content in (b"a", b"b", b"c"):
            number = pushed(registry, content).number
            assert registry.alias("fraud", "champion", number).previous == number - 1
        assert registry.pointer("fraud", "previous").number == 2
        states = [version.state for version in registry.versions("fraud")]
        assert states == [State.SUPERSEDED, State.SUPERSEDED, State.STABLE]
        assert registry.alias("fraud", "champion", 2).previous == 3
        assert state_of(registry, 2) is State.STABLE

    def test_a_move_back_is_another_generation(self, registry: Registry) -> None:
        for content in (b"a", b"b"):
            pushed(registry, content)
        generations = [
            registry.alias("fraud", "champion", number).generation for number in (1, 2, 1)
        ]
        assert generations == [1, 2, 3]

    def test_a_move_to_the_same_place_changes_nothing(self, registry: Registry) -> None:
        for content in (b"a", b"b"):
            pushed(registry, content)
            registry.alias("fraud", "champion", pushed(registry, content).number)
        before = registry.pointer("fraud", "champion")
        rows = len(log_of(registry))
        assert registry.alias("fraud", "champion", 2) == before
        assert len(log_of(registry)) == rows
        again = registry.alias("fraud", "champion", 2, any_signature=True)
        assert (again.generation, again.previous) == (before.generation + 1, 1)

    def test_another_generation_is_told_with_who_and_when(
        self, registry: Registry, clock: Clock
    ) -> None:
        pushed(registry, b"a")
        clock.now = 0.0
        registry.alias("fraud", "champion", 1)
        with pytest.raises(RegistryError) as refused:
            registry.alias("fraud", "champion", 1, expected=7)
        assert str(refused.value) == (
            "fraud@champion was moved to 1 by kate at 1970-01-01T00:00:00+00:00: its "
            "generation is 1, not 7; look at it and decide again"
        )
        with pytest.raises(RegistryError, match="was never set; its generation is 0"):
            registry.alias("fraud", "staging", 1, expected=1)

    def test_a_generation_never_comes_twice(self, registry: Registry) -> None:
        pushed(registry, b"a")
        registry.alias("fraud", "champion", 1)
        registry.remove_alias("fraud", "champion", expected=1)
        with pytest.raises(
            RegistryError, match="has no alias 'champion'; it has: previous"
        ):
            registry.pointer("fraud", "champion")
        with pytest.raises(RegistryError, match="has no alias"):
            registry.remove_alias("fraud", "champion")
        assert state_of(registry, 1) is State.SUPERSEDED
        with pytest.raises(RegistryError, match=r"was removed by kate .* generation is 2"):
            registry.alias("fraud", "champion", 1, expected=0)
        assert registry.alias("fraud", "champion", 1, expected=2).generation == 3

    def test_previous_is_nobodys_to_move(self, registry: Registry) -> None:
        pushed(registry, b"a")
        with pytest.raises(RegistryError, match="previous follows champion"):
            registry.alias("fraud", "previous", 1)
        with pytest.raises(RegistryError, match="previous follows champion"):
            registry.remove_alias("fraud", "previous")

    def test_a_version_that_is_not_there_is_refused(self, registry: Registry) -> None:
        pushed(registry, b"a")
        with pytest.raises(RegistryError, match="no version 2; its highest is 1"):
            registry.alias("fraud", "champion", 2)
        with pytest.raises(RegistryError, match="no model 'mail'"):
            registry.alias("mail", "champion", 1)
        with pytest.raises(RegistryError, match="is no alias"):
            registry.alias("fraud", "1", 1)

    def test_another_signature_must_be_allowed(self, registry: Registry) -> None:
        pushed(registry, b"a")
        pushed(registry, b"b", WIDE)
        registry.alias("fraud", "champion", 1)
        for alias in ("champion", "challenger"):
            with pytest.raises(RegistryError, match=r"input 'x' is FP32 .-1, 5., and was"):
                registry.alias("fraud", alias, 2)
        assert not registry.alias("fraud", "staging", 2).any_signature
        assert registry.alias("fraud", "champion", 2, any_signature=True).any_signature

    def test_the_way_back_is_never_refused_for_its_signature(
        self, registry: Registry
    ) -> None:
        pushed(registry, b"a")
        pushed(registry, b"b", WIDE)
        registry.alias("fraud", "champion", 1)
        registry.alias("fraud", "champion", 2, any_signature=True)
        assert registry.alias("fraud", "champion", 1).any_signature

    def test_every_move_is_in_the_log(self, registry: Registry) -> None:
        for content in (b"a", b"b"):
            number = pushed(registry, content).number
            registry.alias("fraud", "champion", number, reason=f"r{number}")
        rows = log_of(registry, "fraud@champion")
        assert [(row.actor, row.details) for row in rows] == [
            ("kate", "r1"),
            ("kate", "r2"),
        ]
        assert json.loads(rows[1].before) == {"number": 1, "generation": 1}
        assert json.loads(rows[1].after) == {"number": 2, "generation": 2}
        assert actions(registry, "fraud/1") == ["pushed", "promoted", "replaced"]
        assert actions(registry, "fraud@previous") == ["alias-moved"]


class TestDecisions:
    def test_a_champion_needs_the_approvals_of_its_policy(
        self, registry: Registry, clock: Clock
    ) -> None:
        registry.set_policy("fraud", Policy(approvals=2))
        pushed(registry, b"a")
        with pytest.raises(RegistryError, match=r"needs 2 approvals and has 0 \(nobody\)"):
            registry.alias("fraud", "champion", 1)
        assert registry.approve("fraud", 1, "fine") is State.VERIFIED
        assert registry.approve("fraud", 1, "again") is State.VERIFIED
        with pytest.raises(RegistryError, match=r"has 1 \(kate\)"):
            registry.alias("fraud", "champion", 1)
        assert registry.alias("fraud", "challenger", 1).number == 1
        clock.now += 1
        assert by(registry, "bob").approve("fraud", 1) is State.APPROVED
        assert registry.alias("fraud", "champion", 1).number == 1
        who = [(a.approver, a.note) for a in registry.approvals("fraud", 1)]
        assert who == [("kate", "fine"), ("bob", "")]

    def test_nobody_approves_their_own_under_four_eyes(self, registry: Registry) -> None:
        pushed(registry, b"a")
        registry.approve("fraud", 1)
        registry.set_policy("fraud", Policy(approvals=1, four_eyes=True))
        with pytest.raises(RegistryError, match="was pushed by kate"):
            registry.approve("fraud", 1)
        with pytest.raises(RegistryError, match="needs 1 approvals and has 0"):
            registry.alias("fraud", "champion", 1)
        by(registry, "bob").approve("fraud", 1)
        assert registry.alias("fraud", "champion", 1).number == 1

    def test_the_way_back_needs_no_approval(self, registry: Registry) -> None:
        for content in (b"a", b"b"):
            registry.alias("fraud", "champion", pushed(registry, content).number)
        registry.set_policy("fraud", Policy(approvals=1))
        assert registry.alias("fraud", "champion", 1).number == 1

    def test_what_is_rejected_stays_so_when_it_is_pushed_again(
        self, registry: Registry
    ) -> None:
        pushed(registry, b"a")
        registry.approve("fraud", 1)
        registry.reject("fraud", 1, "too wide")
        again = pushed(registry, b"a")
        assert (again.number, again.is_new, again.state) == (1, False, State.REJECTED)
        assert again.note == "fraud/1 was rejected: too wide; `retry` brings it back"
        with pytest.raises(RegistryError, match=r"is rejected \(too wide\)"):
            registry.alias("fraud", "staging", 1)
        with pytest.raises(RegistryError, match="cannot be approved: `retry`"):
            registry.approve("fraud", 1)
        assert registry.retry("fraud", 1, "narrower") is State.VERIFIED
        with registry.store.reading() as connection:
            rows = list(entries(connection, "fraud/1"))
        assert [row.details for row in rows if row.action == "retried"] == ["narrower"]
        assert registry.approvals("fraud", 1) == []
        assert registry.alias("fraud", "champion", 1).number == 1

    def test_a_champion_is_not_rejected(self, registry: Registry) -> None:
        pushed(registry, b"a")
        registry.alias("fraud", "champion", 1)
        with pytest.raises(RegistryError, match="point the champion elsewhere first"):
            registry.reject("fraud", 1, "no")
        with pytest.raises(RegistryError, match="needs a reason"):
            registry.reject("fraud", 1, "")

    def test_what_was_evaluated_as_bad_needs_an_approval(self, registry: Registry) -> None:
        pushed(registry, b"a")
        assert registry.report("fraud", 1, Event.NOT_BLESSED, "auc fell").value
        with pytest.raises(RegistryError, match="cannot be promoted: somebody must"):
            registry.alias("fraud", "champion", 1)
        assert registry.version("fraud", 1).reason == "auc fell"
        assert registry.approve("fraud", 1) is State.APPROVED
        assert registry.alias("fraud", "champion", 1).number == 1

    def test_no_alias_of_a_frozen_model_moves(self, registry: Registry) -> None:
        pushed(registry, b"a")
        registry.alias("fraud", "champion", 1)
        registry.freeze("fraud", "sale")
        assert registry.pointer("fraud", "champion").frozen == "sale"
        for alias in ("champion", "staging"):
            with pytest.raises(RegistryError, match=r"is frozen \(sale\)"):
                registry.alias("fraud", alias, 1)
        with pytest.raises(RegistryError, match="is frozen"):
            registry.remove_alias("fraud", "champion")
        assert pushed(registry, b"b").number == 2
        registry.unfreeze("fraud")
        assert registry.alias("fraud", "champion", 2).number == 2
        registry.freeze("fraud")
        assert registry.model("fraud").frozen == "by kate"
        changes = [a for a in actions(registry, "fraud") if "frozen" in a]
        assert changes == ["frozen", "unfrozen", "frozen"]

    def test_a_policy_has_bounds(self, registry: Registry) -> None:
        with pytest.raises(RegistryError, match="approvals: 0 to 100, not -1"):
            registry.set_policy("fraud", Policy(approvals=-1))
