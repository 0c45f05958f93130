"""MLflow's client: without a server, without its package, with a password."""

from __future__ import annotations

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from runtime.errors import ConfigError
from runtime.registry.mlflow_client import MlflowRegistry
from runtime.registry.mlflow_source import MlflowSource, Moved, last_move
from runtime.registry.source import RegistryUnavailable
from tests.mlflow_server import client_needed


@pytest.fixture
def nobody() -> str:
    """An address where nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    return f"127.0.0.1:{port}"


def test_without_the_client_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(ConfigError, match=r"leeboard\[mlflow\]"):
        MlflowRegistry("http://mlflow.example")


def test_a_password_is_told_to_nobody(nobody: str) -> None:
    client_needed()
    source = MlflowSource(f"http://ann:secret@{nobody}")
    assert source.place == f"mlflow:http://{nobody}"
    with pytest.raises(RegistryUnavailable) as caught:
        source.look("fraud", "champion")
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_outage_in_one_line(nobody: str) -> None:
    client_needed()
    with pytest.raises(RegistryUnavailable, match=r"does not answer.*refused") as caught:
        MlflowSource(f"http://{nobody}").look("fraud", "champion")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "answer", [b'{"model_version": 5}', b'{"model_version": {"version": "x"}}', b"{}"]
)
def test_a_server_that_answers_nonsense_is_an_outage(answer: bytes) -> None:
    client_needed()

    class Nonsense(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with ThreadingHTTPServer(("127.0.0.1", 0), Nonsense) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            source = MlflowSource(f"http://127.0.0.1:{server.server_port}")
            with pytest.raises(RegistryUnavailable, match="does not answer"):
                source.look("fraud", "champion")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", "[]", '{"number": "x"}', '{"generation": null}', '{"moved_at": 1e999}'],
)
def test_tags_of_strangers_say_nothing_or_what_they_say(text: str) -> None:
    moved = last_move({"leeboard.alias.champion": text}, "champion")
    assert (moved.number, moved.generation) == (Moved().number, Moved().generation)


def test_the_last_move_is_that_of_its_alias() -> None:
    tags = {"leeboard.alias.champion": '{"number": 4, "generation": 9, "moved_by": "ann"}'}
    assert last_move(tags, "champion") == Moved(4, 9, "ann")
    assert last_move(tags, "challenger") == Moved()
