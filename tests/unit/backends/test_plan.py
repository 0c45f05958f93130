"""A plan on its way between processes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from runtime.backends.base import Signature, TensorSpec
from runtime.backends.declared import Declared, Fill, Sample, SampleTensor
from runtime.backends.plan import LoadPlan, as_message, from_message

FULL = LoadPlan(
    path=Path("/models/m/1/model.onnx"),
    backend="onnx",
    device="cuda:0",
    threads=3,
    cache_dir=Path("/cache"),
    inputs=(Declared("x", "FP32", (-1, 3), reshape=(3, -1), optional=True),),
    outputs=(Declared("y", "BYTES", ()), Declared("z", "", None)),
    max_batch_size=8,
    must_batch=True,
    thorough=False,
    measured=True,
    digest="abc",
    warmup=Path("w.npz"),
    golden=Path("g.npz"),
    samples=(
        Sample("s", 2, (SampleTensor("x", "FP32", (5, 3), Fill.FILE, Path("x.bin")),), 4),
        Sample("t", 0, (SampleTensor("x", "FP32", (5, 3), Fill.ZERO),)),
    ),
    tolerances={"FP32": 1e-3},
    options={"cache": "off"},
    successor_of=Signature(
        "onnx",
        (TensorSpec("x", "FP32", (-1, 3), optional=True),),
        (TensorSpec("y", "BYTES", ()),),
        batchable=False,
        max_rows=4,
        decoupled=True,
    ),
    any_signature=True,
)


def test_a_plan_survives_the_way_to_its_worker() -> None:
    for plan in (FULL, LoadPlan(Path("m.onnx"))):
        assert from_message(json.loads(json.dumps(as_message(plan)))) == plan


def test_labels_stay_behind() -> None:
    labelled = replace(FULL, outputs=(Declared("y", "FP32", (2,), labels=("cat", "dog")),))
    arrived = from_message(as_message(labelled))
    assert arrived.outputs == (Declared("y", "FP32", (2,)),)
