"""Options of profiles, from Python's values."""

from typing import Final

KINDS: Final[tuple[str, ...]]
"""The kinds of values that profiles take, by their names in numpy."""

EDGES_AT_MOST: Final = 32
CATEGORIES_AT_MOST: Final = 128
WHOLE: Final = 18446744073709551615
