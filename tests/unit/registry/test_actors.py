"""Who changes the registry."""

from __future__ import annotations

import os
import socket

import pytest

from runtime.registry.actors import actor_here


def test_the_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEEBOARD_ACTOR", " kate ")
    assert actor_here() == "kate"


def test_else_it_is_the_user_on_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEEBOARD_ACTOR", raising=False)
    monkeypatch.setenv("LOGNAME", "bob")
    assert actor_here() == f"bob@{socket.gethostname()}"


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEEBOARD_ACTOR", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert actor_here() == f"uid-{os.getuid()}@{socket.gethostname()}"
