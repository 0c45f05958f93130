"""What is kept in mind of one followed model and its versions."""

from __future__ import annotations

from dataclasses import dataclass, field

from runtime.models.swapping.lifecycle import Stage
from runtime.models.swapping.policy import Held, Keeping
from runtime.registry.source import DigestMismatch, Pointer, RegistryUnavailable

AGAIN = (RegistryUnavailable, DigestMismatch, OSError, TimeoutError)
"""What may be mended without the alias being moved."""

USES = {Stage.SERVING: "serves", Stage.WARM: "warm", Stage.PROVEN: "warm"}
"""What the registry is told that a version is used for; others are loading."""


@dataclass
class Kept:
    """One version as this server has it; times are of the monotonic clock, in seconds.

    `why` is the reason for its stage, `chosen_by` what made the server load it.
    """

    pointer: Pointer
    since_s: float
    stage: Stage = Stage.WANTED
    why: str = ""
    chosen_by: str = ""
    tries: int = 0
    retry_at_s: float | None = None

    @property
    def number(self) -> int:
        """The version's number."""
        return self.pointer.number

    @property
    def label(self) -> str:
        """The version's name for people."""
        return f"{self.pointer.model} version {self.number}"

    def held(self, ready: bool) -> Held:
        """Return what a decision needs of it; `ready` says that its workers serve."""
        generation = self.pointer.generation
        return Held(
            self.number, self.stage, ready, self.since_s, generation, self.retry_at_s
        )


@dataclass
class Timings:
    """How long the last swap took by phase, in seconds, and how swaps have ended."""

    seconds: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: str) -> None:
        """Count one more of an outcome."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1


@dataclass(frozen=True, slots=True)
class Rules:
    """What a person chose: how long versions stay warm, and whether a gap is allowed."""

    keeping: Keeping = field(default_factory=Keeping)
    may_replace: bool = False


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What a rollback did: from where to where, how long the swap took, what is left.

    `warm` is false where the version had to be loaded first. `note` says what could not be
    done yet, if anything.
    """

    before: int
    now: int
    seconds: float
    warm: bool
    note: str = ""
