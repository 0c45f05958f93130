"""A client that is not grpc-core: @grpc/grpc-js on Node's own HTTP/2."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.config import Transport
from runtime.testing.fake_backend import FakeBackend
from runtime.testing.inline import InlineOptions
from tests.integration.calls import rows
from tests.integration.conftest import MakeInline
from tests.integration.programs import needed
from tests.integration.secured import Keys

SCRIPT = Path(__file__).with_name("grpc_js")
PROTO = Path(__file__).resolve().parents[2] / "protos" / "inference.proto"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pinned packages and the client."""
    npm = needed("npm")
    needed("node")
    folder = tmp_path_factory.mktemp("grpc_js")
    for name in ("package.json", "client.js"):
        shutil.copy(SCRIPT / name, folder)
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    done = subprocess.run(
        command, cwd=folder, check=False, timeout=240, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def ask(folder: Path, address: str, model: str, count: int, *more: str) -> dict[str, Any]:
    """Ask so many times at once with rows(2); returns what the client printed."""
    x = rows(2)
    request = {
        "model_name": model,
        "inputs": [{"name": "x", "datatype": "FP32", "shape": list(x.shape)}],
        "raw_input_contents": [base64.b64encode(x.tobytes()).decode()],
    }
    path = folder / "request.json"
    path.write_text(json.dumps(request))
    command = [needed("node"), "client.js", address, str(PROTO), str(path), str(count)]
    done = subprocess.run(
        [*command, *more],
        cwd=folder, check=False, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def is_right(answer: str) -> bool:
    """Tell whether an answer is twice what was asked."""
    y = np.frombuffer(base64.b64decode(answer), np.float32).reshape(2, 4)
    return bool((y == rows(2) * 2).all())


def test_every_call_is_answered_over_tls(
    make_inline: MakeInline, folder: Path, ours: Keys
) -> None:
    server = make_inline(FakeBackend(), options=ours.options())
    url = f"localhost:{server.plane.port}"
    found = ask(folder, url, "fake", 200, str(ours.authority.path))
    assert found["errors"] == []
    assert [is_right(answer) for answer in found["answers"]] == [True] * 200


@pytest.mark.parametrize("replies", ["none", "gzip"])
def test_every_call_is_answered_in_the_clear(
    make_inline: MakeInline, folder: Path, replies: str
) -> None:
    options = InlineOptions(transport=Transport(compress_replies=replies))
    server = make_inline(FakeBackend(), options=options)
    found = ask(folder, server.grpc, "fake", 200)
    assert found["errors"] == []
    assert [is_right(answer) for answer in found["answers"]] == [True] * 200


def test_errors_have_their_codes(make_inline: MakeInline, folder: Path) -> None:
    server = make_inline(FakeBackend())
    found = ask(folder, server.grpc, "unknown", 3)
    assert found == {"answers": [], "errors": [5, 5, 5]}
