"""Views of shared memory, kept while they are of use, and where tensors may begin."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

CACHED_VIEWS = 512
ALIGNMENT = 64

Value = TypeVar("Value")


def aligned(size: int) -> int:
    """Return a size or an offset, rounded up to where the next tensor may begin."""
    return -(-size // ALIGNMENT) * ALIGNMENT


class ViewCache(OrderedDict[Hashable, Value]):
    """The most recently used views; the one unused for longest goes beyond the bound."""

    def find(self, key: Hashable) -> Value | None:
        """Return what is kept under a key, which counts as a use."""
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def keep(self, key: Hashable, value: Value) -> None:
        """Remember a value, forgetting another one beyond the bound."""
        self[key] = value
        if len(self) > CACHED_VIEWS:
            self.popitem(last=False)
