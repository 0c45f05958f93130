"""What no manifest may say."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from runtime.registry.manifest import (
    File,
    Lineage,
    ManifestError,
    Signature,
    Tensor,
    from_json,
    to_json,
)
from runtime.registry.manifest_bounds import (
    LARGEST_FILE,
    LONGEST_NOTES,
    MOST_FILES,
    check_path,
)
from tests.unit.registry.made import DIGEST, manifest


@pytest.mark.parametrize(
    "path",
    [
        "", "/model/x", "model/", "model//x", "model/../x", "..", ".", "./model/x",
        "model/a\nb", "model/a\0b", "model/\x1b[31m", "model/\u202ex", "model/\ud800",
        "a" * 256, "/".join(["a" * 200] * 6),
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_or_hides_is_refused(path: str) -> None:
    with pytest.raises(ManifestError, match="no path within a model's folder"):
        check_path(path)


@pytest.mark.parametrize(
    "path", ["model/Model.ONNX", "leeboard.yaml", "caf\u00e9/ x", "a\\b", "...", "a/1/b"]
)
def test_a_path_stays_as_it_is(path: str) -> None:
    check_path(path)


def test_a_path_into_another_version_is_refused() -> None:
    with pytest.raises(ManifestError, match="lies where version 3 would"):
        check_path("3/model.onnx")


def test_upper_and_lower_case_are_two_files() -> None:
    files = (File("model/model.onnx", 1, DIGEST), File("model/MODEL.onnx", 1, DIGEST))
    assert b"MODEL.onnx" in to_json(manifest(files=files))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "none is below model/"),
        ((File("leeboard.yaml", 1, DIGEST),), "none is below model/"),
        ((File("model/a", 1, DIGEST), File("model/a", 2, DIGEST)), "there twice"),
        ((File("model/a", 1, DIGEST), File("model/a/b", 1, DIGEST)), "'model/a' is a file"),
        ((File("model/a", -1, DIGEST),), "a size of -1"),
        ((File("model/a", LARGEST_FILE + 1, DIGEST),), "a size of"),
        ((File("model/a", 1, "AB" * 32),), "no SHA-256 in lower"),
        ((File("model/a", 1, "ab"),), "no SHA-256"),
        ((File("model/a", 1, DIGEST),) * (MOST_FILES + 1), "are the most"),
    ],
)
def test_files_are_held_to_their_bounds(files: tuple[File, ...], words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        to_json(manifest(files=files))


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ((Tensor("x", "FP32", (1,)),) * 2, "names repeat"),
        ((Tensor("", "FP32", (1,)),), "is no name"),
        ((Tensor("x", "float", (1,)),), "no datatype"),
        ((Tensor("x", "FP32", (-2,)),), "has no shape"),
        ((Tensor("x", "FP32", (1,) * 300),), "has no shape"),
    ],
)
def test_tensors_are_held_to_their_bounds(tensors: tuple[Tensor, ...], words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        to_json(manifest(signature=Signature(outputs=tensors)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"framework": ""}, "framework: '' is no name"),
        ({"framework": "a b"}, "framework"),
        ({"lineage": Lineage(parent="3")}, r"lineage\.parent: '3' is no SHA-256"),
        ({"lineage": Lineage(data="a\nb")}, r"lineage\.data"),
        ({"profile": "x"}, "profile"),
        ({"notes": "a" * (LONGEST_NOTES + 1)}, "notes: longer"),
        ({"metrics": {"": 1.0}}, "is no name"),
        ({"metrics": {"a": float("nan")}}, "a: nan is no number to keep"),
        ({"metrics": {"a": 10**400}}, "is no number to keep"),
        ({"metrics": {"a": True}}, "True is no number"),
        ({"metrics": {str(n): 1.0 for n in range(1_001)}}, "more than 1000"),
    ],
)
def test_facts_are_held_to_their_bounds(values: dict[str, object], words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        to_json(manifest(**values))


def odd(value: Any) -> Any:
    """A value of a type that only a program without checked types gives."""
    return value


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lineage": Lineage(seed=True)}, "lineage.seed: True is no whole number"),
        ({"lineage": Lineage(seed=odd(1.5))}, "lineage.seed: 1.5 is no whole number"),
        ({"lineage": Lineage(code=odd(7))}, "lineage.code: 7 is no text"),
        ({"lineage": Lineage(parameters=odd([1]))}, "lineage.parameters: .* no mapping"),
        ({"notes": b"words"}, "notes: b'words' is no text"),
        ({"contract": [("x", 1)]}, "contract: .* is no mapping"),
        ({"signature": Signature((Tensor("x", "FP32", odd((2.0,))),))}, "2.0 is no"),
    ],
)  # fmt: skip
def test_what_could_not_be_read_back_is_not_written(
    values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ManifestError, match=words):
        to_json(manifest(**values))


def test_a_mapping_of_any_kind_is_an_object() -> None:
    frozen = manifest(contract={"x": MappingProxyType({"least": 0})})
    assert from_json(to_json(frozen)).contract == {"x": {"least": 0}}
