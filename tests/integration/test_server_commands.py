"""``leeboard server`` and ``leeboard models`` before a server that asks who calls."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from runtime import __version__
from runtime.app import App
from runtime.config import Tls
from runtime.errors import ConfigError, LeeboardError, ServerError
from runtime.model_commands import models
from runtime.server.control import MOST_OPEN_STREAMS
from runtime.server.control_port import MESSAGE_BYTES
from runtime.server_commands import server
from runtime.testing.models import save_identity
from runtime.testing.waiting import wait_until
from tests.integration.app_thread import running
from tests.integration.guarded import EVERYBODY, call, guarded

NOTHING = {"LEEBOARD_TOKEN": "", "LEEBOARD_TOKEN_FILE": "", "LEEBOARD_SERVER": ""}
WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1", **NOTHING}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    (folder / "m" / "1").mkdir(parents=True)
    save_identity(folder / "m" / "1" / "model.onnx", "FP32", ["N", 3])
    return folder


@pytest.fixture(scope="module")
def app(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(guarded(tmp_path_factory.mktemp("guarded"), repository)) as app:
        yield app


def command(typed: Any, *arguments: str, **environment: str) -> Any:
    done = CliRunner(env=WIDE | environment).invoke(typed, arguments)
    if done.exception is not None and not isinstance(done.exception, LeeboardError):
        raise done.exception
    return done


def port_of(app: App) -> str:
    assert app.control is not None
    return f"127.0.0.1:{app.control.port}"


def test_a_server_says_what_it_is(app: App) -> None:
    where = port_of(app)
    done = command(server, "info", "--server", where, LEEBOARD_TOKEN="viewer")
    assert f"leeboard {__version__}" in done.output
    assert f"grpc {app.plane.port}, http {app.http_port}, control" in done.output
    assert "tokens, model-control-explicit" in done.output
    assert "you may   viewer" in done.output
    done = command(server, "info", "--json", LEEBOARD_SERVER=where, LEEBOARD_TOKEN="infer")
    assert json.loads(done.output)["roles"] == ["infer"]


def test_one_learns_who_one_is(app: App, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("limited\n")
    done = command(server, "whoami", "--server", port_of(app), "--token-file", str(file))
    assert done.output.splitlines() == [
        "identity  limited",
        "roles     infer, operator",
        "models    m, team-*",
        "quota     none",
    ]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "answered UNAUTHENTICATED to WhoAmI: this server asks who calls"),
        ("nobody", "answered UNAUTHENTICATED to WhoAmI: the authorization header"),
    ],
)
def test_what_a_server_refuses_is_one_line(app: App, token: str, words: str) -> None:
    error = command(
        server, "whoami", "--server", port_of(app), LEEBOARD_TOKEN=token
    ).exception
    assert isinstance(error, ServerError)
    assert str(error).startswith(f"{port_of(app)} {words}")
    assert str(error).isprintable()


def test_calls_of_the_control_port_are_counted_by_code(app: App) -> None:
    def counted(method: str, code: str) -> float:
        with urlopen(f"http://127.0.0.1:{app.http_port}/metrics") as answer:
            families = text_string_to_metric_families(answer.read().decode())
        wanted = {"method": f"leeboard.v1.{method}", "code": code}
        samples = [s for family in families for s in family.samples]
        return sum(s.value for s in samples if s.labels == wanted)

    before = counted("Server.WhoAmI", "OK"), counted("Server.WhoAmI", "UNAUTHENTICATED")
    for token in ("infer", "nobody", "viewer"):
        command(server, "whoami", "--server", port_of(app), LEEBOARD_TOKEN=token)
    assert counted("Server.WhoAmI", "OK") == before[0] + 2
    assert counted("Server.WhoAmI", "UNAUTHENTICATED") == before[1] + 1


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    error = command(server, "info", "--server", f"unix:{tmp_path}/none").exception
    assert "answered UNAVAILABLE to Info" in str(error)
    assert str(error).isprintable()
    for bad in ("http://x:1", "a b"):
        assert isinstance(command(server, "info", "--server", bad).exception, ConfigError)


def test_models_are_listed_and_changed_with_a_token(app: App, tmp_path: Path) -> None:
    url = f"127.0.0.1:{app.plane.port}"
    assert "READY" in command(models, "list", "--url", url, LEEBOARD_TOKEN="viewer").output
    assert (
        "FP32" in command(models, "show", "m", "--url", url, LEEBOARD_TOKEN="infer").output
    )
    file = tmp_path / "token"
    file.write_text("operator")
    done = command(models, "load", "m", "--url", url, "--token-file", str(file))
    assert done.output == "m is loaded\n"
    error = command(models, "unload", "m", "--url", url, LEEBOARD_TOKEN="viewer").exception
    assert "PERMISSION_DENIED" in str(error)
    assert "it needs one of: operator" in str(error)
    error = command(models, "list", "--url", url).exception
    assert "UNAUTHENTICATED" in str(error)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, and NAME.pem and NAME.key for a server and a client."""
    if which("openssl") is None:
        pytest.skip("there is no openssl command to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        command = ["openssl", *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test authority", "-days", "2")  # fmt: skip
    for name, subject, other in (
        ("server", "/CN=localhost", "IP:127.0.0.1"),
        ("client", "/O=Example/CN=operations", "URI:spiffe://example/ops"),
    ):
        openssl("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", subject)  # fmt: skip
        (folder / f"{name}.ext").write_text(f"subjectAltName={other}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", "2",
                "-extfile", f"{name}.ext")  # fmt: skip
    return folder


def test_a_control_port_with_tls_knows_certificates(
    certificates: Path, repository: Path, tmp_path: Path
) -> None:
    by_subject = replace(EVERYBODY[3], tokens=(), subjects=("CN=operations,O=Example",))
    by_name = replace(
        EVERYBODY[1], tokens=(), subjects=("spiffe://example/ops",), name="second"
    )
    files = {n: str(certificates / n) for n in ("ca.pem", "client.pem", "client.key")}
    tls = Tls(
        certificates / "server.pem", certificates / "server.key", certificates / "ca.pem"
    )
    for known, name in ((by_subject, "operator"), (by_name, "second")):
        folder = tmp_path / name
        folder.mkdir()
        config = replace(guarded(folder, repository, [known]), tls=tls)
        with running(config) as app:
            whoami = ("whoami", "--server", port_of(app), "--ca", files["ca.pem"])
            done = command(
                server, *whoami, "--cert", files["client.pem"], "--key", files["client.key"]
            )
            assert done.output.startswith(f"identity  {name}\n"), done.exception
            assert "UNAVAILABLE" in str(command(server, *whoami).exception)
            half = command(server, *whoami, "--cert", files["client.pem"]).exception
            assert str(half) == "--cert and --key go together"
            plain = command(server, "whoami", "--server", port_of(app)).exception
            assert "answered UNAVAILABLE" in str(plain)


def test_reflection_describes_the_port_to_strangers(app: App) -> None:
    from runtime.server.reflection_service import Request, Response

    with grpc.insecure_channel(port_of(app)) as channel:
        for version in ("v1", "v1alpha"):
            path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            ask: Callable[..., Any] = channel.stream_stream(
                path, lambda m: m.SerializeToString(), Response.FromString
            )
            (answer,) = ask(iter([Request(list_services="")]), timeout=60)
            names = [one.name for one in answer.list_services_response.service]
            assert {"leeboard.v1.Models", "leeboard.v1.Server"} < set(names)


def test_a_message_beyond_the_limit_is_refused_and_others_go_on(app: App) -> None:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(port_of(app), options=options) as channel:
        path = "/leeboard.v1.Server/WhoAmI"
        large = bytes(MESSAGE_BYTES + 1)
        assert call(channel, path, large, "viewer")[0] == "RESOURCE_EXHAUSTED"
        assert call(channel, path, b"", "viewer")[0] == "OK"
        assert call(channel, path, large, "nobody")[0] == "UNAUTHENTICATED"


def test_strangers_leave_places_for_those_who_have_work(app: App) -> None:
    with grpc.insecure_channel(port_of(app)) as channel:
        watch: Callable[..., Any] = channel.unary_stream("/grpc.health.v1.Health/Watch")
        held = [watch(b"") for _ in range(MOST_OPEN_STREAMS)]
        assert all(next(one) for one in held)
        with pytest.raises(grpc.RpcError) as caught:
            next(watch(b""))
        assert caught.value.code().name == "RESOURCE_EXHAUSTED"
        assert call(channel, "/leeboard.v1.Server/WhoAmI", b"", "viewer")[0] == "OK"
        for one in held:
            one.cancel()

        def is_free() -> bool:
            again = watch(b"")
            try:
                return bool(next(again))
            except grpc.RpcError:
                return False
            finally:
                again.cancel()

        wait_until(is_free, "a place is free again")
