"""The text of a token file: read strictly, written so that it reads the same."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.access.identities import Identity, Quota, Token
from runtime.access.listed import (
    IDENTITY_KEYS,
    QUOTA_KEYS,
    TOKEN_KEYS,
    parse,
    render,
)
from runtime.access.roles import ANYBODY, Role
from runtime.access.tokens import digest_of, new_token
from runtime.errors import ConfigError

DIGEST = "ab" * 32
WHOLE = f"""
identities:
  - name: checkout
    roles: [infer, viewer]
    models: [fraud, team-a-*]
    quota: {{requests_per_s: 200, burst: 400, concurrent: 64}}
    tokens:
      - {{sha256: {DIGEST}, expires: 1970-01-02, note: on the till}}
      - {{sha256: "{"11" * 32}", expires: 1970-01-01T00:00:07Z}}
    subjects: ["CN=checkout,O=Example", spiffe://example/checkout]
  - {{name: ops, roles: [operator]}}
"""


def one(**keys: Any) -> str:
    """One identity as JSON, which is YAML too."""
    return json.dumps({"identities": [{"name": "x", "roles": ["infer"], **keys}]})


def test_everything_that_can_be_said() -> None:
    assert parse(WHOLE) == (
        Identity(
            "checkout",
            Role.INFER | Role.VIEWER,
            ("fraud", "team-a-*"),
            Quota(200.0, 400.0, 64),
            (
                Token(bytes.fromhex(DIGEST), 86_400, "on the till"),
                Token(b"\x11" * 32, 7),
            ),
            ("CN=checkout,O=Example", "spiffe://example/checkout"),
        ),
        Identity("ops", Role.OPERATOR),
    )


def test_what_is_written_reads_the_same() -> None:
    assert parse(render(parse(WHOLE))) == parse(WHOLE)
    assert parse(render(())) == ()


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,20}", fullmatch=True)
TEXTS = st.text("abc :#'\"{}[]*&!%@~é0-9", min_size=1).filter(str.isprintable)


@given(
    st.lists(
        st.builds(
            Identity,
            name=NAMES,
            roles=st.integers(1, int(ANYBODY)).map(Role),
            models=st.lists(TEXTS.filter(lambda t: "*" not in t[:-1])).map(tuple),
            quota=st.builds(Quota, st.just(2.5), st.floats(1, 1e6), st.integers(0, 10**9)),
            tokens=st.lists(
                st.builds(
                    Token,
                    st.binary(min_size=32, max_size=32),
                    st.integers(0, 10**10),
                    TEXTS,
                ),
                max_size=2,
            ).map(tuple),
        ),
        max_size=3,
        unique_by=lambda identity: identity.name,
    )
)
def test_whatever_identities_there_are_they_survive_the_file(
    identities: list[Identity],
) -> None:
    digests = [token.digest for identity in identities for token in identity.tokens]
    if len(set(digests)) == len(digests):
        assert parse(render(identities)) == tuple(identities)


def test_a_rate_alone_has_a_burst_of_one_second() -> None:
    assert parse(one(quota={"requests_per_s": 50}))[0].quota == Quota(50.0, 50.0, 0)
    assert parse(one(quota={"requests_per_s": 0.5}))[0].quota == Quota(0.5, 1.0, 0)
    assert parse(one(quota={"concurrent": 3}))[0].quota == Quota(0.0, 0.0, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("identities: 3", "identities: it must be a list"),
        ("- a", "the file: it must be keys with values: identities"),
        ("people: []", "the file: 'people' is not known; there are identities"),
        ("identities: [x]", "identity 1: it must be keys with values: name, roles"),
        ("a: 1\na: 2", "the key 'a' is there twice"),
        ("a: [", "line 1"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        (one(rolls=[]), "'rolls' is not known"),
        (one(name="a b"), "the name 'a b' must be 1 to 63 letters"),
        (one(name="a\nb"), "the name 'a.nb' must be"),
        (one(name=7), "the name 7 must be"),
        (one(name=""), "the name '' must be"),
        (one(roles=[]), "it has no role"),
        (one(roles=["root"]), "'root' is no role"),
        (one(roles="infer"), "roles: it must be a list"),
        (one(models=["*a"]), "a star may only end a model's name"),
        (one(models=[""]), "is no text of printable characters"),
        (one(subjects=["CN=a\nb"]), "is no text of printable characters"),
        (one(subjects=["a", "a"]), "the subject 'a' is there twice"),
        (one(quota={"rps": 1}), "'rps' is not known"),
        (one(quota={"requests_per_s": "9"}), "requests_per_s is '9'; it must be a number"),
        (one(quota={"requests_per_s": True}), "requests_per_s is True"),
        (one(quota={"requests_per_s": -1}), "it must be 0 to 1e9"),
        (one(quota={"concurrent": 1.5}), "concurrent is 1.5; it must be whole"),
        (one(quota={"burst": 3}), "burst goes with requests_per_s"),
        (one(quota={"requests_per_s": 1, "burst": 0.5}), "nothing would come through"),
        (one(tokens=[{"sha256": DIGEST[2:]}]), "must be 64 hexadecimal digits"),
        (one(tokens=[{"sha256": 12}]), "must be 64 hexadecimal digits"),
        (one(tokens=[{"sha256": DIGEST, "expires": "soon"}]), "'soon' is no ISO date"),
        (one(tokens=[{"sha256": DIGEST, "expires": 5}]), "expires is 5"),
        (one(tokens=[{"sha256": DIGEST, "note": "a\nb"}]), "note must be one line"),
        (one(tokens=[{"sha256": DIGEST}, {"sha256": DIGEST}]), "a token .* is there twice"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(text)


def test_the_first_moment_of_all_is_not_never() -> None:
    tokens = [{"sha256": DIGEST, "expires": "1970-01-01"}]
    assert parse(one(tokens=tokens))[0].tokens[0].expires_at == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*IDENTITY_KEYS, *TOKEN_KEYS, *QUOTA_KEYS, "identities"]), inner
        )
    ),
    max_leaves=20,
)


@given(st.one_of(st.text(), JSON.map(lambda x: json.dumps({"identities": [x]}))))
def test_whatever_the_text_is_the_error_is_ours(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert parse(render(parse(text))) == parse(text)


def test_two_identities_of_one_name_are_refused() -> None:
    two = {"identities": [{"name": "x", "roles": ["infer"]}] * 2}
    with pytest.raises(ConfigError, match="the name 'x' is there twice"):
        parse(json.dumps(two))


def test_a_token_in_the_place_of_its_digest_is_never_told() -> None:
    token = new_token()
    for text in (one(tokens=[{"sha256": token}]), f"identities: [{{{token}"):
        with pytest.raises(ConfigError) as caught:
            parse(text)
        assert token not in str(caught.value)
    assert digest_of(token).hex() not in str(caught.value)
