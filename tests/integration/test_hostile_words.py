"""Names, ids, tokens and messages that were made to harm: what logs and errors show.

No answer and no line of the log may hold a control character, the repository's path, a
token, or a stack trace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from runtime.app import App
from runtime.messages import (
    Message,
    ModelConfigRequest,
    ModelInferRequest,
    ModelMetadataRequest,
    ModelReadyRequest,
    ModelStatisticsRequest,
    RepositoryModelLoadRequest,
    RepositoryModelUnloadRequest,
    SystemSharedMemoryUnregisterRequest,
    message,
)
from runtime.testing.models import save_identity
from tests.integration.app_thread import running
from tests.integration.guarded import SERVICE, bearer, guarded

PLACE = "secret-place"
HARMFUL = (
    "a\nERROR forged line",
    "a\r\x1b[2J\x1b]0;title\x07",
    "caf\xe9\x9b31m",
    "\u2028next\u202eeman",
    "nul\0",
    "%n%s${jndi:x}{0}",
    "x" * 100_000,
)
OUTWARDS = (
    "..",
    ".",
    "/",
    "../m/1",
    "1/../../m",
    "m/../m",
    "m/1",
    "/etc/passwd",
    "./m",
    "..\\m",
    "m\0/../..",
    "%2e%2e/m",
    "~",
    "",
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp(PLACE)
    for name in ("m", "broken"):
        (folder / name / "1").mkdir(parents=True)
        save_identity(folder / name / "1" / "model.onnx", "FP32", ["N", 3])
    (folder / "broken" / "1" / "model.onnx").write_bytes(b"no model")
    (folder / "odd").mkdir()
    (folder / "odd" / "leeboard.yaml").write_text("versions: [3]")
    with running(guarded(tmp_path_factory.mktemp("guarded"), folder)) as app:
        yield app


class Asked:
    """Asks on both ports and keeps what was said."""

    def __init__(self, app: App) -> None:
        assert app.control is not None
        self._ports = {
            "inference": grpc.insecure_channel(f"127.0.0.1:{app.plane.port}"),
            "leeboard": grpc.insecure_channel(f"127.0.0.1:{app.control.port}"),
        }
        self.words: list[str] = []

    def close(self) -> None:
        for channel in self._ports.values():
            channel.close()

    def __call__(self, path: str, raw: bytes, token: str) -> str:
        channel = self._ports["leeboard" if path.startswith("/leeboard") else "inference"]
        invoke: Callable[..., bytes] = channel.unary_unary(path)
        try:
            reply = invoke(raw, timeout=60, metadata=bearer(token))
        except grpc.RpcError as error:
            code = str(error.code().name)
            self.words.append(error.details() or "")
            if code in ("INTERNAL", "UNKNOWN"):
                raise AssertionError(f"{path} failed inside: {error}") from error
            return code
        self.words.append(reply.decode("latin-1") if b"/" in reply else "")
        return "OK"


@pytest.fixture
def ask(app: App) -> Iterator[Asked]:
    asked = Asked(app)
    yield asked
    asked.close()


def control(kind: str, **fields: Any) -> tuple[str, Message]:
    """A call of leeboard.v1.Models."""
    request = message(f"leeboard.v1.{kind}ModelRequest")(**fields)
    return f"/leeboard.v1.Models/{kind}", request


def calls_about(name: str) -> list[tuple[str, Message, str]]:
    """Every method that takes a model's name, with a token that may call it."""
    found: list[tuple[str, Message, str]] = [
        (SERVICE + "ModelInfer", ModelInferRequest(model_name=name, id=name), "infer"),
        (SERVICE + "ModelReady", ModelReadyRequest(name=name), "infer"),
        (SERVICE + "ModelMetadata", ModelMetadataRequest(name=name), "infer"),
        (SERVICE + "ModelConfig", ModelConfigRequest(name=name), "infer"),
        (SERVICE + "ModelStatistics", ModelStatisticsRequest(name=name or "-"), "infer"),
        (
            SERVICE + "SystemSharedMemoryUnregister",
            SystemSharedMemoryUnregisterRequest(name=name or "-"),
            "operator",
        ),
    ]
    for token in ("operator", "limited", "infer"):
        load = RepositoryModelLoadRequest(model_name=name)
        load.parameters["version"].string_param = name
        with_config = RepositoryModelLoadRequest(model_name=name)
        with_config.parameters["config"].string_param = '{"name": "x"}'
        odd = RepositoryModelLoadRequest(model_name="m")
        odd.parameters[name].string_param = name
        elsewhere = RepositoryModelLoadRequest(model_name="m", repository_name=name or "-")
        unload = RepositoryModelUnloadRequest(model_name=name)
        found += [
            (SERVICE + "RepositoryModelLoad", request, token)
            for request in (load, with_config, odd, elsewhere)
        ]
        found.append((SERVICE + "RepositoryModelUnload", unload, token))
        for kind, fields in (
            ("Load", {"name": name, "version": name}),
            ("Load", {"name": name, "config_json": "{"}),
            ("Load", {"name": "m", "version": name or "-"}),
            ("Unload", {"name": name, "version": name}),
            ("Reload", {"name": name}),
        ):
            found.append((*control(kind, **fields), token))
    return found


def assert_harmless(texts: list[str]) -> None:
    for text in texts:
        shown = text[:300]
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text), shown
        assert PLACE not in text, shown
        assert "Traceback" not in text, shown
        assert 'File "' not in text, shown
        assert len(text) <= 4_096, shown


def raw_of(request: Message) -> bytes:
    return bytes(request.SerializeToString())


@pytest.mark.parametrize("name", HARMFUL, ids=range(len(HARMFUL)))
def test_harmful_names_are_shown_as_one_harmless_line(
    ask: Asked, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for path, request, token in calls_about(name):
        ask(path, raw_of(request), token)
    assert_harmless([words for words in ask.words if words != ""])
    for line in caplog.messages:
        assert line.isprintable(), line[:300]
        assert "Traceback" not in line


@pytest.mark.parametrize("name", OUTWARDS)
def test_a_name_that_leads_elsewhere_is_an_unknown_model(ask: Asked, name: str) -> None:
    for path, request, token in calls_about(name):
        what = path.rpartition("/")[2]
        code = ask(path, raw_of(request), token)
        if what in ("ModelReady", "ModelConfig", "ModelMetadata") and code == "OK":
            assert what == "ModelReady"  # Which answers "not ready".
        elif request.DESCRIPTOR.name != "SystemSharedMemoryUnregisterRequest":
            assert code != "OK", (path, request)
    assert_harmless(ask.words)


BAD_BYTES = (b"\xff", b"\x0a\xff", b"\x0a\x05abc", b"\x00" * 64, bytes(range(256)))


def test_messages_that_are_none_are_told_in_one_line(ask: Asked, app: App) -> None:
    methods = {path for path, _, _ in calls_about("m")}
    methods |= {SERVICE + "RepositoryIndex", SERVICE + "ServerMetadata"}
    for path in sorted(methods):
        for raw in BAD_BYTES:
            for token in ("operator", "infer"):
                ask(path, raw, token)
    assert_harmless(ask.words)


def test_what_cannot_be_loaded_is_told_without_its_place(ask: Asked, app: App) -> None:
    for name in ("broken", "odd", "nowhere"):
        load = RepositoryModelLoadRequest(model_name=name)
        path, request = control("Load", name=name)
        assert ask(SERVICE + "RepositoryModelLoad", raw_of(load), "operator") != "OK"
        assert ask(path, raw_of(request), "operator") != "OK"
    config = raw_of(ModelConfigRequest(name="m"))
    assert ask(SERVICE + "ModelConfig", config, "infer") == "OK"
    assert ask(SERVICE + "RepositoryIndex", b"", "infer") == "OK"
    assert ask("/leeboard.v1.Models/List", b"", "viewer") == "OK"
    assert all(PLACE not in words for words in ask.words)


@pytest.mark.parametrize("token", ["lb_" + "s3cr3t" * 8, "a;b", "x" * 900])
def test_a_token_is_in_no_answer_and_no_log(
    ask: Asked, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for path in (SERVICE + "ModelInfer", "/leeboard.v1.Server/WhoAmI"):
        assert ask(path, b"", token) == "UNAUTHENTICATED"
    assert all(token not in words for words in [*ask.words, *caplog.messages])


def test_the_log_names_whom_it_refused(app: App, ask: Asked, tmp_path: Path) -> None:
    """At WARNING, on either port."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    from runtime.testing.waiting import wait_until

    ear = Ear(logging.WARNING)
    logging.getLogger("runtime").addHandler(ear)
    try:
        words = "identity 'viewer' (viewer) may not call"

        def was_told(path: str, what: str) -> bool:
            # Again and again: only so many refusals are told each second.
            ask(path, b"", "viewer")
            return any(f", {what}: {words}" in line for line in heard)

        for path, what in (
            ("/leeboard.v1.Models/Load", "leeboard.v1.Models.Load"),
            (SERVICE + "ModelInfer", "ModelInfer"),
        ):
            wait_until(partial(was_told, path, what), f"{what} is in the log")
        assert all("127.0.0.1" in line for line in heard if words in line)
    finally:
        logging.getLogger("runtime").removeHandler(ear)
