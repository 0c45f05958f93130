"""Arrays become raw bytes and come back the same, or are refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runtime.backends.encoding import fit, from_raw, to_raw
from runtime.errors import ConfigError


@pytest.mark.parametrize(
    ("datatype", "values", "words"),
    [
        ("UINT8", [300], "cannot hold these values"),
        ("UINT8", [-1], "cannot hold these values"),
        ("BOOL", [2], "cannot hold these values"),
        ("BYTES", [1], "1 is neither bytes nor text"),
        ("BYTES", [None], "None is neither bytes nor text"),
    ],
)
def test_a_value_that_would_change_is_refused(
    datatype: str, values: list[object], words: str
) -> None:
    with pytest.raises(ConfigError, match=f"does not convert to {datatype}: .*{words}"):
        to_raw("x", np.array(values), datatype)


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("BOOL", [True, False]), ("BOOL", [1, 0]), ("UINT8", [255, 0]),
        ("INT64", [-3, 2**62]), ("INT8", [-128.0, 127.0]), ("FP16", [1.5, -2]),
        ("FP32", [1, 2]), ("FP64", [0.1, 2]), ("BF16", [1.5, -2]), ("BYTES", ["one", ""]),
    ],
)  # fmt: skip
def test_values_come_back_from_their_raw_bytes(datatype: str, values: list[Any]) -> None:
    raw = to_raw("x", np.array(values), datatype)
    answer = from_raw(raw, datatype, (2, 1)).reshape(-1).tolist()
    assert [v.decode() if isinstance(v, bytes) else v for v in answer] == values


@pytest.mark.parametrize(
    ("shape", "wanted", "fitted"),
    [
        ((2,), [-1, 2], (1, 2)),
        ((3, 2), [-1, 2], (3, 2)),
        ((), [-1], (1,)),
        ((2,), [2], (2,)),
        ((), [], ()),
        ((4, 5), [-1, -1], (4, 5)),
    ],
)
def test_only_a_batch_dimension_may_be_left_out(
    shape: tuple[int, ...], wanted: list[int], fitted: tuple[int, ...]
) -> None:
    assert fit("x", np.zeros(shape), wanted).shape == fitted


def test_a_fixed_first_dimension_may_not_be_left_out() -> None:
    with pytest.raises(ConfigError, match=r"has shape \[2\], the model expects \[1, 2\]"):
        fit("x", np.zeros(2), [1, 2])
