"""Only a terminal that was there can be gone."""

from __future__ import annotations

import signal

import pytest

from runtime.running import terminal
from runtime.running.terminal import Terminal


@pytest.mark.parametrize(
    ("before", "after", "handler", "is_gone"),
    [
        (True, False, signal.SIG_DFL, True),
        (True, True, signal.SIG_DFL, False),
        (False, False, signal.SIG_DFL, False),
        (True, False, signal.SIG_IGN, False),
    ],
)
def test_a_terminal_is_gone_if_it_was_there_and_nobody_said_to_outlive_it(
    monkeypatch: pytest.MonkeyPatch,
    before: bool,
    after: bool,
    handler: signal.Handlers,
    is_gone: bool,
) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda number: handler)
    monkeypatch.setattr(terminal, "has_terminal", lambda: before)
    found = Terminal()
    monkeypatch.setattr(terminal, "has_terminal", lambda: after)
    assert found.is_gone() is is_gone
