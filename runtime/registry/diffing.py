"""What two versions do not have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from runtime.registry import compatible
from runtime.registry.manifest import Manifest, Tensor


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: its part of the manifest, its name, and both values.

    A value is empty where that version has nothing of the name.
    """

    part: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs, and why clients of the first would notice the second, if so."""

    changes: tuple[Change, ...]
    incompatible: tuple[str, ...]


def differences(a: Manifest, b: Manifest) -> Difference:
    """Return what differs between two manifests."""
    pairs = (
        ("files", _files(a), _files(b)),
        ("signature", _tensors(a), _tensors(b)),
        ("metrics", a.metrics, b.metrics),
        ("lineage", _lineage(a), _lineage(b)),
        ("contract", a.contract, b.contract),
        ("", _rest(a), _rest(b)),
    )
    changes = tuple(
        change for part, before, after in pairs for change in changed(part, before, after)
    )
    reasons = compatible.reasons(a.signature, b.signature)
    return Difference(changes, tuple(reasons))


def changed(
    part: str, before: Mapping[str, object], after: Mapping[str, object]
) -> list[Change]:
    """Return what differs between two mappings, by name.

    Examples
    --------
    >>> changed("metrics", {"auc": 0.9, "n": 1}, {"auc": 0.91, "n": 1})
    [Change(part='metrics', name='auc', before='0.9', after='0.91')]
    """
    nothing = object()
    return [
        Change(part, name, _shown(before, name), _shown(after, name))
        for name in sorted({*before, *after})
        if before.get(name, nothing) != after.get(name, nothing)
    ]


def _shown(values: Mapping[str, object], name: str) -> str:
    return str(values[name]) if name in values else ""


def _files(manifest: Manifest) -> dict[str, object]:
    return {file.path: f"{file.size} bytes, {file.sha256[:12]}" for file in manifest.files}


def _tensors(manifest: Manifest) -> dict[str, object]:
    signature = manifest.signature
    inputs = {f"input {tensor.name}": _tensor(tensor) for tensor in signature.inputs}
    outputs = {f"output {tensor.name}": _tensor(tensor) for tensor in signature.outputs}
    return {**inputs, **outputs}


def _tensor(tensor: Tensor) -> str:
    text = f"{tensor.datatype} {list(tensor.shape)}"
    return f"{text} optional" if tensor.optional else text


def _lineage(manifest: Manifest) -> dict[str, object]:
    values = asdict(manifest.lineage)
    parameters = values.pop("parameters")
    named = {f"parameters.{name}": value for name, value in parameters.items()}
    said = {name: value for name, value in values.items() if value not in ("", None)}
    return {**said, **named}


def _rest(manifest: Manifest) -> dict[str, object]:
    values = {
        "framework": manifest.framework,
        "profile": manifest.profile,
        "notes": manifest.notes,
    }
    return {name: value for name, value in values.items() if value}
