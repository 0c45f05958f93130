"""Limits are rounded as clients round what they send."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.monitor.narrow import narrowed


@given(st.floats(-1e30, 1e30), st.sampled_from(["FP32", "BF16"]))
def test_order_is_kept_and_rounding_ends(value: float, datatype: str) -> None:
    around = narrowed(np.array([value, np.nextafter(value, np.inf)]), datatype)
    assert around[0] <= around[1]
    assert (narrowed(around, datatype) == around).all()


def test_a_value_in_32_bits_meets_its_own_limit() -> None:
    limit = narrowed(np.array([0.7]), "FP32")[0]
    assert float(np.float32(0.7)) < 0.7
    assert float(np.float32(0.7)) >= limit


def test_bfloat16_rounds_to_the_nearest_and_to_even() -> None:
    # Between 1 and its successor 1 + 2^-7, the middle goes to the even one.
    middle, above = 1.0 + 2.0**-8, 1.0 + 3 * 2.0**-8
    assert narrowed(np.array([middle, above, 1.004]), "BF16").tolist() == [
        1.0, 1.015625, 1.0078125,
    ]  # fmt: skip


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "BF16", "INT64", "FP64"])
def test_what_a_type_cannot_hold_stays(datatype: str) -> None:
    values = np.array([np.inf, -np.inf, 1e300])
    assert (narrowed(values, datatype) == values).all()
