"""Access control of the data plane: its table, and what its identities have used."""

from collections.abc import Sequence
from typing import Protocol, final

from runtime.native.server import Server

class _Quota(Protocol):
    """Bounds of one identity; zero is none."""

    @property
    def requests_per_s(self) -> float: ...
    @property
    def burst(self) -> float: ...
    @property
    def concurrent(self) -> int: ...

class _Token(Protocol):
    """SHA-256 of a token, and when it ends in Unix seconds (0: never)."""

    @property
    def digest(self) -> bytes: ...
    @property
    def expires_at(self) -> int: ...

class _Identity(Protocol):
    """Who calls; `roles` are the numbers of `runtime.access.roles`."""

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> int: ...
    @property
    def models(self) -> Sequence[str]: ...
    @property
    def quota(self) -> _Quota: ...
    @property
    def tokens(self) -> Sequence[_Token]: ...
    @property
    def subjects(self) -> Sequence[str]: ...

@final
class AccessTable:
    """Who may do what; built once, then handed to a Server."""

    def __init__(self, health_open: bool) -> None: ...
    def add(self, identity: _Identity) -> None: ...

def set_access(server: Server, table: AccessTable | None) -> None:
    """Have a server decide by a table from here on; None lets everybody do everything.

    A table is handed over once; ValueError for a second time. Counters and quotas go on by
    the identity's name.
    """

def identity_counts(server: Server) -> dict[str, dict[str, int]]:
    """Return the last table's identities with their requests by outcome.

    Outcomes are allowed, role, model, rate, concurrent and expired; "open" is how many
    calls are open now.
    """

def method_roles() -> dict[str, int]:
    """Return each method's path on the gRPC port with the roles of which it needs one.

    0 is none: such a method is open to everybody.
    """
