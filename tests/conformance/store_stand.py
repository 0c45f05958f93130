"""A store of this machine for the registry's conformance suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runtime.registry.registry import Registry
from runtime.registry.source import Source
from runtime.registry.store_source import StoreSource
from runtime.store.store import Store


class StoreStand:
    """Publishes and moves aliases from another process's view of the store."""

    def __init__(self, root: Path) -> None:
        self._root = root / "registry"
        self._made = 0
        Store.create(self._root).close()

    def open(self) -> Source:
        return StoreSource(self._root, "leeboard@host")

    def model_files(self) -> dict[str, bytes]:
        self._made += 1
        return {
            "model/model.onnx": b"weights %d" % self._made,
            "model/more/part.bin": b"",
            "leeboard.yaml": b"max_batch_size: 8\n",
        }

    def publish(self, model: str, files: Mapping[str, bytes]) -> int:
        store = Store.open(self._root)
        try:
            return Registry(store, "ann@laptop").push(model, files, "onnx").number
        finally:
            store.close()

    def point(self, model: str, alias: str, number: int) -> None:
        store = Store.open(self._root)
        try:
            Registry(store, "ann@laptop").alias(model, alias, number)
        finally:
            store.close()

    def damage(self, model: str, number: int) -> None:
        store = Store.open(self._root)
        try:
            files = Registry(store, "ann").version(model, str(number)).manifest.files
            (model_file,) = (f for f in files if f.path == "model/model.onnx")
            path = store.blobs.path(model_file.sha256)
        finally:
            store.close()
        content = bytearray(path.read_bytes())
        content[0] ^= 0xFF
        path.chmod(0o644)
        path.write_bytes(content)

    def stop(self) -> None:
        self._root.rename(self._root.with_name("away"))

    def start(self) -> None:
        self._root.with_name("away").rename(self._root)
