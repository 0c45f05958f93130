"""Matured pairs in tests, with knobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from runtime.monitor.journal_rows import Pair
from runtime.monitor.settings import LabelsWatch, ModelWatch, Task
from tests.unit.monitor.journal_desk import NOW

LABELS = LabelsWatch(baseline=100, min_group=20)
BINARY = ModelWatch(task=Task.BINARY, window_rows=200, window_s=60.0, labels=LABELS)
NUMBERS = replace(BINARY, task=Task.REGRESSION)


def pair(seq: int, score: float = 0.9, value: float | str = 1.0, **more: Any) -> Pair:
    """Return pair `seq`, predicted as many seconds after NOW."""
    outputs = {"score": np.array([score])}
    plain = Pair(seq, "fraud", 3, f"r{seq}", 0, NOW + seq, outputs, {}, value)
    return replace(plain, **more)


def stream(n: int, rng: np.random.Generator, wrong: float = 0.1) -> list[Pair]:
    """Return pairs of scores of which a share is on the wrong side of a half."""
    pairs = []
    for seq in range(1, n + 1):
        truth = float(rng.random() < 0.4)
        away = 0.05 + 0.4 * rng.random()
        right = rng.random() >= wrong
        score = 0.5 + away if (truth == 1.0) == right else 0.5 - away
        group = {"sex": "f" if rng.random() < 0.5 else "m"}
        pairs.append(pair(seq, score, truth, groups=group))
    return pairs
