"""Roles: what a caller may be allowed to do.

The numbers are those of ``csrc/front/access_table.h``.

Examples
--------
>>> parse_role("viewer")
<Role.VIEWER: 2>
>>> role_names(Role.INFER | Role.APPROVER)
'infer, approver'
"""

from __future__ import annotations

from enum import IntFlag

from runtime.errors import ConfigError


class Role(IntFlag):
    """A set of roles; one needs no other."""

    INFER = 1
    """Ask models."""
    VIEWER = 2
    """See models, statistics and configuration."""
    LABELER = 4
    """Bring the true answers that come later."""
    OPERATOR = 8
    """Load and unload models, change how the server runs."""
    APPROVER = 16
    """Say yes to a new version."""


NOBODY = Role(0)
"""What a method needs that is open to everybody."""

ANYBODY = Role.INFER | Role.VIEWER | Role.LABELER | Role.OPERATOR | Role.APPROVER
"""What a method needs that any known caller may use."""

NAMES = {role.name.lower(): role for role in Role if role.name}


def parse_role(name: str) -> Role:
    """Return the role of a name; raises ConfigError that lists those there are."""
    if name not in NAMES:
        raise ConfigError(f"{name!r} is no role; there are {', '.join(NAMES)}")
    return NAMES[name]


def role_names(roles: Role) -> str:
    """Return a set of roles as people write it; "none" for an empty one."""
    return ", ".join(name for name, role in NAMES.items() if role in roles) or "none"
