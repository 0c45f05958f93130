"""YAML as plain data: what is hostile or doubtful is refused, with its line, if any."""

from __future__ import annotations

import pytest

from runtime.errors import ConfigError
from runtime.models.yaml_text import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("a: 1e-4", {"a": 1e-4}),
        ("a: 5E+3", {"a": 5000.0}),
        ("a: -1.5e3", {"a": -1500.0}),
        ("a: 1e", {"a": "1e"}),
        ("a: 12", {"a": 12}),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("base: &b {x: 1}\nc: {<<: *b, y: 2}", {"base": {"x": 1}, "c": {"x": 1, "y": 2}}),
    ],
)
def test_plain_data_is_read(text: str, expected: object) -> None:
    assert parse(text) == expected


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "line 4: 'c' is there twice"),
        ("a: [1,", "line 1: "),
        ("a: 1\n---\nb: 2", "line 2: but found another document"),
        ("a: !!python/object/apply:os.system [x]", "line 1: could not determine a const"),
        ("a: *nowhere", "line 1: found undefined alias"),
        ("? [1]\n: 2", "line 1: found unhashable key"),
        ("a: &a [*a]", "it is nested more than 50 deep"),
        ("a: " + "[" * 5000, "it is nested more than 50 deep"),
        ("a: " + "[" * 60 + "]" * 60, "it is nested more than 50 deep"),
        (BOMB, "it holds more than 20000 values"),
        ("[" + "0," * 30_000 + "]", "it holds more than 20000 values"),
        ("a: \x07", "unacceptable character #x0007"),
        ("a: !!int x", "a value is not what its tag says: "),
        ("a: !!int ''", "a value is not what its tag says: "),
        ("a: !!bool x", "a value is not what its tag says: "),
        ("a: !!timestamp x", "a value is not what its tag says: "),
        ("a: 2026-13-45", "a value is not what its tag says: "),
        ("a: " + "9" * 5000, "a value is not what its tag says: "),
    ],
)
def test_what_is_not_plain_data_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert words in str(caught.value)
