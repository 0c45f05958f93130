"""A backend whose model writes to its inputs, kept from the memory that they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from runtime.backends.base import Array, Backend, Inputs, Outputs


@dataclass(frozen=True, slots=True)
class CopiedInputs:
    """A batch's inputs as private copies; see `runtime.backends.base.Inputs`."""

    given: Inputs
    copies: dict[str, Array] = field(default_factory=dict)
    key: None = None

    @property
    def rows(self) -> int:
        """Rows in the batch."""
        return self.given.rows

    def __getitem__(self, name: str) -> Array:
        if name not in self.copies:
            self.copies[name] = self.given[name].copy()
        return self.copies[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def fresh(self, name: str) -> Array:
        """Return a tensor as a private copy."""
        return self[name]

    def detach(self) -> None:
        """Do nothing: copies are private."""


class Copying:
    """A backend whose model writes to its inputs: it is given copies."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.load = backend.load
        self.signature = backend.signature
        self.close = backend.close

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Run one batch on copies of its inputs."""
        self._backend.run(CopiedInputs(inputs), outputs)
