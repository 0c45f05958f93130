"""Looks at a tensor's features, and the window of the last of them.

A look is what came in since the one before. Arrays are by feature, F of them, and by edge,
K of them; where a feature has fewer edges the reference has NaN, and counts mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Look:
    """Counts of a number of rows.

    `above` [F, K] counts finite values at or above each edge, `finite` [F] all of them;
    `missing` [F] counts NaN, `infinite` [F] both infinities, `outside` [F] finite values
    out of the valid range. `known` [F, C] counts the reference's categories, and `unseen`
    [F] all other values of categorical features.
    """

    rows: int
    finite: Counts
    above: Counts
    missing: Counts
    infinite: Counts
    outside: Counts
    known: Counts
    unseen: Counts

    @classmethod
    def empty(cls, features: int, edges: int, categories: int) -> Self:
        """Return a look at no rows."""
        of_each = np.zeros(features, dtype=np.int64)
        return cls(
            0,
            of_each,
            np.zeros((features, edges), dtype=np.int64),
            *(of_each,) * 3,
            np.zeros((features, categories), dtype=np.int64),
            of_each,
        )

    def plus(self, other: Look) -> Look:
        """Return both looks as one."""
        return Look(
            self.rows + other.rows,
            self.finite + other.finite,
            self.above + other.above,
            self.missing + other.missing,
            self.infinite + other.infinite,
            self.outside + other.outside,
            self.known + other.known,
            self.unseen + other.unseen,
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the counts by name; `from_arrays` makes exactly this look of them."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the look that `to_arrays` was asked of; KeyError where one is missing."""
        counts = {f.name: np.array(arrays[f.name]) for f in fields(cls)}
        rows = int(counts.pop("rows"))
        return cls(rows, **counts)


@dataclass(frozen=True, slots=True)
class Half:
    """Looks that were added up, from and to a time in seconds since 1970."""

    look: Look
    begin_s: float
    end_s: float


class Recent:
    """How many of the last rows that were answered are in the statistics.

    The halves of a window as `Window` has them; what is older than `seconds` is forgotten
    also where nothing came after it.
    """

    def __init__(self, rows: int, seconds: float) -> None:
        self._rows, self._seconds = rows, seconds
        self._halves: list[tuple[int, int, float, float]] = []

    def add(self, rows: int, kept: int, time_s: float) -> None:
        """Take a look at `time_s`: rows that were answered, and those kept of them."""
        self._halves = [
            half for half in self._halves if abs(time_s - half[3]) <= self._seconds
        ]
        if not rows:
            return
        last = self._halves[-1] if self._halves else None
        if (
            last is None
            or last[0] >= self._rows / 2
            or not 0 <= time_s - last[2] < self._seconds / 2
        ):
            self._halves = [*self._halves[-1:], (rows, kept, time_s, time_s)]
        else:
            self._halves[-1] = (last[0] + rows, last[1] + kept, last[2], time_s)

    def share(self) -> float | None:
        """Return the share that is kept; None where nothing was answered lately."""
        rows = sum(half[0] for half in self._halves)
        return sum(half[1] for half in self._halves) / rows if rows else None


class Window:
    """The last looks: at least half of `rows` or `seconds`, at most all of them.

    Two halves are kept. When the one that grows is full it takes the place of the other.
    """

    def __init__(self, nothing: Look, rows: int, seconds: float) -> None:
        self._nothing = nothing
        self._rows, self._seconds = rows, seconds
        self._halves: list[Half] = []
        self._total: Look | None = nothing

    @property
    def halves(self) -> list[Half]:
        """The half that is full, if there is one, and the one that grows."""
        return self._halves

    @halves.setter
    def halves(self, halves: list[Half]) -> None:
        self._halves, self._total = halves, None

    def add(self, look: Look, time_s: float) -> None:
        """Take a look at `time_s`."""
        last = self.halves[-1] if self.halves else None
        if last is None or self._is_full(last, time_s):
            self.halves = [*self.halves[-1:], Half(look, time_s, time_s)]
        else:
            grown = Half(last.look.plus(look), last.begin_s, time_s)
            self.halves = [*self.halves[:-1], grown]

    def _is_full(self, half: Half, time_s: float) -> bool:
        # Where the clock went back, a half must not wait until it has caught up.
        is_long = not 0 <= time_s - half.begin_s < self._seconds / 2
        return half.look.rows >= self._rows / 2 or is_long

    def look(self) -> Look:
        """Return all that is in the window as one look."""
        if self._total is None:
            self._total = self._nothing
            for half in self._halves:
                self._total = self._total.plus(half.look)
        return self._total

    @staticmethod
    def restored(halves: Sequence[Mapping[str, npt.NDArray[Any]]]) -> list[Half]:
        """Return halves from arrays: those of their looks, and `time` [2]."""
        return [
            Half(Look.from_arrays(arrays), *map(float, arrays["time"])) for arrays in halves
        ]

    @property
    def begin_s(self) -> float:
        """When the first look was; 0 before there is one."""
        return self.halves[0].begin_s if self.halves else 0.0

    @property
    def end_s(self) -> float:
        """When the last look was; 0 before there is one."""
        return self.halves[-1].end_s if self.halves else 0.0
