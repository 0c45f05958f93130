"""What two versions do not have in common."""

from __future__ import annotations

from runtime.registry.diffing import Change, differences
from runtime.registry.manifest import File, Lineage, Signature, Tensor
from tests.unit.registry.made import DIGEST, ROWS, WIDE, manifest


def test_two_that_say_the_same_do_not_differ() -> None:
    difference = differences(manifest(signature=ROWS), manifest(signature=ROWS))
    assert (difference.changes, difference.incompatible) == ((), ())


def test_all_parts_are_compared() -> None:
    before = manifest(signature=ROWS, metrics={"auc": 0.9}, lineage=Lineage(seed=0))
    files = (File("model/model.onnx", 4, "cd" * 32), File("labels.txt", 1, DIGEST))
    after = manifest(
        files=files,
        signature=WIDE,
        metrics={"auc": 0.9, "n": 3.0},
        lineage=Lineage(parameters={"depth": 3}),
        contract={"x": {"min": 0}},
        notes="wide",
        framework="torch",
    )
    difference = differences(before, after)
    assert difference.changes == (
        Change("files", "labels.txt", "", "1 bytes, abababababab"),
        Change(
            "files", "model/model.onnx", "3 bytes, abababababab", "4 bytes, cdcdcdcdcdcd"
        ),
        Change("signature", "input x", "FP32 [-1, 4]", "FP32 [-1, 5]"),
        Change("metrics", "n", "", "3.0"),
        Change("lineage", "parameters.depth", "", "3"),
        Change("lineage", "seed", "0", ""),
        Change("contract", "x", "", "{'min': 0}"),
        Change("", "framework", "onnx", "torch"),
        Change("", "notes", "", "wide"),
    )
    assert difference.incompatible == ("input 'x' is FP32 [-1, 5], and was FP32 [-1, 4]",)


def test_an_optional_input_is_said_to_be_so() -> None:
    one = Signature((Tensor("x", "FP32", (), optional=True),))
    (change,) = differences(manifest(), manifest(signature=one)).changes
    assert change.after == "FP32 [] optional"
