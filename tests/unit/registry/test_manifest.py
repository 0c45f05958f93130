"""What a version is, and its digest."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.registry.manifest import (
    File,
    Lineage,
    Manifest,
    ManifestError,
    Tensor,
    digest_of,
    from_json,
    to_json,
)
from runtime.registry.manifest import Signature as Taken
from tests.unit.registry.made import DIGEST, ROWS, manifest

FULL = Manifest(
    files=(File("leeboard.yaml", 0, DIGEST), File("model/model.onnx", 3, DIGEST)),
    framework="onnx",
    signature=ROWS,
    lineage=Lineage("data", "cd" * 32, "4c1f", {"depth": 3, "rate": 0.1}, 0),
    metrics={"auc": 0.9, "n": 1e22},
    contract={"x": {"min": 0, "max": None}},
    profile="ef" * 32,
    notes="caf\u00e9\n",
)


def test_all_that_is_said_reads_back() -> None:
    assert from_json(to_json(FULL)) == FULL


def test_the_digest_of_a_manifest_never_changes() -> None:
    assert digest_of(manifest()) == (
        "500c0c4d7dbc0f815be0c3d5721af3cc6988400df341aabc0cb9015ec418c469"
    )
    assert digest_of(FULL) == (
        "2b38dbea20d708324e2af33a6f56b8e29c0e518609ffa8ae05538d00823ab229"
    )


def test_the_order_of_files_and_of_facts_does_not_matter() -> None:
    turned = replace(FULL, files=FULL.files[::-1], metrics={"n": 1e22, "auc": 0.9})
    assert digest_of(turned) == digest_of(FULL)


def test_the_order_of_tensors_does() -> None:
    two = Taken((Tensor("a", "FP32", ()), Tensor("b", "FP32", ())))
    turned = Taken(two.inputs[::-1])
    assert digest_of(manifest(signature=two)) != digest_of(manifest(signature=turned))


def test_a_metric_is_the_same_number_whole_or_not() -> None:
    assert digest_of(manifest(metrics={"n": 1})) == digest_of(manifest(metrics={"n": 1.0}))


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(-1e300, 1e300)))
def test_metrics_read_back_to_the_last_bit(metrics: dict[str, float]) -> None:
    assert from_json(to_json(manifest(metrics=metrics))).metrics == metrics


def test_a_value_that_is_no_json_is_refused_with_its_place() -> None:
    lineage = Lineage(parameters={"rate": math.nan})
    with pytest.raises(ManifestError, match=r"lineage\.parameters\.rate is nan"):
        to_json(manifest(lineage=lineage))
    with pytest.raises(ManifestError, match=r"contract\.x is of type set"):
        to_json(manifest(contract={"x": {1}}))


def test_a_text_that_is_no_manifest_is_refused() -> None:
    with pytest.raises(ManifestError, match="cannot be read: it is no JSON"):
        from_json("{")
