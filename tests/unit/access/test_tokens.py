"""Tokens: random, found by their digest, ended by a date."""

from __future__ import annotations

import base64
import hashlib

import pytest

from runtime.access.tokens import (
    PREFIX,
    digest_of,
    expiry_of,
    moment_text,
    new_token,
    parse_moment,
)
from runtime.errors import ConfigError


def test_a_token_is_256_bits_in_one_word() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        raw = base64.urlsafe_b64decode(token.removeprefix(PREFIX) + "=")
        assert (token.startswith("lb_"), len(raw)) == (True, 32)


def test_a_digest_is_sha256_of_the_whole_token() -> None:
    assert digest_of("lb_x") == hashlib.sha256(b"lb_x").digest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12h", 43_200), ("90d", 7_776_000), ("8w", 4_838_400), ("1970-01-02", 86_400)],
)
def test_an_end_is_a_span_or_a_date(text: str, expected: int) -> None:
    assert expiry_of(text, now=0.0) == expected


@pytest.mark.parametrize("text", ["", "90", "0d", "-1d", "1y", "tomorrow", "999999d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="neither a span like 12h, 90d or 8w nor an ISO"):
        expiry_of(text, now=0.0)


def test_an_end_in_the_past_is_refused() -> None:
    with pytest.raises(ConfigError, match="has passed already"):
        expiry_of("1999-12-31", now=1e9)


def test_moments_are_in_utc_unless_they_say_otherwise() -> None:
    assert parse_moment("1970-01-01T02:00:00+02:00") == 0
    assert parse_moment(moment_text(1_700_000_000)) == 1_700_000_000
