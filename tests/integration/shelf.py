"""A registry of models that say by their answers which version they are.

Version `n` of such a model answers y = n * x, for rows of four FP32 values.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tritonclient.grpc as triton
from typer.testing import CliRunner

from runtime.cli import app
from runtime.control_client import ControlClient
from runtime.messages import Message, message
from runtime.registry.manifest import Signature, Tensor
from runtime.registry.registry import Registry
from runtime.registry.source import CHAMPION, Pointer
from runtime.store import audit
from runtime.store.store import Store
from runtime.testing.models import Dims, Graph
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.calls import rows, tensors

ROWS = Tensor("x", "FP32", (-1, 4)), Tensor("y", "FP32", (-1, 4))
X, Y = ROWS
SIGNATURE = Signature((X,), (Y,))
POLL = ("--registry-poll-secs", "0.2")
NOBODY: Mapping[str, str] = {}

DECOUPLED = """
class Model:
    def predict(self, batch):
        for part in range(3):
            yield {{"y": batch["x"] * {factor}}}
"""
DECOUPLED_SETTINGS = b"""
decoupled: true
max_batch_size: 1
inputs:
  - {name: x, datatype: FP32, dims: [4]}
outputs:
  - {name: y, datatype: FP32, dims: [4]}
"""


def onnx_times(factor: float) -> bytes:
    """Return an ONNX file of y = factor * x."""
    graph = Graph()
    graph.node("Mul", "x", graph.constant([factor]), to="y")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        shape: Dims = ["N", 4]
        graph.save(path, [("x", "FP32", shape)], [("y", "FP32", shape)])
        return path.read_bytes()


class Shelf:
    """A registry in a folder, used as other processes than its servers would."""

    def __init__(self, folder: Path, actor: str = "trainer") -> None:
        self.folder = folder
        self._actor = actor
        Store.create(folder).close()

    @contextmanager
    def open(self) -> Iterator[Registry]:
        """Give the registry, for a moment."""
        store = Store.open(self.folder)
        try:
            yield Registry(store, self._actor)
        finally:
            store.close()

    def push(self, model: str, files: Mapping[str, bytes], framework: str = "onnx") -> int:
        """Register files as a version that nobody has tried; returns its number."""
        with self.open() as there:
            return there.push(model, files, framework, signature=SIGNATURE).number

    def push_times(self, model: str, factor: float) -> int:
        """Register y = factor * x."""
        return self.push(model, {"model/model.onnx": onnx_times(factor)})

    def push_decoupled(self, model: str, factor: float) -> int:
        """Register a Python model with three responses to each request: y = factor * x."""
        files = {
            "model/model.py": DECOUPLED.format(factor=factor).encode(),
            "leeboard.yaml": DECOUPLED_SETTINGS,
        }
        return self.push(model, files, "python")

    def push_fault(self, model: str, **about: Any) -> int:
        """Register a model that goes wrong; see `runtime.testing.fault_model`."""
        files = {"model/model.fault": json.dumps(about).encode()}
        return self.push(model, files, "fault")

    def point(self, model: str, number: int, alias: str = CHAMPION) -> Pointer:
        """Point an alias at a version."""
        with self.open() as there:
            return there.alias(model, alias, number)

    def first(self, *models: str) -> None:
        """Make the first version of models, their champion."""
        for model in models:
            self.push_times(model, 1)
            self.point(model, 1)

    def next(self, model: str, number: int) -> None:
        """Make version `number` of a model, its champion from now on."""
        assert self.push_times(model, number) == number
        self.point(model, number)

    def blob(self, model: str, number: int) -> Path:
        """Return where the bytes of a version's model file are."""
        with self.open() as there:
            manifest = there.version(model, number).manifest
            (file,) = (f for f in manifest.files if f.path.startswith("model/"))
            (found,) = (self.folder / "blobs").rglob(file.sha256)
            return found

    def audited(self) -> list[tuple[str, str, str, str]]:
        """Return the audit log: actor, action, object and details of each row."""
        with self.open() as there, there.store.reading() as connection:
            rows = list(audit.entries(connection))
        return [(row.actor, row.action, row.object, row.details) for row in rows]

    def serving(self, *arguments: str, path: Path | None = None) -> RunningServer:
        """Return a server on the registry, which has a state folder beside it."""
        state = () if "--state-dir" in arguments else ("--state-dir", self.state)
        where = ("--registry", str(self.folder))
        return RunningServer(path, *where, *map(str, state), *arguments)

    @property
    def state(self) -> Path:
        """The server's own folder."""
        return self.folder.parent / f"{self.folder.name}-state"


def model_status(server: RunningServer, model: str) -> Message:
    """Return what the control port says of a followed model."""
    request = message("leeboard.v1.VersionsStatusRequest")(model=model)
    answer = message("leeboard.v1.VersionsStatusResponse")
    with ControlClient(str(server.about["control"])) as client:
        (found,) = client.call("/leeboard.v1.Versions/Status", request, answer).models
        return found


def stages(server: RunningServer, model: str) -> dict[int, str]:
    """Return the stages of a model's versions by number."""
    return {each.number: each.stage for each in model_status(server, model).versions}


def why_of(server: RunningServer, model: str, number: int) -> str:
    """Return why a version is in its stage."""
    versions = model_status(server, model).versions
    return str(next(each.why for each in versions if each.number == number))


def wait_for_stage(server: RunningServer, model: str, number: int, stage: str) -> None:
    """Return once a version has a stage."""
    wait_until(
        lambda: stages(server, model).get(number) == stage,
        lambda: (
            f"{model} version {number} is {stage}: {model_status(server, model)}"
            + "".join(server.log[-20:])
        ),
    )


def wait_for_log(server: RunningServer, *words: str) -> str:
    """Return the first line of the log that has all of these words, once there is one."""
    found: list[str] = []

    def is_there() -> bool:
        found[:] = [line for line in server.log if all(word in line for word in words)]
        return bool(found)

    wait_until(is_there, lambda: f"{words} in the log:\n" + "".join(server.log))
    return found[0]


def leeboard(*arguments: str, status: int = 0) -> str:
    """Run a command in this process; returns what it prints on both of its outputs."""
    done = CliRunner(env={"COLUMNS": "300"}).invoke(app, arguments)
    assert done.exit_code == status, done.output
    return str(done.output)


def ask_server(server: RunningServer, command: str, *arguments: str) -> str:
    """Run a command on the server's control port."""
    return leeboard(command, *arguments, "--server", str(server.about["control"]))


def audit_of(shelf: Shelf) -> str:
    """Return what ``leeboard audit show`` prints."""
    return leeboard("audit", "show", "--registry", str(shelf.folder))


@contextmanager
def away(shelf: Shelf) -> Iterator[None]:
    """Have the registry's folder under another name for a while."""
    hidden = shelf.folder.with_name("hidden")
    shelf.folder.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(shelf.folder)


def wait_until_lost(server: RunningServer) -> None:
    wait_for_log(server, "ERROR", "cannot be asked, so all versions stay as they are")
    wait_until(lambda: server.total("leeboard_registry_up") == 0, "it is known as lost")


def wait_until_back(server: RunningServer) -> None:
    wait_until(lambda: server.total("leeboard_registry_up") == 1, "it is there again")


def answered_by(server: RunningServer, model: str = "m") -> int:
    """Ask once; returns which version answered, which its values must show."""
    with triton.InferenceServerClient(server.grpc) as client:
        answer = client.infer(model, tensors(x=rows(2)))
    number = int(answer.get_response().model_version)
    assert answer.as_numpy("y").tolist() == (rows(2) * number).tolist()
    return number


def following(shelf: Shelf, *more: str) -> RunningServer:
    return shelf.serving("--model", "m@champion", *POLL, *more)
