"""What the registry knows of models and versions, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from runtime.registry.lifecycle import State
from runtime.registry.manifest import Lineage, Manifest, Signature, from_json
from runtime.registry.source import Pointer


class Facts(TypedDict, total=False):
    """What may be said of a version besides its files; see `manifest.Manifest`."""

    signature: Signature
    lineage: Lineage
    metrics: Mapping[str, float]
    contract: Mapping[str, Any]
    profile: str
    notes: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to: `is_new` is false where the same version was there before.

    `note` says what a person should know of it: that it was rejected once.
    """

    number: int
    digest: str
    is_new: bool
    state: State = State.REGISTERED
    note: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a version must have shown before the champion may point at it.

    With `four_eyes` nobody approves a version that they pushed.
    """

    approvals: int = 0
    four_eyes: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """Who said yes to a version, when (Unix seconds), and their words."""

    approver: str
    at: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """One model; `frozen` says why its aliases may not move, and is empty if they may."""

    name: str
    policy: Policy
    frozen: str
    created_at: float
    created_by: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version as the registry keeps it; times are Unix seconds.

    `text` is its manifest's canonical JSON. `reason` says why it is in its state, `source`
    where it came from.
    """

    model: str
    number: int
    digest: str
    text: str
    state: State
    reason: str
    source: str
    created_at: float
    created_by: str

    @property
    def label(self) -> str:
        """The version as it is asked for, ``fraud/3``."""
        return f"{self.model}/{self.number}"

    @property
    def manifest(self) -> Manifest:
        """What the version is; raises ManifestError when its row is damaged."""
        return from_json(self.text)


@dataclass(frozen=True, slots=True)
class Listed:
    """A model with where its aliases point and its highest number, 0 for no version."""

    model: Model
    pointers: tuple[Pointer, ...]
    latest: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A server that held a version when it was last seen (Unix seconds)."""

    server: str
    model: str
    number: int
    use: str
    seen_at: float
