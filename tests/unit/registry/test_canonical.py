"""JSON in the one form that digests are made of."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.registry.canonical import DEEPEST, LARGEST, NotCanonical, canonical, parsed

leaves = (
    st.none()
    | st.booleans()
    | st.integers(1 - LARGEST, LARGEST - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_reads_back_the_same_and_is_written_the_same(value: object) -> None:
    text = canonical(value)
    assert parsed(text) == value
    assert canonical(parsed(text)) == text
    assert canonical(json.loads(json.dumps(value, indent=2))) == text


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1}) == b'{"a":2,"b":1}'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1.0, math.nan]}, r"^a\[1\] is nan, which is no number"),
        ({"a": {"b": math.inf}}, r"^a\.b is inf"),
        ({1: 2}, "has the key 1"),
        ({"a": "\ud800"}, "a is no UTF-8 text"),
        ({"\ud800": 1}, "a key of it is no UTF-8 text"),
        ({"a": {1, 2}}, "a is of type set"),
        (b"x", "it is of type bytes"),
        (LARGEST, "more than 64 bits"),
    ],
)
def test_a_value_without_a_form_is_refused(value: object, words: str) -> None:
    with pytest.raises(NotCanonical, match=words):
        canonical(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a":1,"a":2}', "'a' is there twice"),
        ("[NaN]", "NaN is no number"),
        ("[1e999]", "inf"),
        ("{", "it is no JSON"),
        (b"\xff\xfe\xff", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ('"\\ud800"', "no UTF-8"),
        ("1" * 5000, "it is no JSON"),
    ],
)
def test_a_text_that_is_none_is_refused(text: str | bytes, words: str) -> None:
    with pytest.raises(NotCanonical, match=words):
        parsed(text)


def test_values_that_are_too_deep_are_refused() -> None:
    value: object = 1
    for _ in range(DEEPEST + 1):
        value = [value]
    with pytest.raises(NotCanonical, match="deeper"):
        canonical(value)


def test_a_text_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.registry.canonical.MOST_BYTES", 10)
    with pytest.raises(NotCanonical, match="11 bytes; 10 are the most"):
        canonical("a" * 9)
    with pytest.raises(NotCanonical, match="longer"):
        parsed('"' + "a" * 9 + '"')
