"""A folder of models as a registry, and a whole server that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.app import App
from runtime.config import Config, Control, Listen, Registry
from runtime.registry.folder_source import FolderSource
from runtime.registry.source import RegistryError
from runtime.testing.models import save_identity
from tests.integration.app_thread import running

MODEL = "same"


class Models:
    """Versions of `same`, each an identity of FP32 [N, 3], and its alias `champion`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, number: int, text: bytes = b"") -> None:
        """Add a version; with a text that is all its file holds."""
        path = self.folder / MODEL / str(number) / "model.onnx"
        path.parent.mkdir(parents=True)
        if text:
            path.write_bytes(text)
        else:
            save_identity(path, "FP32", ["N", 3])

    def point(self, number: int) -> None:
        """Point the alias at a version."""
        source = FolderSource(self.folder)
        try:
            try:
                expected = source.look(MODEL, "champion").generation
            except RegistryError:
                expected = 0
            source.move(MODEL, "champion", number, expected, "ana", "it is better")
        finally:
            source.close()

    def config(self, state: Path) -> Config:
        """Return the options of a server that follows the alias, on free ports."""
        registry = Registry(f"folder:{self.folder}", (MODEL,), poll_s=0.1, state=state)
        ports = Listen(grpc_port=0, http_port=0)
        return Config(None, ports, control=Control(port=0), registry=registry)


@contextmanager
def following(models: Models, state: Path) -> Iterator[App]:
    """Serve what the alias names, in this process."""
    with running(models.config(state)) as app:
        yield app
