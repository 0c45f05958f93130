"""A second reading of the options while the server runs: what changes, what has to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.config import Config
from runtime.options.sources import Setting, Sources, checked, read_settings
from runtime.running.reloads import Reread


@dataclass(frozen=True, slots=True)
class Change:
    """Settings with all that may change taken over; `waiting` are keys of the others."""

    settings: list[Setting]
    waiting: tuple[str, ...]


def take_over(before: Sequence[Setting], now: Sequence[Setting]) -> Change:
    """Return what a running server has after a second reading."""
    pairs = list(zip(before, now, strict=True))
    settings = [new if new.option.reloads else old for old, new in pairs]
    waiting = tuple(
        old.option.key
        for old, new in pairs
        if old.value != new.value and not old.option.reloads
    )
    return Change(settings, waiting)


class LivingOptions:
    """The options of a running server; `reread` looks at the file again."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.settings = read_settings(sources)

    def config(self) -> Config:
        """Return the Config of the settings as they are; raises ConfigError."""
        return checked(self.settings)

    def reread(self) -> Reread:
        """Return the Config after a second reading; raises ConfigError and keeps the old.

        Environment and flags are those of the start.
        """
        now = read_settings(self._sources)
        checked(now)
        change = take_over(self.settings, now)
        config = checked(change.settings)
        self.settings = change.settings
        return Reread(config, change.waiting)
