"""Any history of moves by compare-and-set, against a model of a dozen lines."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from runtime.registry.lifecycle import State
from runtime.registry.source import RegistryError
from tests.unit.registry.made import pushed, registry_in

VERSIONS = 3
numbers = st.integers(1, VERSIONS)
names = st.sampled_from(["champion", "challenger"])
offsets = st.sampled_from([None, 0, 0, -1, 1])


@dataclass
class Expected:
    """Where aliases point, by name, and how often each was moved."""

    points: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    frozen: bool = False

    def move(self, alias: str, number: int) -> None:
        before = self.points.get(alias, 0)
        if before == number:
            return
        self.set(alias, number)
        if alias == "champion" and before and self.points.get("previous") != before:
            self.set("previous", before)

    def set(self, alias: str, number: int) -> None:
        self.points[alias] = number
        self.moved[alias] = self.moved.get(alias, 0) + 1


class Histories(RuleBasedStateMachine):
    """Moves, removals and freezes in any order."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.registry = registry_in(Path(self.folder.name) / "registry")
        self.expected = Expected()
        for number in range(VERSIONS):
            pushed(self.registry, b"%d" % number)

    def teardown(self) -> None:
        assert self.registry.verify().problems == ()
        self.registry.store.close()
        self.folder.cleanup()

    @rule(alias=names, number=numbers, offset=offsets)
    def move(self, alias: str, number: int, offset: int | None) -> None:
        now = self.expected.moved.get(alias, 0)
        seen = None if offset is None else now + offset
        try:
            self.registry.alias("fraud", alias, number, expected=seen)
        except RegistryError:
            assert self.expected.frozen or offset not in (None, 0)
        else:
            assert not self.expected.frozen
            assert offset in (None, 0)
            self.expected.move(alias, number)

    @rule(alias=names)
    def remove(self, alias: str) -> None:
        there = self.expected.points.get(alias, 0) and not self.expected.frozen
        try:
            self.registry.remove_alias("fraud", alias)
        except RegistryError:
            assert not there
        else:
            assert there
            self.expected.move(alias, 0)

    @rule(frozen=st.booleans())
    def freeze(self, frozen: bool) -> None:
        self.expected.frozen = frozen
        if frozen:
            self.registry.freeze("fraud", "sale")
        else:
            self.registry.unfreeze("fraud")

    @rule(keep=st.integers(0, 1))
    def collect(self, keep: int) -> None:
        for fate in self.registry.gc(keep_last=keep).archived:
            assert fate.number not in self.expected.points.values()
        for number in range(VERSIONS):
            pushed(self.registry, b"%d" % number)

    @invariant()
    def aliases_are_where_they_should_be(self) -> None:
        (listed,) = self.registry.models()
        found = {p.alias: (p.number, p.generation) for p in listed.pointers}
        assert found == {
            alias: (number, self.expected.moved[alias])
            for alias, number in self.expected.points.items()
            if number
        }

    @invariant()
    def only_the_champion_is_stable(self) -> None:
        stable = {
            v.number for v in self.registry.versions("fraud") if v.state is State.STABLE
        }
        assert stable == {self.expected.points.get("champion", 0)} - {0}


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
