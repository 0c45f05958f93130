"""The options in force of a running server, readable for its user and root only.

They are shown in a window (see `runtime.running.window`), because a configuration is
nobody else's business: paths, addresses and names of a machine should not leave through a
port that answers everybody on it. Secrets are left out before anything is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from runtime.options.option import Kind
from runtime.options.sources import Origin, Setting
from runtime.running.window import Window, read_window

NAME = "leeboard-options"
HIDDEN = "(secret)"


def shown_value(setting: Setting) -> object:
    """Return a value as JSON has it; a secret is only said to be there."""
    value = setting.value
    if setting.option.secret and setting.origin is not Origin.DEFAULT:
        return HIDDEN
    if value is not None and setting.option.kind is Kind.PATH:
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def as_values(settings: Iterable[Setting]) -> dict[str, dict[str, Any]]:
    """Return settings as JSON values, by key, each with the place that said it."""
    return {
        setting.option.key: {"value": shown_value(setting), "from": setting.place}
        for setting in settings
    }


class Effective:
    """Shows the options in force until it is closed."""

    def __init__(self) -> None:
        self._window = Window(NAME)

    def write(self, settings: Iterable[Setting]) -> None:
        """Show these settings in the place of those before."""
        self._window.write(json.dumps(as_values(settings)))

    def close(self) -> None:
        """Show nothing any more."""
        self._window.close()


def read_effective(pids: Iterable[int]) -> dict[str, Any] | None:
    """Return the options in force of the first of these processes that shows some.

    None when there is none, or it is another user's.
    """
    text = read_window(NAME, pids)
    found = json.loads(text) if text else None
    return found if isinstance(found, dict) else None
