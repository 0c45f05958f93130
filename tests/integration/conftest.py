"""Servers for integration tests; each test must leave them as it found them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tritonclient.grpc as triton

from runtime.backends.base import Backend
from runtime.testing import models
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions, InlineServer
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.secured import Keys, keys

MakeInline = Callable[..., InlineServer]

SAVERS: dict[str, Callable[[Path], Path]] = {
    "mlp": models.save_mlp,
    "big": models.save_big,
    "embedding": models.save_embedding,
    "mean_over_batch": models.save_mean_over_batch,
    "not_a_number": models.save_not_a_number,
    "positive_only": models.save_positive_only,
    "text": lambda path: models.save_identity(path, "BYTES", ["N", 2]),
    "half": lambda path: models.save_identity(path, "FP16", ["N", 3]),
    "truth": lambda path: models.save_identity(path, "BOOL", ["N", 3]),
    "bits": lambda path: models.save_identity(path, "BF16", ["N", 3]),
    "width": lambda path: models.save_identity(path, "FP32", ["N", "W"]),
    "scalars": lambda path: models.save_identity(path, "FP32", [3]),
}


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small ONNX models, MODEL/1/model.onnx, one of them broken."""
    folder = tmp_path_factory.mktemp("repository")
    for name, save in SAVERS.items():
        path = folder / name / "1" / "model.onnx"
        path.parent.mkdir(parents=True)
        save(path)
    return folder


@pytest.fixture(scope="session")
def shared_server(repository: Path) -> Iterator[RunningServer]:
    with RunningServer(repository) as server:
        yield server


@pytest.fixture
def server(shared_server: RunningServer) -> Iterator[RunningServer]:
    """The shared server, which must be idle afterwards and hold no more descriptors."""
    before = shared_server.open_descriptors()
    yield shared_server
    shared_server.assert_idle()
    wait_until(lambda: shared_server.open_descriptors() <= before, "descriptors are closed")


@pytest.fixture
def client(server: RunningServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.grpc) as client:
        yield client


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The keys of a module's servers with TLS."""
    return keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def make_inline() -> Iterator[MakeInline]:
    """Makes in-process servers, which must be idle at the end of the test."""
    made: list[tuple[InlineServer, tuple[Backend, ...]]] = []

    def make(*backends: Backend, options: InlineOptions | None = None) -> InlineServer:
        server = InlineServer(*backends, options=options)
        made.append((server, backends))
        return server

    yield make
    for server, backends in made:
        for backend in backends:
            if isinstance(backend, FakeBackend):
                backend.let_go()
        try:
            server.assert_idle()
        finally:
            server.close()
