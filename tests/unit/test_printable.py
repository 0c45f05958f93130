"""Words of others on one line, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.printable import LONGEST, escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, caf\xe9, \u6a21\u578b", "plain, caf\xe9, \u6a21\u578b"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x7f\x85\x9b31m", "\\x7f\\x85\\x9b31m"),
        ("line\u2028paragraph\u2029", "line\\u2028paragraph\\u2029"),
        ("\u202eevil\u200b", "\\u202eevil\\u200b"),
        ("half \udc80", "half \\udc80"),
        ("nul\0", "nul\\x00"),
    ],
)
def test_what_is_not_printable_becomes_its_escape(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_unprintable_is_left(text: str) -> None:
    assert escaped(text).isprintable()
    escaped(text).encode()  # Raises for half of a surrogate.


def test_a_long_text_is_cut_and_says_so() -> None:
    assert escaped("x" * (LONGEST + 7)) == "x" * LONGEST + "... (7 more characters)"
