"""Versions of models under names and aliases, who moved them, and where they come from.

`push` registers a model out of the program that trained it::

    from runtime import registry

    registry.push("fraud", model, "registry/", sample=rows, alias="champion")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.registry.pushing import push

__all__ = ["push"]


def __getattr__(name: str) -> object:
    """Return `push`, imported when it is first asked for: servers have no use for it."""
    if name == "push":
        from runtime.registry.pushing import push

        return push
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
