"""How things are said to an operator."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: float, one: str, many: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "worker"), count(12_000, "batch", "batches")
    ('1 worker', '12,000 batches')
    """
    return f"{number:,.0f} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def ago(seconds: float) -> str:
    """Return a time that has passed, roughly, as people say it.

    Examples
    --------
    >>> ago(-3), ago(59), ago(3600 * 5 + 61), ago(86_400 * 3)
    ('just now', '59 s ago', '5 h 1 min ago', '3 d 0 h ago')
    """
    if seconds < 1:
        return "just now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min ago"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min ago"
    return f"{hours // 24} d {hours % 24} h ago"
