"""Words of others made fit to be shown on a line of a log or a terminal."""

from __future__ import annotations

LONGEST = 2_000
"""Characters of one line; what is beyond is counted and left out.

Strangers do not choose how much is logged.
"""


def escaped(text: str) -> str:
    r"""Return text without a character that could move a cursor, end a line or hide words.

    All that is not printable, in any script, becomes its escape in Python: control
    characters, ANSI sequences, line and paragraph separators, characters that turn the
    direction of writing, halves of surrogates.

    Examples
    --------
    >>> escaped("two\nlines, \x1b[31mred\x1b[0m, caf\xe9")
    'two\\nlines, \\x1b[31mred\\x1b[0m, café'
    """
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text) - LONGEST} more characters)"
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
