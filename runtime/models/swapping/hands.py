"""What is done about one followed model, each thing by itself: fetch, load, publish.

`Followed` decides when; these are its hands, and a test's are others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from runtime.models.swapping.local_state import Known
from runtime.registry.source import Pointer

Told = Mapping[int, Mapping[str, str]]
"""Parameters of each version's configuration, by its number."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Bytes of memory that a version's workers take: serving, and at most in its load."""

    serving: int = 0
    peak: int = 0


class Hands(Protocol):
    """What a followed model is changed with; numbers name its versions."""

    async def fetch(self, pointer: Pointer) -> None:
        """Have a version's files here, held to their digests; raises LeeboardError."""

    async def load(self, pointer: Pointer, chosen_by: str, after: int) -> None:
        """Load a version and prove it, against version `after` if that is not 0.

        Raises ModelError with what it did not show.
        """

    def is_ready(self, number: int) -> bool:
        """Tell whether a version's workers serve."""

    def publish(self, preferred: int, told: Told) -> None:
        """Have a version (0: none) answer those who name none, and tell clients of all."""

    def withdraw(self, number: int) -> None:
        """Take a version out of service; what it has is finished."""

    async def given_back(self) -> None:
        """Wait until what was withdrawn has ended, and its memory is free."""

    def close(self) -> None:
        """Let go of the registry's files."""

    def costs(self, number: int) -> Costs:
        """Return what a version takes, as its workers measured it."""

    def free(self) -> int:
        """Return the bytes of memory that could be taken."""

    def refuse(self, number: int, reason: str) -> None:
        """Say in the index why a version (0: the model) is not served; "" takes it back."""

    async def save(self, known: Known, digests: frozenset[str]) -> None:
        """Write down what is known of the model, and keep the files of these versions."""
