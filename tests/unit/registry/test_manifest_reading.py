"""From JSON values to a manifest."""

from __future__ import annotations

import json

import pytest

from runtime.registry.manifest import ManifestError, from_json, to_json
from tests.unit.registry.made import ROWS, manifest

WHOLE = json.loads(to_json(manifest(signature=ROWS)))
FILE = WHOLE["files"][0]


def wrong(**values: object) -> str:
    """The words of the refusal of a manifest with other fields."""
    with pytest.raises(ManifestError) as refused:
        from_json(json.dumps({**WHOLE, **values}))
    return str(refused.value)


def test_a_field_that_is_not_known_is_refused() -> None:
    assert wrong(colour="red").startswith("manifest.colour: no such field")
    assert "files[0].mode: no such" in wrong(files=[{**FILE, "mode": 1}])
    assert "lineage.who: no such" in wrong(lineage={"who": "me"})
    assert "signature.extra: no such" in wrong(signature={"extra": []})


def test_a_field_of_another_type_is_refused_with_its_place() -> None:
    assert "manifest.files: this must be a list" in wrong(files={})
    assert "files[0].size: this must be a whole number" in wrong(
        files=[{**FILE, "size": "3"}]
    )
    assert "files[0].size: this must be a whole" in wrong(files=[{**FILE, "size": True}])
    assert "manifest.notes: this must be text" in wrong(notes=3)
    assert "lineage.seed: this must be a whole number" in wrong(lineage={"seed": 1.5})
    assert "files[1]: this must be an object" in wrong(files=[FILE, 3])
    assert "metrics.auc: '1' is no number" in wrong(metrics={"auc": "1"})
    assert "metrics.ok: True is no number" in wrong(metrics={"ok": True})


def test_a_tensor_of_another_type_is_refused_with_its_place() -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": [1]}
    assert "signature.inputs[0].shape: '1' is no whole" in wrong(
        signature={"inputs": [{**tensor, "shape": ["1"]}]}
    )
    assert "signature.outputs[0].optional: this must be true or false" in wrong(
        signature={"outputs": [{**tensor, "optional": 1}]}
    )


def test_what_must_be_there_is_missed() -> None:
    files = {"framework": "onnx"}
    with pytest.raises(ManifestError, match=r"manifest\.files: this is missing"):
        from_json(json.dumps(files))
    assert "files[0].sha256: this is missing" in wrong(files=[{"path": "a", "size": 1}])


def test_a_manifest_must_be_an_object() -> None:
    with pytest.raises(ManifestError, match="manifest: this must be an object"):
        from_json("[]")


def test_what_is_read_is_held_to_the_bounds() -> None:
    assert "no path within" in wrong(files=[{**FILE, "path": "../x"}])
