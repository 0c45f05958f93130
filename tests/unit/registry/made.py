"""Registries and versions made on the spot, small and seeded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime.registry.manifest import File, Manifest, Signature, Tensor
from runtime.registry.records import Pushed
from runtime.registry.registry import Registry
from runtime.store.store import Store

DIGEST = "ab" * 32
ROWS = Signature((Tensor("x", "FP32", (-1, 4)),), (Tensor("y", "FP32", (-1, 2)),))
WIDE = Signature((Tensor("x", "FP32", (-1, 5)),), (Tensor("y", "FP32", (-1, 2)),))


class Clock:
    """Unix seconds that a test sets."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def manifest(**values: Any) -> Manifest:
    """A small manifest with some fields of one's own."""
    fields: dict[str, Any] = {
        "files": (File("model/model.onnx", 3, DIGEST),),
        "framework": "onnx",
    }
    return Manifest(**{**fields, **values})


def registry_in(folder: Path, actor: str = "kate", clock: Clock | None = None) -> Registry:
    """A registry in a store of its own; the caller closes the store."""
    store = Store.create(folder)
    if clock is not None:
        store.clock = clock
    return Registry(store, actor)


def pushed(registry: Registry, content: bytes, signature: Signature = ROWS) -> Pushed:
    """A version of ``fraud`` whose model file has these bytes."""
    return registry.push(
        "fraud", {"model/model.onnx": content}, "onnx", signature=signature
    )
