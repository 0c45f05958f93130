"""Whether a version may take another's place, from manifests."""

from __future__ import annotations

from runtime.registry.compatible import as_kept, as_loaded, is_known, reasons
from runtime.registry.manifest import Signature, Tensor
from tests.unit.registry.made import ROWS, WIDE


def test_the_same_signature_may_take_the_place() -> None:
    assert reasons(ROWS, ROWS) == []


def test_each_difference_that_a_client_notices_is_a_reason() -> None:
    assert reasons(ROWS, WIDE) == ["input 'x' is FP32 [-1, 5], and was FP32 [-1, 4]"]
    fixed = Signature((Tensor("x", "FP32", (8, 4)),), (Tensor("z", "FP32", (8, 2)),))
    assert len(reasons(ROWS, fixed)) == 2
    more = Signature(
        (*ROWS.inputs, Tensor("k", "INT64", (-1,), optional=True)), ROWS.outputs
    )
    assert reasons(ROWS, more) == []


def test_what_nobody_knows_gives_no_reason() -> None:
    assert not is_known(Signature())
    assert reasons(Signature(), ROWS) == reasons(ROWS, Signature()) == []


def test_a_signature_comes_back_from_a_backend_as_it_was() -> None:
    optional = Signature((Tensor("x", "BYTES", (), optional=True),), ROWS.outputs)
    assert as_kept(as_loaded(optional)) == optional
