"""Whether an alias may move: pure rules, and the words of each refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.access.tokens import moment_text
from runtime.registry import compatible
from runtime.registry.lifecycle import NOT_IN_USE, REMEDIES, Event
from runtime.registry.records import Approval, Model, Version
from runtime.registry.source import CHALLENGER, CHAMPION, PREVIOUS, RegistryError


@dataclass(frozen=True, slots=True)
class Standing:
    """An alias as it is before a move; number and generation 0 where it never was."""

    number: int = 0
    generation: int = 0
    any_signature: bool = False
    moved_by: str = ""
    moved_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """A move that somebody wants: which alias, and to which version.

    `goes_back` says that ``previous`` points there: what served before needs no approval
    and no new look at its signature.
    """

    model: Model
    alias: str
    version: Version
    any_signature: bool = False
    goes_back: bool = False

    @property
    def name(self) -> str:
        """The alias as it is asked for."""
        return f"{self.model.name}@{self.alias}"


def check_generation(name: str, now: Standing, expected: int | None) -> None:
    """Raise RegistryError where an alias is not in the generation that somebody saw."""
    if expected is None or expected == now.generation:
        return
    if not now.generation:
        raise RegistryError(f"{name} was never set; its generation is 0, not {expected}")
    at = moment_text(int(now.moved_at))
    did = f"moved to {now.number}" if now.number else "removed"
    raise RegistryError(
        f"{name} was {did} by {now.moved_by} at {at}: its generation is "
        f"{now.generation}, not {expected}; look at it and decide again"
    )


def check_not_frozen(model: Model) -> None:
    """Raise RegistryError where a model is frozen."""
    if model.frozen:
        raise RegistryError(
            f"{model.name} is frozen ({model.frozen}): no alias of it moves until "
            "`leeboard registry unfreeze`"
        )


def check_by_hand(alias: str) -> None:
    """Raise RegistryError for the alias that nobody moves."""
    if alias == PREVIOUS:
        raise RegistryError(f"{PREVIOUS} follows {CHAMPION}; move that")


def check_move(move: Move, approvals: Sequence[Approval], champion: Version | None) -> bool:
    """Return whether the signature may differ, or raise RegistryError with the reason."""
    version = move.version
    if version.state in NOT_IN_USE:
        why = f" ({version.reason})" if version.reason else ""
        remedy = REMEDIES[version.state, Event.PROMOTED]
        raise RegistryError(
            f"{version.label} is {version.state.value}{why}: {move.name} cannot point at "
            f"it; {remedy}"
        )
    if move.alias == CHAMPION and not move.goes_back:
        check_approved(move.model, version, approvals)
    if move.alias not in (CHAMPION, CHALLENGER) or champion is None:
        return move.any_signature
    return check_signature(move, champion)


def check_approved(model: Model, version: Version, approvals: Sequence[Approval]) -> None:
    """Raise RegistryError where a version lacks approvals that the policy asks for."""
    wanted = model.policy.approvals
    valid = counted(model, version, approvals)
    if len(valid) < wanted:
        who = ", ".join(a.approver for a in valid) or "nobody"
        raise RegistryError(
            f"{version.label} needs {wanted} approvals and has {len(valid)} ({who}); "
            f"`leeboard registry approve {version.model} {version.number}`"
        )


def counted(
    model: Model, version: Version, approvals: Sequence[Approval]
) -> list[Approval]:
    """Return the approvals that count: with four eyes not those of whoever pushed."""
    alone = version.created_by if model.policy.four_eyes else None
    return [approval for approval in approvals if approval.approver != alone]


def check_signature(move: Move, champion: Version) -> bool:
    """Return whether the signature may differ; RegistryError where it may not and does."""
    if move.any_signature or champion.number == move.version.number:
        return move.any_signature
    old, new = champion.manifest.signature, move.version.manifest.signature
    reasons = compatible.reasons(old, new)
    if reasons and not move.goes_back:
        raise RegistryError(
            f"{move.version.label} cannot take the place of {champion.label}: "
            f"{'; '.join(reasons)}; publish it under another name, or allow it with "
            "--allow-signature-change"
        )
    return bool(reasons)
