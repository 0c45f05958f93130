"""From JSON values to a manifest: each field by its type, and none that is not known."""

from __future__ import annotations

from typing import TypeVar

from runtime.registry.manifest import (
    File,
    Lineage,
    Manifest,
    ManifestError,
    Signature,
    Tensor,
)

Kind = TypeVar("Kind")

NAMES: dict[type, str] = {
    str: "text", int: "a whole number", bool: "true or false", list: "a list",
    dict: "an object",
}  # fmt: skip


class Fields:
    """The fields of one JSON object, each taken once; what is left over is an error."""

    def __init__(self, values: object, place: str) -> None:
        if not isinstance(values, dict):
            raise ManifestError(f"{place}: this must be {NAMES[dict]}")
        self._left = dict(values)
        self._place = place

    def take(self, name: str, kind: type[Kind], default: Kind | None = None) -> Kind:
        """Return a field; without `default` it must be there."""
        value = self._left.pop(name, default)
        # In Python true is a whole number; in a manifest it is none.
        mixed = isinstance(value, bool) and kind is not bool
        if not isinstance(value, kind) or mixed:
            said = "is missing" if value is None else f"must be {NAMES[kind]}"
            raise ManifestError(f"{self._place}.{name}: this {said}")
        return value

    def number(self, name: str) -> int | None:
        """Return a whole number, or None where the field is not there."""
        return self.take(name, int) if name in self._left else None

    def end(self) -> None:
        """Raise ManifestError where a field was not taken."""
        for name in self._left:
            raise ManifestError(
                f"{self._place}.{name}: no such field; a later Leeboard may know it"
            )


def read_manifest(values: object) -> Manifest:
    """Return a manifest out of JSON values, its bounds not yet checked.

    Raises ManifestError with the field's place.
    """
    fields = Fields(values, "manifest")
    files = enumerate(fields.take("files", list))
    manifest = Manifest(
        files=tuple(_file(file, f"files[{at}]") for at, file in files),
        framework=fields.take("framework", str),
        signature=_signature(fields.take("signature", dict, {})),
        lineage=_lineage(fields.take("lineage", dict, {})),
        metrics=_metrics(fields.take("metrics", dict, {})),
        contract=fields.take("contract", dict, {}),
        profile=fields.take("profile", str, ""),
        notes=fields.take("notes", str, ""),
    )
    fields.end()
    return manifest


def _file(values: object, place: str) -> File:
    fields = Fields(values, place)
    file = File(
        fields.take("path", str), fields.take("size", int), fields.take("sha256", str)
    )
    fields.end()
    return file


def _signature(values: object) -> Signature:
    fields = Fields(values, "signature")
    inputs, outputs = fields.take("inputs", list, []), fields.take("outputs", list, [])
    fields.end()
    return Signature(_tensors(inputs, "inputs"), _tensors(outputs, "outputs"))


def _tensors(values: list[object], way: str) -> tuple[Tensor, ...]:
    return tuple(
        _tensor(tensor, f"signature.{way}[{at}]") for at, tensor in enumerate(values)
    )


def _tensor(values: object, place: str) -> Tensor:
    fields = Fields(values, place)
    tensor = Tensor(
        fields.take("name", str),
        fields.take("datatype", str),
        tuple(_whole(dim, f"{place}.shape") for dim in fields.take("shape", list)),
        fields.take("optional", bool, False),
    )
    fields.end()
    return tensor


def _whole(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ManifestError(f"{place}: {value!r} is no whole number")
    return value


def _lineage(values: object) -> Lineage:
    fields = Fields(values, "lineage")
    lineage = Lineage(
        fields.take("data", str, ""),
        fields.take("parent", str, ""),
        fields.take("code", str, ""),
        fields.take("parameters", dict, {}),
        fields.number("seed"),
    )
    fields.end()
    return lineage


def _metrics(values: dict[str, object]) -> dict[str, float]:
    metrics = {}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ManifestError(f"metrics.{name}: {value!r} is no number")
        metrics[name] = float(value)
    return metrics
