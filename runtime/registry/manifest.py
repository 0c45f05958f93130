"""What a version is: its files by digest, and all that is known of them.

A manifest is immutable. The SHA-256 of its canonical JSON is the version's digest, so two
manifests that say the same are the same version, whoever made them, wherever they lie.
Who pushed it and when is not part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import LeeboardError
from runtime.registry.canonical import NotCanonical, canonical, parsed

MODEL_FOLDER = "model"
"""Files below it are the version's own; others lie beside versions: settings, labels."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: its path within the model's folder, bytes, and SHA-256 in hex digits.

    Paths are relative, with slashes, without ``..``: ``model/model.onnx``,
    ``model/golden.npz``, ``leeboard.yaml``.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output: name, KServe datatype, shape with -1 for free dimensions."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What a version takes and gives, as its server will tell clients."""

    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a version was made from; empty where nobody said.

    `data` is the digest of its training data, `parent` the digest of the version that it
    was made from.
    """

    data: str = ""
    parent: str = ""
    code: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version; see the module's words.

    `metrics` are numbers by name. `contract` is what rows must look like (JSON values:
    `runtime.profiles.contract`). `profile` is the SHA-256 of the reference profile among
    its files, ``model/reference.json``, or of another blob; empty for none.
    """

    files: tuple[File, ...]
    framework: str
    signature: Signature = Signature()
    lineage: Lineage = Lineage()
    metrics: Mapping[str, float] = field(default_factory=dict)
    contract: Mapping[str, Any] = field(default_factory=dict)
    profile: str = ""
    notes: str = ""


class ManifestError(LeeboardError):
    """A manifest says what none may say; the message names the field."""


def to_json(manifest: Manifest) -> bytes:
    """Return the canonical JSON of a manifest, which its digest is of.

    Fields that say nothing are left out, so that a field that is added one day changes no
    digest. Raises ManifestError where a bound is broken or a value is no JSON.
    """
    # They import this.
    from runtime.registry.manifest_bounds import check_kinds, check_manifest
    from runtime.registry.manifest_reading import read_manifest

    check_kinds(manifest)
    check_manifest(manifest)
    files = sorted(manifest.files, key=lambda file: file.path)
    values = {
        "files": [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in files],
        "framework": manifest.framework,
        "signature": _filled(
            {
                "inputs": [_tensor_values(t) for t in manifest.signature.inputs],
                "outputs": [_tensor_values(t) for t in manifest.signature.outputs],
            }
        ),
        "lineage": _lineage_values(manifest.lineage),
        "metrics": {name: float(value) for name, value in manifest.metrics.items()},
        "contract": dict(manifest.contract),
        "profile": manifest.profile,
        "notes": manifest.notes,
    }
    try:
        content = canonical(_filled(values))
    except NotCanonical as error:
        raise ManifestError(f"this manifest cannot be written: {error}") from error
    # One that cannot be read back would keep `gc` and servers from all other versions.
    read_manifest(parsed(content))
    return content


def digest_of(manifest: Manifest) -> str:
    """Return the version's digest: the SHA-256 of its canonical JSON, in hex digits."""
    return hashlib.sha256(to_json(manifest)).hexdigest()


def from_json(text: str | bytes) -> Manifest:
    """Return the manifest that JSON says; raises ManifestError with the field and why."""
    from runtime.registry.manifest_bounds import check_manifest
    from runtime.registry.manifest_reading import read_manifest

    try:
        values = parsed(text)
    except NotCanonical as error:
        raise ManifestError(f"this manifest cannot be read: {error}") from error
    manifest = read_manifest(values)
    check_manifest(manifest)
    return manifest


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    empty: tuple[object, ...] = ("", [], {}, None)
    return {name: value for name, value in values.items() if value not in empty}


def _tensor_values(tensor: Tensor) -> dict[str, Any]:
    values = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(tensor.shape),
    }
    return {**values, "optional": True} if tensor.optional else values


def _lineage_values(lineage: Lineage) -> dict[str, Any]:
    return _filled(
        {
            "data": lineage.data,
            "parent": lineage.parent,
            "code": lineage.code,
            "parameters": dict(lineage.parameters),
            "seed": lineage.seed,
        }
    )
