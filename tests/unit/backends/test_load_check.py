"""When two answers are the same."""

from __future__ import annotations

import numpy as np

from runtime.backends.base import FREE, TensorSpec
from runtime.backends.load_check import OTHER_SIZE, SAME_SIZE, difference

Y = TensorSpec("y", "FP32", (FREE,))


def floats(*values: float) -> np.ndarray:
    """Return FP32 values."""
    return np.array(values, np.float32)


def test_rounding_is_no_difference() -> None:
    assert difference(Y, floats(1, 1e-9), floats(1 + 1e-6, 2e-9), SAME_SIZE) == ""
    assert difference(Y, floats(1, 2), floats(1.01, 2.01), OTHER_SIZE) == ""


def test_a_small_output_is_compared_at_its_own_scale() -> None:
    assert difference(Y, floats(1e-8, 2e-8), floats(1e-8, 3e-8), SAME_SIZE)


def test_equal_infinities_and_nans_are_no_difference() -> None:
    odd = floats(np.inf, -np.inf, np.nan, 1)
    assert difference(Y, odd, odd.copy(), SAME_SIZE) == ""
    assert difference(Y, odd, floats(np.inf, -np.inf, 0, 1), SAME_SIZE)


def test_a_changed_shape_is_a_difference() -> None:
    assert difference(Y, floats(1), floats(1, 2), SAME_SIZE) == "shape (2,) instead of (1,)"


def test_integers_must_be_equal() -> None:
    labels = TensorSpec("label", "INT64", (FREE,))
    assert difference(labels, np.array([3]), np.array([4]), OTHER_SIZE) == "other values"
