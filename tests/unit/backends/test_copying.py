"""Inputs that a model may write to."""

from __future__ import annotations

import numpy as np

from runtime.backends.copying import CopiedInputs
from runtime.backends.memory import MemoryInputs


def test_copies_are_made_once_a_batch() -> None:
    x = np.zeros(3, np.float32)
    copies = CopiedInputs(MemoryInputs({"x": x}, 3))
    copies["x"][0] = 1
    assert (copies["x"][0], x[0], copies.rows, list(copies)) == (1, 0, 3, ["x"])
    assert copies.fresh("x") is copies["x"]
