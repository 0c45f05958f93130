"""Who may call what on the control port; the data plane's twin is access_test.cc."""

from __future__ import annotations

import pytest

from runtime.access.decisions import (
    AccessTable,
    Credentials,
    Refused,
    refuse_model,
    roles_of,
)
from runtime.access.identities import Identity, Token
from runtime.access.roles import ANYBODY, NOBODY, Role
from runtime.access.tokens import digest_of

NOW = 1_000.0


def identity(name: str, roles: Role, *tokens: str, expires: int = 0) -> Identity:
    return Identity(name, roles, tokens=tuple(Token(digest_of(t), expires) for t in tokens))


def table(*identities: Identity, health_open: bool = True) -> AccessTable:
    return AccessTable(identities, health_open, lambda: NOW)


def bearer(token: str) -> Credentials:
    return Credentials(f"Bearer {token}")


@pytest.mark.parametrize("held", list(Role))
@pytest.mark.parametrize("asked", list(Role))
def test_every_role_meets_every_need(held: Role, asked: Role) -> None:
    one = table(identity("x", held, "t"))
    if held is asked:
        found = one.decide(bearer("t"), "M", asked | Role.APPROVER)
        assert found is not None
        assert found.name == "x"
    else:
        with pytest.raises(Refused, match="may not call M; it needs one of") as caught:
            one.decide(bearer("t"), "M", asked)
        assert caught.value.code == 7
    assert one.decide(bearer("t"), "M", ANYBODY)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (Credentials(), "send 'authorization: Bearer TOKEN'"),
        (bearer("u"), "holds no token that is known here"),
        (Credentials("Basic t"), "holds no token that is known here"),
        (Credentials("t"), "holds no token that is known here"),
        (bearer("t" * 5_000), "holds no token that is known here"),
        (bearer("\udc80"), "holds no token that is known here"),
        (Credentials(subjects=("CN=y",)), "subject is not known here"),
    ],
)
def test_who_is_not_known_is_refused(shown: Credentials, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        table(identity("x", Role.INFER, "t")).decide(shown, "M", ANYBODY)
    assert caught.value.code == 16


def test_health_is_open_unless_a_table_says_otherwise() -> None:
    assert table().decide(Credentials(), "Check", NOBODY) is None
    with pytest.raises(Refused):
        table(health_open=False).decide(Credentials(), "Check", NOBODY)
    closed = table(identity("x", Role.LABELER, "t"), health_open=False)
    assert closed.decide(bearer("t"), "Check", NOBODY)


def test_a_token_ends_with_its_date() -> None:
    for expires, ended in ((1_001, False), (1_000, True), (0, False)):
        one = table(identity("x", Role.INFER, "t", expires=expires))
        if not ended:
            assert one.decide(bearer("t"), "M", ANYBODY)
            continue
        with pytest.raises(Refused, match="the token of identity 'x' has expired"):
            one.decide(bearer("t"), "M", ANYBODY)


def test_a_token_that_is_sent_decides_and_then_the_certificate() -> None:
    one = table(
        Identity("x", Role.INFER, subjects=("CN=x", "spiffe://x")),
        identity("y", Role.OPERATOR, "t"),
    )
    found = one.decide(Credentials(subjects=("CN=z", "spiffe://x")), "M", ANYBODY)
    assert found is not None
    assert found.name == "x"
    found = one.decide(Credentials("bearer t", ("CN=x",)), "M", ANYBODY)
    assert found is not None
    assert found.name == "y"
    with pytest.raises(Refused):
        one.decide(Credentials("Bearer no", ("CN=x",)), "M", ANYBODY)


def test_models_are_named_exactly_or_by_prefix() -> None:
    limited = Identity("x", Role.INFER, models=("fraud", "team-a-*"))
    for model in ("fraud", "team-a-", "team-a-x"):
        refuse_model(limited, model)
    for model in ("fraud2", "team-b", ""):
        with pytest.raises(Refused, match="identity 'x' may not use the model"):
            refuse_model(limited, model)
    refuse_model(None, "anything")
    with pytest.raises(Refused) as caught:
        refuse_model(limited, "y" * 10_000)
    assert len(str(caught.value)) < 200


def test_where_nobody_is_asked_everybody_has_all_roles() -> None:
    assert roles_of(None) is ANYBODY
    assert roles_of(Identity("x", Role.VIEWER)) is Role.VIEWER
