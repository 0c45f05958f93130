"""Journals in tests: predictions and labels with knobs, over a real file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from runtime.monitor.journal import Journal, Standing
from runtime.monitor.journal_file import Bounds
from runtime.monitor.labels import Label, Summary, Value
from runtime.monitor.predictions import Prediction
from runtime.monitor.settings import LabelsWatch

NOW = 1_900_000_000.0
WAIT_S = 60.0


def prediction(number: int, score: float = 0.25, **more: Any) -> Prediction:
    """Return the prediction of row 0 of request r<number>, made <number> s after NOW."""
    outputs = {"score": np.array([score])}
    plain = Prediction("fraud", 3, f"r{number}", 0, NOW + number, outputs)
    return replace(plain, **more)


def label(number: int, value: Value = 1.0, time_s: float | None = None) -> Label:
    return Label("fraud", f"r{number}", 0, value, time_s)


class Clock:
    """A clock that is told the time."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Desk:
    """A journal of the model `fraud`, with a clock and settings that can be changed."""

    def __init__(self, folder: Path, bounds: Bounds | None = None) -> None:
        self.folder, self.bounds = folder, bounds
        self.clock = Clock()
        self.watches = {"fraud": LabelsWatch(retention_s=86_400.0)}
        self.journal = self.opened()

    def opened(self) -> Journal:
        return Journal(self.folder, lambda: self.watches, self.bounds, self.clock)

    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.opened()

    def add(self, given: Sequence[Prediction]) -> Standing:
        """Hand predictions over and wait until they are written down."""
        self.journal.offer(given)
        return self.journal.flush().result(WAIT_S)

    def put(self, labels: Sequence[Label]) -> Summary:
        return self.journal.put(labels).result(WAIT_S)
