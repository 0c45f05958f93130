"""A folder of models for the registry's conformance suite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from runtime.registry.folder_source import FolderSource
from runtime.registry.source import Source


class FolderStand:
    """Publishes by renaming, as people are asked to, and writes aliases by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root / "models"
        self.root.mkdir()
        self._made = 0

    def open(self) -> Source:
        return FolderSource(self.root)

    def model_files(self) -> dict[str, bytes]:
        self._made += 1
        return {
            "model/model.onnx": b"weights %d" % self._made,
            "model/more/part.bin": b"",
            "leeboard.yaml": b"max_batch_size: 8\n",
            "warmup/x.bin": b"\0" * 4,
        }

    def publish(self, model: str, files: Mapping[str, bytes]) -> int:
        folder = self.root / model
        folder.mkdir(exist_ok=True)
        number = 7 + len([path for path in folder.iterdir() if path.name.isdigit()])
        building = folder / ".building"
        for name, content in files.items():
            own = name.startswith("model/")
            path = building / name.removeprefix("model/") if own else folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        building.rename(folder / str(number))
        return number

    def point(self, model: str, alias: str, number: int) -> None:
        path = self.root / model / ".aliases" / alias
        path.parent.mkdir(exist_ok=True)
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(f"{number}\n")
        if path.stat().st_mtime_ns <= before:  # Within one tick of the kernel's clock.
            os.utime(path, ns=(before + 1, before + 1))

    def damage(self, model: str, number: int) -> None:
        path = self.root / model / str(number) / "model.onnx"
        status = path.stat()
        content = bytearray(path.read_bytes())
        content[0] ^= 0xFF
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def stop(self) -> None:
        self.root.rename(self.root.with_name("away"))

    def start(self) -> None:
        shutil.move(self.root.with_name("away"), self.root)
