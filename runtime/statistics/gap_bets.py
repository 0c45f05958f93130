r"""Do two groups' rates differ by more than is tolerated? Bets that are restarted.

Rows come one by one, each of one of two groups and with an event or without. A *block* ends
as soon as both groups have a row in it; what is bet on is the difference of the groups'
rates within a block, d in [-1, 1]. While the first group's rate is above the second's by
at most t, given all blocks before, a bet

$$L = 1 + \lambda (d - t), \qquad 0 \le \lambda \le 1 / (1 + t),$$

has $E[L] \le 1$, whatever the distribution [1]_ [2]_. With $y = (1 + d) / 2$ that is the
bet of `harm` on a mean of at most $(1 + t) / 2$, and everything said there of restarts and
of the average run length holds, in looks that ended a block. The other direction is the
same with the groups exchanged; each has half of the promise.

The rows of a block must have the same rates, which is why a block is as short as can be: a
change of both groups' rates at once makes a gap in one block at most. Blocks use all rows,
those of the rarer group with the most weight; were the order of groups random, they would
be worth four fifths of what the two rates of all rows are.

References
----------
.. [1] I. Waudby-Smith, A. Ramdas. Estimating means of bounded random variables by betting.
   Journal of the Royal Statistical Society B 86(1), 2024. arXiv:2010.09686.
.. [2] R. Turner, A. Ly, P. Grunwald. Generic e-variables for exact sequential k-sample
   tests that allow for optional stopping. Journal of Statistical Planning and Inference
   230, 2024. arXiv:2106.02693.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from runtime.statistics.harm import Baseline, HarmDetector, HarmState
from runtime.statistics.restarts import Flags, Integers

EQUAL = Baseline(mean=0.5, upper=0.5, labels=0)
"""No gap, on the scale of y."""

UP, DOWN = "up.", "down."


@dataclass(frozen=True, slots=True)
class GapState:
    """What is remembered of two groups: evidence each way, and the block that is open.

    `open` [2, 2] has for each group its events and its rows since the last block ended.
    """

    up: HarmState
    down: HarmState
    open: Integers

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name; `from_arrays` makes exactly this state of them."""
        return {
            **{UP + name: array for name, array in self.up.to_arrays().items()},
            **{DOWN + name: array for name, array in self.down.to_arrays().items()},
            "open": self.open,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the state that `to_arrays` was asked of.

        Raises ValueError when an array is missing.
        """
        sides = [
            {
                name.removeprefix(side): a
                for name, a in arrays.items()
                if name.startswith(side)
            }
            for side in (UP, DOWN)
        ]
        if "open" not in arrays:
            raise ValueError("state without open: it was cut short")
        up, down = map(HarmState.from_arrays, sides)
        return cls(up, down, np.array(arrays["open"], dtype=np.int64))


@dataclass(frozen=True, slots=True)
class GapFindings:
    """What the blocks so far have shown, of the direction with more evidence.

    `sign` is 1 where the first group has the higher rate. The excursion began after
    `since_block` blocks. `looks` are those that ended a block.
    """

    log_e: float
    log_limit: float
    looks: int
    blocks: int
    since_block: int
    sign: int

    @property
    def is_over(self) -> bool:
        """Whether the limit is reached."""
        return self.log_e >= self.log_limit


class GapDetector:
    """Tests that two groups' rates differ by at most `tolerated`, either way.

    `arl_looks` is the promised average run length to a false alarm, in looks. Raises
    ValueError for a difference outside [0, 1).

    Examples
    --------
    >>> detector = GapDetector(tolerated=0.1, arl_looks=10_000)
    >>> is_first = [True, False] * 100
    >>> state, ends = detector.look(detector.start(), is_first, is_first)
    >>> found = detector.findings(state)
    >>> found.is_over, found.sign, found.since_block, len(ends)
    (True, 1, 0, 100)
    """

    def __init__(self, tolerated: float, arl_looks: float) -> None:
        if not 0.0 <= tolerated < 1.0:
            raise ValueError(f"a gap of {tolerated} is not between 0 and 1")
        self.side = HarmDetector(EQUAL, tolerated / 2.0, 2.0 * arl_looks)

    def start(self) -> GapState:
        """Return the state before the first row."""
        nothing = np.zeros((2, 2), dtype=np.int64)
        return GapState(self.side.start(), self.side.start(), nothing)

    def look(
        self, state: GapState, is_first: npt.ArrayLike, is_event: npt.ArrayLike
    ) -> tuple[GapState, Integers]:
        """Return the state after a look's rows, and the places of those that end a block.

        Of each row: whether it is of the first group, and whether it has the event.
        """
        first = np.asarray(is_first, dtype=bool).reshape(-1)
        event = np.asarray(is_event, dtype=bool).reshape(-1)
        if first.shape != event.shape:
            raise ValueError(f"{first.size} rows have {event.size} events")
        gaps, ends, left = blocks(state.open, first, event)
        if not ends:
            return GapState(state.up, state.down, left), np.zeros(0, dtype=np.int64)
        y = (1.0 + np.array(gaps)) / 2.0
        up, down = self.side.look(state.up, y), self.side.look(state.down, 1.0 - y)
        return GapState(up, down, left), np.array(ends, dtype=np.int64)

    def findings(self, state: GapState) -> GapFindings:
        """Say what the blocks so far have shown."""
        up, down = self.side.findings(state.up), self.side.findings(state.down)
        found, sign = (up, 1) if up.log_e >= down.log_e else (down, -1)
        return GapFindings(
            found.log_e,
            found.log_limit,
            found.looks,
            found.labels,
            found.since_label,
            sign,
        )


def blocks(
    left: Integers, is_first: Flags, is_event: Flags
) -> tuple[list[float], list[int], Integers]:
    """Return the differences of rates in blocks, where they end, and what is left open.

    Examples
    --------
    >>> rows = np.array([True, True, False, False]), np.array([True, False, False, True])
    >>> blocks(np.zeros((2, 2), dtype=np.int64), *rows)
    ([0.5], [2], array([[0, 0],
           [1, 1]]))
    """
    (a_hits, a_rows), (b_hits, b_rows) = left.tolist()
    gaps, ends = [], []
    pairs = zip(is_first.tolist(), is_event.tolist(), strict=True)
    for place, (is_of_first, hit) in enumerate(pairs):
        if is_of_first:
            a_hits, a_rows = a_hits + hit, a_rows + 1
        else:
            b_hits, b_rows = b_hits + hit, b_rows + 1
        if a_rows and b_rows:
            gaps.append(a_hits / a_rows - b_hits / b_rows)
            ends.append(place)
            a_hits = a_rows = b_hits = b_rows = 0
    return gaps, ends, np.array([[a_hits, a_rows], [b_hits, b_rows]], dtype=np.int64)
