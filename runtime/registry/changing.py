"""Changes of the registry: each in one transaction, with its rows in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Table, delete, insert, update

from runtime.registry.lifecycle import Event, State, advance, moved
from runtime.registry.moving import (
    Move,
    Standing,
    check_by_hand,
    check_generation,
    check_move,
    check_not_frozen,
    counted,
)
from runtime.registry.reading import Reading
from runtime.registry.records import Model, Policy, Pushed, Version
from runtime.registry.source import (
    CHAMPION,
    PREVIOUS,
    Pointer,
    RegistryError,
    Use,
)
from runtime.store import tables
from runtime.store.store import Writing

USES = ("loading", "warm", "serves")
"""What a server may hold a version for, the most important last."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What is pushed: a manifest's canonical JSON, its digest, and where it came from."""

    digest: str
    text: str
    is_verified: bool
    source: str


class Changing(Reading):
    """One transaction that changes the registry; what it reads, nobody else changes."""

    def __init__(self, writing: Writing) -> None:
        super().__init__(writing.connection, writing.namespace)
        self._writing = writing

    def make_model(self, name: str) -> Model:
        """Return a model, made if it is not there."""
        if not self.has_model(name):
            self._insert(
                tables.models,
                name=name,
                policy=json.dumps(asdict(Policy())),
                frozen="",
                created_at=self._writing.at,
                created_by=self._writing.actor,
            )
            self._writing.record("model-made", name)
        return self.model(name)

    def push(self, name: str, wanted: Registration) -> Pushed:
        """Register a manifest whose blobs are there; the next number if it is another."""
        self.make_model(name)
        known = self.by_digest(name, wanted.digest)
        if known is not None:
            return self._pushed_again(known, wanted)
        number = self.latest(name) + 1
        state = State.REGISTERED
        if wanted.is_verified:
            state = advance(f"{name}/{number}", state, Event.VERIFIED)
        self._insert(
            tables.versions,
            model=name,
            number=number,
            digest=wanted.digest,
            manifest=wanted.text,
            state=state.value,
            reason="",
            source=wanted.source,
            created_at=self._writing.at,
            created_by=self._writing.actor,
        )
        self._writing.record(
            "pushed",
            f"{name}/{number}",
            after={"digest": wanted.digest, "state": state.value},
            details=wanted.source,
        )
        return Pushed(number, wanted.digest, True, state)

    def _pushed_again(self, known: Version, wanted: Registration) -> Pushed:
        state = advance(known.label, known.state, Event.PUSHED)
        if state is State.REGISTERED and wanted.is_verified:
            state = advance(known.label, state, Event.VERIFIED)
        if state is not known.state:
            self._set_state(known, state, "", "pushed-again", wanted.source)
        note = ""
        if state is State.REJECTED:
            note = f"{known.label} was rejected: {known.reason}; `retry` brings it back"
        return Pushed(known.number, known.digest, False, state, note)

    def set_alias(self, wanted: Move, expected: int | None, reason: str) -> Pointer:
        """Point an alias at a version, where every rule allows it."""
        name, alias = wanted.model.name, wanted.alias
        check_by_hand(alias)
        now = self.standing(name, alias)
        check_generation(wanted.name, now, expected)
        check_not_frozen(wanted.model)
        number = wanted.version.number
        if now.number == number and now.any_signature == wanted.any_signature:
            return self.pointer(name, alias)
        before = self.standing(name, CHAMPION).number
        champion = self.version(name, before) if before else None
        going_back = alias == CHAMPION and self.standing(name, PREVIOUS).number == number
        wanted = replace(wanted, goes_back=going_back)
        any_signature = check_move(wanted, self.approvals(name, number), champion)
        self._point(wanted.name, now, number, any_signature, reason)
        if alias == CHAMPION and before not in (0, number):
            self._follow(name, before)
        self._report(moved(alias, now.number, number), name, wanted.name)
        return self.pointer(name, alias)

    def remove_alias(
        self, name: str, alias: str, expected: int | None, reason: str
    ) -> None:
        """Let an alias point at nothing; its generation is kept, so none comes twice."""
        check_by_hand(alias)
        model, now = self.model(name), self.standing(name, alias)
        check_generation(f"{name}@{alias}", now, expected)
        check_not_frozen(model)
        self.pointer(name, alias)
        self._point(f"{name}@{alias}", now, 0, False, reason)
        if alias == CHAMPION:
            self._follow(name, now.number)
        self._report(moved(alias, now.number, 0), name, f"{name}@{alias}")

    def standing(self, name: str, alias: str) -> Standing:
        """Return an alias as it is; all zeros where it never was."""
        row = self.alias_row(name, alias)
        if row is None:
            return Standing()
        return Standing(
            row["number"],
            row["generation"],
            row["any_signature"],
            row["moved_by"],
            row["moved_at"],
        )

    def report(self, version: Version, event: Event, reason: str, action: str) -> State:
        """Let a version hear of an event; returns its state then."""
        state = advance(version.label, version.state, event)
        if state is not version.state or reason != version.reason:
            self._set_state(version, state, reason, action, reason)
        return state

    def approve(self, version: Version, note: str) -> State:
        """Write down that the actor approves a version."""
        model, actor = self.model(version.model), self._writing.actor
        if model.policy.four_eyes and actor == version.created_by:
            raise RegistryError(
                f"{version.label} was pushed by {actor}; the policy of {model.name} wants "
                "another pair of eyes"
            )
        advance(version.label, version.state, Event.APPROVED)
        approvals = self.approvals(version.model, version.number)
        if actor not in [a.approver for a in approvals]:
            key = {"model": version.model, "number": version.number, "approver": actor}
            self._insert(tables.approvals, **key, note=note, at=self._writing.at)
            self._writing.record("approved", version.label, details=note)
            approvals = self.approvals(version.model, version.number)
        if len(counted(model, version, approvals)) < model.policy.approvals:
            return version.state
        return self.report(version, Event.APPROVED, version.reason, "has-approvals")

    def reject(self, version: Version, reason: str) -> None:
        """Let nobody serve a version; who approved it before has to do so again."""
        self.report(version, Event.REJECTED, reason, "rejected")
        self._delete(tables.approvals, model=version.model, number=version.number)

    def set_policy(self, name: str, policy: Policy) -> None:
        """Say what a model's versions must have shown."""
        before = self.make_model(name).policy
        self._update(tables.models, {"name": name}, policy=json.dumps(asdict(policy)))
        self._writing.record("policy-set", name, asdict(before), asdict(policy))

    def set_frozen(self, name: str, reason: str) -> None:
        """Freeze a model for a reason, or let it go with none."""
        before = self.model(name).frozen
        if before == reason:
            return
        self._update(tables.models, {"name": name}, frozen=reason)
        action = "frozen" if reason else "unfrozen"
        self._writing.record(action, name, before, reason, reason)

    def lease(self, server: str, uses: Iterable[Use]) -> None:
        """Write down what a server holds from now on, in place of what it held."""
        self._delete(tables.leases, server=server)
        # A version that it holds twice is told of by what matters most.
        held = {(u.model, u.number): u.use for u in sorted(uses, key=_weight)}
        for (model, number), use in held.items():
            key = {"server": server, "model": model, "number": number}
            self._insert(tables.leases, **key, use=use, seen_at=self._writing.at)

    def forget_leases(self, before: float) -> None:
        """Forget what servers held that were last seen before a moment."""
        seen = tables.leases.c.seen_at < before
        statement = delete(tables.leases).filter_by(namespace=self.namespace)
        self.connection.execute(statement.where(seen))

    def _follow(self, name: str, before: int) -> None:
        """Let ``previous`` point at what the champion pointed at."""
        now = self.standing(name, PREVIOUS)
        if now.number != before:
            why = f"{CHAMPION} moved on"
            self._point(f"{name}@{PREVIOUS}", now, before, False, why)

    def _point(
        self, label: str, now: Standing, number: int, any_signature: bool, reason: str
    ) -> None:
        model, _, alias = label.rpartition("@")
        values = {
            "number": number,
            "generation": now.generation + 1,
            "any_signature": any_signature,
            "reason": reason,
            "moved_at": self._writing.at,
            "moved_by": self._writing.actor,
        }
        if now.generation:
            self._update(tables.aliases, {"model": model, "name": alias}, **values)
        else:
            self._insert(tables.aliases, model=model, name=alias, **values)
        self._writing.record(
            "alias-moved" if number else "alias-removed",
            label,
            {"number": now.number, "generation": now.generation},
            {"number": number, "generation": now.generation + 1},
            reason,
        )

    def _report(self, steps: Iterable[tuple[int, Event]], name: str, by: str) -> None:
        for number, event in steps:
            version = self.version(name, number)
            state = advance(version.label, version.state, event)
            if state is not version.state:
                self._set_state(version, state, "", event.name.lower(), by)

    def _set_state(
        self, version: Version, state: State, reason: str, action: str, details: str
    ) -> None:
        key = {"model": version.model, "number": version.number}
        self._update(tables.versions, key, state=state.value, reason=reason)
        self._writing.record(
            action, version.label, version.state.value, state.value, details
        )

    def _insert(self, table: Table, **values: object) -> None:
        self.connection.execute(insert(table).values(namespace=self.namespace, **values))

    def _update(self, table: Table, key: dict[str, object], **values: object) -> None:
        statement = update(table).filter_by(namespace=self.namespace, **key)
        self.connection.execute(statement.values(**values))

    def _delete(self, table: Table, **key: object) -> None:
        statement = delete(table).filter_by(namespace=self.namespace, **key)
        self.connection.execute(statement)


def _weight(use: Use) -> int:
    return USES.index(use.use)
