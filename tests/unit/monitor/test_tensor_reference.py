"""What a contract adds to a reference."""

from __future__ import annotations

import numpy as np

from runtime.monitor.given import placed
from runtime.monitor.tensor_reference import TensorReference, promised
from runtime.profiles import Reference
from runtime.profiles.contract import FeatureContract
from tests.unit.monitor.filled import plan

CODES = np.repeat([1, 2, 7], [500, 1_000, 500])
WHOLE = plan([("c", "INT32", 1)]).tensors[0]
FLOAT = plan([("x", "FP32", 1)]).tensors[0]


def of_codes() -> TensorReference:
    made = Reference.from_rows({"c": CODES}, categorical=["c"])
    found = placed(plan([("c", "INT32", 1)]), made)[1][0]
    assert found is not None
    return found


def of_numbers() -> TensorReference:
    made = Reference.from_rows({"x": np.linspace(0, 1, 1_000)})
    found = placed(plan([("x", "FP32", 1)]), made)[1][0]
    assert found is not None
    return found


def test_other_features_promises_change_nothing() -> None:
    reference = of_numbers()
    assert promised(reference, {"z": FeatureContract(0, 1)}, FLOAT) is reference


def test_a_range_takes_the_place_of_what_was_seen() -> None:
    held = promised(of_numbers(), {"x": FeatureContract(low=-1.0)}, FLOAT)
    assert (held.low[0], held.high[0]) == (-1.0, np.inf)
    assert held.keeps_range.all()
    assert np.isnan(held.may_miss).all()


def test_ends_are_those_of_the_tensors_type() -> None:
    held = promised(of_numbers(), {"x": FeatureContract(low=0.7)}, FLOAT)
    assert held.low[0] == float(np.float32(0.7))


def test_a_missing_share_is_promised() -> None:
    held = promised(of_numbers(), {"x": FeatureContract(missing=0.25)}, FLOAT)
    assert held.may_miss.tolist() == [0.25]
    assert not held.keeps_range.any()


def test_values_keep_the_shares_that_are_known() -> None:
    held = promised(of_codes(), {"c": FeatureContract(values=(1, 2, 3, 4))}, WHOLE)
    assert held.known() == ((1, 2, 3, 4),)
    assert held.keeps_values.all()
    kept = held.category_shares[0]
    assert np.allclose(kept, [1 / 3, 2 / 3, 0.0, 0.0])


def test_values_that_the_reference_never_had_have_no_mix() -> None:
    held = promised(of_codes(), {"c": FeatureContract(values=(50,))}, WHOLE)
    assert held.is_categorical.all()
    assert not held.has_mix.any()


def test_single_values_of_floats_are_not_held() -> None:
    held = promised(of_numbers(), {"x": FeatureContract(values=(1,))}, FLOAT)
    assert not held.is_categorical.any()
