"""Which answers are kept, and that records of the data plane are read as they lie."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.backends.base import Signature, TensorSpec
from runtime.monitor.answers import (
    LEFT_OUT,
    NOTHING,
    AnswerPlan,
    Group,
    Kept,
    answer_plan,
    predictions_of,
)
from runtime.monitor.plan import KINDS, plan_of
from runtime.monitor.settings import LabelsWatch, ModelWatch, Task

NS = 1_900_000_000_123_456_789
SIGNATURE = Signature(
    "onnxruntime",
    (
        TensorSpec("x", "FP32", (-1, 3)),
        TensorSpec("sex", "BYTES", (-1, 1)),
        TensorSpec("age", "INT64", (-1, 1)),
    ),
    (TensorSpec("label", "BYTES", (-1, 1)), TensorSpec("score", "FP64", (-1, 2))),
    batchable=True,
)
WATCH = ModelWatch(task=Task.BINARY, labels=LabelsWatch(share=0.5))
PLAN = AnswerPlan(
    1.0, (Kept(1, "score", "FP64"),), (Kept(0, "x", "FP32"), Kept(1, "sex", "BYTES")),
    (Group("height", 0, 2), Group("sex", 1, 0)),
)  # fmt: skip


def planned(**more: Any) -> AnswerPlan:
    watch = replace(WATCH, **more)
    return answer_plan(SIGNATURE, plan_of(SIGNATURE, True, watch), watch)


def record(request_id: bytes, row: int, *tensors: bytes | None, time_ns: int = NS) -> bytes:
    """One record, as csrc/batch/watch.h says."""
    rest = struct.pack("<QII", time_ns, row, len(request_id)) + request_id
    for raw in tensors:
        size = LEFT_OUT if raw is None else len(raw)
        rest += struct.pack("<I", size) + (raw or b"")
    return struct.pack("<I", len(rest)) + rest


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


SCORE = np.array([0.25, 0.75]).tobytes()
X = np.array([1.5, -2.0, 180.0], dtype=np.float32).tobytes()


def test_nothing_is_kept_without_a_task_or_a_share() -> None:
    assert planned(task=Task.NONE) == NOTHING
    assert planned(labels=LabelsWatch(share=0.0)) == NOTHING
    assert NOTHING.journal().share == 0.0


def test_numeric_outputs_and_the_groups_inputs_are_kept() -> None:
    found = planned(groups=("sex", "x[2]", "age", "x[0]"))
    assert found.outputs == (Kept(1, "score", "FP64"),)
    assert [kept.name for kept in found.inputs] == ["sex", "x", "age"]
    assert found.groups == (
        Group("sex", 0, 0), Group("x[2]", 1, 2), Group("age", 2, 0), Group("x[0]", 1, 0),
    )  # fmt: skip
    journal = found.journal()
    assert (journal.share, journal.outputs, journal.inputs) == (0.5, (1,), (1, 0, 2))


def test_a_group_that_is_no_input_is_refused() -> None:
    with pytest.raises(ValueError, match="'income' is neither an input"):
        planned(groups=("income",))


def test_a_record_becomes_a_prediction() -> None:
    [found] = predictions_of(record(b"r1", 7, SCORE, X, text(b"f")), PLAN, "fraud", 3)
    assert (found.model, found.version) == ("fraud", 3)
    assert found.key == ("fraud", "r1", 7)
    assert found.time_s == pytest.approx(1_900_000_000.123456, abs=1e-5)
    assert found.outputs["score"].tolist() == [0.25, 0.75]
    assert found.groups == {"height": "180", "sex": "f"}


def test_tensors_that_were_left_out_are_missing_and_no_more() -> None:
    records = record(b"a", 0, None, X, None) + record(b"b", 0, SCORE, None, text(b"m"))
    first, second = predictions_of(records, PLAN, "fraud", 3)
    assert (first.outputs, first.groups) == ({}, {"height": "180"})
    assert (list(second.outputs), second.groups) == (["score"], {"sex": "m"})


def test_an_id_that_is_no_text_still_names_its_request() -> None:
    [found] = predictions_of(record(b"\xff\xfe", 0, SCORE, X, text(b"f")), PLAN, "m", 1)
    assert found.request_id == "\\xff\\xfe"


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=40), st.integers(0, 2**31), st.booleans(), st.booleans(),
            st.booleans(),
        ),
        max_size=20,
    )
)  # fmt: skip
def test_any_records_back_to_back_are_read_in_order(
    given: list[tuple[bytes, int, bool, bool, bool]],
) -> None:
    records = b"".join(
        record(
            name, row, SCORE if score else None, X if x else None,
            text(b"f") if sex else None,
        )
        for name, row, score, x, sex in given
    )  # fmt: skip
    found = list(predictions_of(records, PLAN, "m", 1))
    assert [each.row for each in found] == [row for _, row, *_ in given]
    for each, (_, _, score, x, sex) in zip(found, given, strict=True):
        assert bool(each.outputs) is score
        assert ("height" in each.groups, "sex" in each.groups) == (x, sex)


@pytest.mark.parametrize("datatype", sorted(KINDS))
def test_every_numeric_type_is_read(datatype: str) -> None:
    plan = AnswerPlan(1.0, (Kept(0, "y", datatype),), (), ())
    kind = KINDS[datatype]
    values = np.array([0.0, 1.0, 1.0])
    if kind == "bfloat16":
        raw = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    else:
        raw = values.astype(kind).tobytes()
    [found] = predictions_of(record(b"r", 0, raw), plan, "m", 1)
    assert found.outputs["y"].tolist() == [0.0, 1.0, 1.0]
    assert found.outputs["y"].dtype == np.float64


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.0, "1"), (2_500_001.0, "2500001"), (0.25, "0.25"), (-3.0, "-3"),
     (np.nan, "missing"), (np.inf, "missing")],
)  # fmt: skip
def test_numbers_tell_groups_apart(value: float, shown: str) -> None:
    plan = AnswerPlan(1.0, (), (Kept(0, "zip", "FP64"),), (Group("zip", 0, 0),))
    [found] = predictions_of(record(b"r", 0, np.array([value]).tobytes()), plan, "m", 1)
    assert found.groups == {"zip": shown}
