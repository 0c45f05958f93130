"""``leeboard versions``, ``rollback``, ``freeze``, ``why`` and a server that follows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from typer.testing import CliRunner

from runtime.app import App
from runtime.cli import app as cli
from runtime.errors import LeeboardError
from runtime.testing.waiting import wait_until
from tests.integration.following import MODEL, Models, following

WIDE = {
    "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1", "LEEBOARD_TOKEN": "",
    "LEEBOARD_SERVER": "",
}  # fmt: skip
BUSY = """
import re, sys
from pathlib import Path
from runtime.app import serve
from tests.integration.following import Models

def burn(app):
    print(app.plane.port, flush=True)
    re.match("(a+)+$", "a" * 64 + "b")  # Holds the GIL for centuries.

serve(Models(Path(sys.argv[1])).config(Path(sys.argv[2])), burn)
"""


@pytest.fixture
def models(tmp_path: Path) -> Models:
    models = Models(tmp_path / "models")
    models.add(1)
    models.add(2)
    models.point(1)
    return models


class Operator:
    """Types commands at one server."""

    def __init__(self, app: App) -> None:
        assert app.control is not None
        self.control = f"127.0.0.1:{app.control.port}"
        self.grpc = f"127.0.0.1:{app.plane.port}"

    def type(self, *arguments: str) -> str:
        done = CliRunner(env=WIDE).invoke(cli, [*arguments, "--server", self.control])
        if isinstance(done.exception, LeeboardError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    def why(self) -> str:
        done = CliRunner(env=WIDE).invoke(cli, ["why", MODEL, "--url", self.grpc])
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    def model(self) -> dict[str, Any]:
        (model,) = json.loads(self.type("versions", "--json"))["models"]
        return dict(model)

    def until_serving(self, number: int) -> None:
        wait_until(lambda: self.model()["serving"] == number, lambda: str(self.model()))

    def until_stage(self, number: int, stage: str) -> None:
        def holds() -> bool:
            versions = self.model()["versions"]
            return (number, stage) in [(each["number"], each["stage"]) for each in versions]

        wait_until(holds, lambda: str(self.model()))


def answers(url: str, version: str = "") -> bool:
    """Ask for an answer; tells whether it is right."""
    x = np.ones((1, 3), np.float32)
    wanted = triton.InferInput("x", list(x.shape), "FP32")
    wanted.set_data_from_numpy(x)
    with triton.InferenceServerClient(url) as client:
        found = client.infer(MODEL, [wanted], model_version=version).as_numpy("y")
    return bool((found == x).all())


def test_an_operator_sees_swaps_and_goes_back(models: Models, tmp_path: Path) -> None:
    with following(models, tmp_path / "state") as app:
        ops = Operator(app)
        assert ops.model()["serving"] == 1
        assert "because same@champion points at it" in ops.why()
        models.point(2)
        ops.until_serving(2)
        text = ops.why()
        assert "Requests that name no version go to version 2, because" in text
        assert "Version 1 is kept warm: `leeboard rollback same` goes back to it." in text
        assert "moved by ana" in text
        table = ops.type("versions")
        assert "serving" in table
        assert "warm" in table
        done = ops.type("rollback", MODEL, "--reason", "it is worse").splitlines()
        assert done[0].startswith("same went back from version 2 to 1 at once (")
        assert len(done) == 1
        assert answers(ops.grpc)
        text = ops.why()
        assert "go to version 1, because same@champion points at it." in text
        assert "Version 2 is kept warm" in text
        assert ops.model()["frozen"] == ""


def test_a_frozen_model_says_so_until_it_follows_again(
    models: Models, tmp_path: Path
) -> None:
    with following(models, tmp_path / "state") as app:
        ops = Operator(app)
        assert ops.type("freeze", "--reason", "an audit") == "same stays on version 1\n"
        models.point(2)
        wait_until(lambda: ops.model()["wanted"] == 2, "the alias was moved")
        text = ops.why()
        assert "version 1; same@champion points at version 2, which is not here." in text
        assert "an audit; `leeboard unfreeze same` has it follow" in text
        assert "frozen on version 1 by" in ops.type("versions", MODEL)
    with following(models, tmp_path / "state") as app:
        ops = Operator(app)
        assert ops.model()["serving"] == 1
        assert ops.type("unfreeze") == "same follows its alias\n"
        ops.until_serving(2)
        assert ops.type("unfreeze") == "nothing was frozen here\n"


def test_a_version_that_cannot_be_loaded_is_told_and_tried_again(
    models: Models, tmp_path: Path
) -> None:
    models.add(3, b"no model at all")
    with following(models, tmp_path / "state") as app:
        ops = Operator(app)
        models.point(3)
        ops.until_stage(3, "refused")
        text = ops.why()
        assert "go to version 1; same@champion points at version 3, which is unav" in text
        assert "Version 3 does not serve, it is unavailable: " in text
        assert "refused" in ops.type("versions")
        assert ops.type("retry", MODEL) == "same is tried again\n"
        ops.until_stage(3, "refused")
        assert answers(ops.grpc)
        with pytest.raises(LeeboardError, match=r"'spam' follows no alias.*: same"):
            ops.type("rollback", "spam")


@pytest.fixture
def busy_server(models: Models, tmp_path: Path) -> Iterator[str]:
    """The address of a following server whose Python does nothing but burn the GIL."""
    places = [str(models.folder), str(tmp_path / "state")]
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, *places],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def test_why_is_answered_without_the_registry_and_while_python_is_busy(
    models: Models, busy_server: str
) -> None:
    models.folder.rename(models.folder.with_name("gone"))
    done = CliRunner(env=WIDE).invoke(cli, ["why", MODEL, "--url", busy_server])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].endswith(" by version 1.")
    assert lines[1] == (
        "Requests that name no version go to version 1, because same@champion points at it."
    )
    assert any("its model follows same@champion." in line for line in lines)
