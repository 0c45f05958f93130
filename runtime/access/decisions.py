"""Decides about a call by its credentials: the rules of ``csrc/front/access.cc``.

The data plane decides natively on its port and this on the control port, from the same
identities, by the same rules and in the same words; tests hold the two together. Quotas
are the data plane's alone.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runtime.access.identities import Identity, Token
from runtime.access.roles import ANYBODY, Role, role_names
from runtime.access.tokens import digest_of
from runtime.errors import LeeboardError

PERMISSION_DENIED, UNAUTHENTICATED = 7, 16
SCHEME = "bearer "
LONGEST_HEADER = 1024


class Refused(LeeboardError):
    """A call that its caller may not make; `code` is gRPC's."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call shows: its authorization header, and its certificate's names.

    `subjects` are those of a verified client certificate, its distinguished name first.
    """

    authorization: str = ""
    subjects: Sequence[str] = ()


class AccessTable:
    """Identities and how to find them; never changed once made."""

    def __init__(
        self,
        identities: Sequence[Identity],
        health_open: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.identities = tuple(identities)
        self.health_open = health_open
        self._clock = clock
        self._tokens: dict[bytes, list[tuple[Token, Identity]]] = {}
        for identity in identities:
            for token in identity.tokens:
                self._tokens.setdefault(token.digest[:8], []).append((token, identity))
        self._subjects = {s: i for i in identities for s in i.subjects}
        self._names = {identity.name: identity for identity in identities}

    def named(self, name: str) -> Identity | None:
        """Return the identity of a name."""
        return self._names.get(name)

    def decide(self, shown: Credentials, method: str, needs: Role) -> Identity | None:
        """Return who calls a method that needs any one of some roles; raises Refused.

        None: nobody had to say who he is. `NOBODY` is open where health is.
        """
        if not needs and self.health_open:
            return None
        identity = self._identify(shown)
        if needs and not identity.roles & needs:
            raise Refused(
                PERMISSION_DENIED,
                f"identity '{identity.name}' ({role_names(identity.roles)}) may not call "
                f"{method}; it needs one of: {role_names(needs)}",
            )
        return identity

    def _identify(self, shown: Credentials) -> Identity:
        """Return who calls; a token that is sent decides, then the certificate."""
        if not shown.authorization:
            for subject in shown.subjects:
                if subject in self._subjects:
                    return self._subjects[subject]
            raise Refused(
                UNAUTHENTICATED,
                "the client certificate's subject is not known here, and no token came"
                if shown.subjects
                else "this server asks who calls: send 'authorization: Bearer TOKEN'",
            )
        found = self._find(shown.authorization)
        if found is None:
            raise Refused(
                UNAUTHENTICATED,
                "the authorization header holds no token that is known here; it is "
                "'Bearer ' and a token of `leeboard tokens new`",
            )
        token, identity = found
        if token.expires_at and self._clock() >= token.expires_at:
            raise Refused(
                UNAUTHENTICATED,
                f"the token of identity '{identity.name}' has expired; ask for another one",
            )
        return identity

    def _find(self, header: str) -> tuple[Token, Identity] | None:
        is_bearer = header[: len(SCHEME)].lower() == SCHEME
        if not is_bearer or not header.isascii() or len(header) > LONGEST_HEADER:
            return None
        digest = digest_of(header[len(SCHEME) :])
        for token, identity in self._tokens.get(digest[:8], ()):
            if hmac.compare_digest(token.digest, digest):
                return token, identity
        return None


def refuse_model(identity: Identity | None, model: str) -> None:
    """Raise Refused when an identity may not use a model; None may use all."""
    if identity is not None and not identity.may_use(model):
        shown = model if len(model) <= 80 else model[:80] + "..."
        raise Refused(
            PERMISSION_DENIED,
            f"identity '{identity.name}' may not use the model '{shown}'",
        )


def roles_of(identity: Identity | None) -> Role:
    """Return the roles of a caller; where nobody is asked, all."""
    return ANYBODY if identity is None else identity.roles
