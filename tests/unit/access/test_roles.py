"""Roles: names, numbers, and what stands for everybody and nobody."""

from __future__ import annotations

import pytest

from runtime.access.roles import ANYBODY, NOBODY, Role, parse_role, role_names
from runtime.errors import ConfigError


def test_the_numbers_are_those_of_the_data_plane() -> None:
    assert [(r.name, r.value) for r in Role] == [
        ("INFER", 1),
        ("VIEWER", 2),
        ("LABELER", 4),
        ("OPERATOR", 8),
        ("APPROVER", 16),
    ]


def test_anybody_has_some_role_and_nobody_none() -> None:
    assert all(role in ANYBODY for role in Role)
    assert role_names(NOBODY) == "none"
    assert role_names(ANYBODY) == "infer, viewer, labeler, operator, approver"


def test_a_name_that_is_no_role_is_told_which_there_are() -> None:
    with pytest.raises(ConfigError, match="'admin' is no role; there are infer, viewer"):
        parse_role("admin")
