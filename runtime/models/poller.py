"""When a watched folder has changed enough to act: pure decisions.

A model is loaded again when its files differ from those last acted on and have stood still
between two looks; a copy that is still going on changes from look to look. What failed is
not tried again until its files change.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

Fingerprints = Mapping[str, Hashable]
"""What each model's files look like, by the model's name."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of models to load (or load again) and to unload, in order."""

    load: tuple[str, ...] = ()
    unload: tuple[str, ...] = ()


@dataclass
class Poller:
    """Remembers what was seen last and what was acted on.

    Examples
    --------
    >>> poller = Poller({"a": 1})
    >>> poller.look({"a": 2, "b": 1})
    Changes(load=(), unload=())
    >>> poller.look({"a": 2, "b": 1})
    Changes(load=('a', 'b'), unload=())
    >>> poller.look({"a": 2, "b": 1})
    Changes(load=(), unload=())
    >>> poller.look({"b": 1}), poller.look({"b": 1})
    (Changes(load=(), unload=()), Changes(load=(), unload=('a',)))
    """

    acted: dict[str, Hashable] = field(default_factory=dict)
    seen: Fingerprints | None = None

    def look(self, now: Fingerprints) -> Changes:
        """Return what to do about the files as they are now; it counts as done."""
        before = self.acted if self.seen is None else self.seen
        self.seen = dict(now)
        load = [
            name
            for name, files in now.items()
            if before.get(name) == files and self.acted.get(name) != files
        ]
        unload = [name for name in self.acted if name not in now and name not in before]
        for name in load:
            self.acted[name] = now[name]
        for name in unload:
            del self.acted[name]
        return Changes(tuple(sorted(load)), tuple(sorted(unload)))
