"""Windows of matured pairs: by rows in the order they matured, by the time of predictions.

A window of rows closes when it is full. Windows of time are whole multiples of their length
since 1970; eight stay open for late labels, so each label counts where its prediction was
made. One that comes later still is counted as `late` and is in no window of time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import floor
from typing import Any

import numpy as np

from runtime.monitor import quality_state as qs
from runtime.monitor.predictions import Values
from runtime.monitor.quality_outcomes import Outcomes
from runtime.monitor.quality_tally import Tally, tally_of
from runtime.monitor.settings import ModelWatch

KEPT = 48
OPEN = 8


class Windows:
    """The open and the last closed windows of one version. One thread."""

    def __init__(self, watch: ModelWatch) -> None:
        self._watch = watch
        self.rows = Tally()
        """The window of rows that is being filled."""
        self.closed_rows: deque[Tally] = deque(maxlen=KEPT)
        self.times: dict[int, Tally] = {}
        """The open windows of time, by their number since 1970."""
        self.closed_times: deque[tuple[int, Tally]] = deque(maxlen=KEPT)
        self.late = 0

    def add(self, found: Outcomes, losses: Values | None) -> None:
        """Take pairs in, in the order they matured, with their losses if they have any."""
        start = 0
        while start < found.n:
            room = max(self._watch.window_rows - self.rows.n, 1)
            part = slice(start, start + room)
            mine = losses[part] if losses is not None else None
            self.rows = self.rows + tally_of(found.part(part), mine, self._watch)
            if self.rows.n >= self._watch.window_rows:
                self.closed_rows.append(self.rows)
                self.rows = Tally()
            start += room
        self._add_times(found, losses)

    def _add_times(self, found: Outcomes, losses: Values | None) -> None:
        numbers = np.floor_divide(found.times, self._watch.window_s).astype(np.int64)
        for number in np.unique(numbers).tolist():
            places = np.flatnonzero(numbers == number)
            if self._is_closed(number):
                self.late += int(places.size)
                continue
            mine = losses[places] if losses is not None else None
            more = tally_of(found.part(places), mine, self._watch)
            self.times[number] = self.times.get(number, Tally()) + more
            if len(self.times) > OPEN:
                oldest = min(self.times)
                self.closed_times.append((oldest, self.times.pop(oldest)))

    def _is_closed(self, number: int) -> bool:
        return bool(self.closed_times) and number <= self.closed_times[-1][0]

    @property
    def latest(self) -> Tally:
        """The last closed window of rows and what came since; what is shown and judged."""
        before = self.closed_rows[-1] if self.closed_rows else Tally()
        return before + self.rows

    def start_of(self, number: int) -> float:
        """Return when a window of time begins, in seconds since 1970."""
        return floor(number) * self._watch.window_s

    def state(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "rows": qs.of_tally(self.rows),
            "closed_rows": [qs.of_tally(tally) for tally in self.closed_rows],
            "times": {str(n): qs.of_tally(tally) for n, tally in self.times.items()},
            "closed_times": [[n, qs.of_tally(tally)] for n, tally in self.closed_times],
            "late": self.late,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Become what `state` was of."""
        self.rows = qs.tally_from(saved["rows"])
        self.closed_rows.clear()
        self.closed_rows.extend(qs.tally_from(each) for each in saved["closed_rows"])
        self.times = {int(n): qs.tally_from(each) for n, each in saved["times"].items()}
        self.closed_times.clear()
        closed = saved["closed_times"]
        self.closed_times.extend((n, qs.tally_from(each)) for n, each in closed)
        self.late = saved["late"]
