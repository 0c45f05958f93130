"""Identities: a name, its roles, models, quota and credentials. Plain data.

Examples
--------
>>> ops = Identity("ops", Role.OPERATOR, models=("fraud", "team-a-*"))
>>> ops.may_use("team-a-x"), ops.may_use("fraud2")
(True, False)
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.access.roles import Role

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds of one identity on the gRPC port; zero is none.

    At most `burst` requests come through at once and `requests_per_s` in the long run; at
    most `concurrent` calls are open at the same time, where a stream is one.
    """

    requests_per_s: float = 0.0
    burst: float = 0.0
    concurrent: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: its SHA-256, 32 bytes, and its end.

    `expires_at` is in Unix seconds, 0 for never.
    """

    digest: bytes
    expires_at: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: a person or a program.

    `models` are names, or prefixes that end in a star; none are all. `subjects` are
    those of client certificates (RFC 2253) or names of their subjectAltName.
    """

    name: str
    roles: Role
    models: tuple[str, ...] = ()
    quota: Quota = Quota()
    tokens: tuple[Token, ...] = ()
    subjects: tuple[str, ...] = ()

    def may_use(self, model: str) -> bool:
        """Tell whether this identity's models include one."""
        return not self.models or any(
            model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern
            for pattern in self.models
        )
