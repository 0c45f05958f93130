"""What a check of a registry tells of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be: what it is about, and words.

    A `harmless` one costs room only, as what is left of a push that was killed does.
    """

    what: str
    text: str
    harmless: bool = False
