"""Which signatures may take another's place, and what is said of those that may not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.backends.successor import differences

X = TensorSpec("x", "FP32", (FREE, 4))
MASK = TensorSpec("mask", "BOOL", (FREE, FREE), optional=True)
Y = TensorSpec("y", "FP32", (FREE, 2))
TOKENS = TensorSpec("tokens", "INT64", (FREE, FREE))
OLD = Signature("onnx", (X, MASK), (Y, TOKENS), batchable=True, max_rows=64)


def test_a_signature_can_take_its_own_place() -> None:
    assert differences(OLD, OLD) == []


@pytest.mark.parametrize(
    "new",
    [
        replace(OLD, platform="torch"),
        replace(OLD, inputs=(MASK, X)),
        replace(OLD, inputs=(replace(X, shape=(FREE, FREE)), MASK)),
        replace(OLD, inputs=(replace(X, optional=True), MASK)),
        replace(OLD, inputs=(X, MASK, replace(MASK, name="more"))),
        replace(OLD, outputs=(Y, replace(TOKENS, shape=(FREE, 9)))),
        replace(OLD, outputs=(Y, TOKENS, replace(Y, name="more"))),
        replace(OLD, max_rows=None),
        replace(OLD, max_rows=128),
    ],
)
def test_what_takes_and_gives_more_may_follow(new: Signature) -> None:
    assert differences(OLD, new) == []


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (replace(OLD, inputs=(MASK,)), "input 'x' (FP32 [-1, 4]) is gone"),
        (
            replace(OLD, inputs=(replace(X, shape=(FREE, 5)), MASK)),
            "input 'x' is FP32 [-1, 5], and was FP32 [-1, 4]",
        ),
        (
            replace(OLD, inputs=(X, replace(MASK, shape=(FREE, 8)))),
            "input 'mask' is BOOL [-1, 8], and was BOOL [-1, -1]",
        ),
        (
            replace(OLD, inputs=(replace(X, shape=(FREE, 4, 1)), MASK)),
            "input 'x' is FP32 [-1, 4, 1], and was FP32 [-1, 4]",
        ),
        (
            replace(OLD, inputs=(replace(X, datatype="FP64"), MASK)),
            "input 'x' is FP64 [-1, 4], and was FP32 [-1, 4]",
        ),
        (
            replace(OLD, inputs=(X, replace(MASK, optional=False))),
            "input 'mask' must be given, and was optional",
        ),
        (
            replace(OLD, inputs=(X, MASK, replace(X, name="more"))),
            "input 'more' (FP32 [-1, 4]) is added and not optional",
        ),
        (replace(OLD, outputs=(Y,)), "output 'tokens' (INT64 [-1, -1]) is gone"),
        (
            replace(OLD, outputs=(replace(Y, shape=(FREE, 3)), TOKENS)),
            "output 'y' is FP32 [-1, 3], and was FP32 [-1, 2]",
        ),
        (
            replace(OLD, outputs=(replace(Y, shape=(FREE, FREE)), TOKENS)),
            "output 'y' is FP32 [-1, -1], and was FP32 [-1, 2]",
        ),
        (
            replace(OLD, outputs=(replace(Y, datatype="FP16"), TOKENS)),
            "output 'y' is FP16 [-1, 2], and was FP32 [-1, 2]",
        ),
        (replace(OLD, batchable=False), "requests may not have many rows, and could"),
        (
            replace(OLD, max_rows=8),
            "a request may have 8 rows at most, and could have 64",
        ),
        (
            replace(OLD, decoupled=True),
            "a request gets any number of responses, and got one",
        ),
    ],
)
def test_what_a_client_would_miss_is_said(new: Signature, words: str) -> None:
    assert differences(OLD, new) == [words]


def test_everything_that_differs_is_said_at_once() -> None:
    new = Signature("onnx", (), (), batchable=False, max_rows=1)
    assert len(differences(replace(OLD, max_rows=None), new)) == 6
