"""Tokens, roles, models and quotas on both ports, through real clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from runtime.access.decisions import AccessTable, Credentials, Refused
from runtime.access.file import write
from runtime.access.identities import Identity, Quota, Token
from runtime.access.roles import ANYBODY, Role
from runtime.access.tokens import digest_of
from runtime.app import App, serve
from runtime.errors import ConfigError
from runtime.messages import RepositoryModelLoadRequest, message
from runtime.native.access import identity_counts, method_roles
from runtime.testing.models import save_identity
from tests.integration.app_thread import running
from tests.integration.guarded import (
    EVERYBODY,
    SERVICE,
    ask_rows,
    bearer,
    call,
    guarded,
    identity,
)

LOAD, INFER = SERVICE + "RepositoryModelLoad", SERVICE + "ModelInfer"
CLASSES = {
    INFER: Role.INFER,
    SERVICE + "RepositoryIndex": Role.INFER | Role.VIEWER,
    SERVICE + "ServerMetadata": Role.INFER | Role.VIEWER,
    LOAD: Role.OPERATOR,
    SERVICE + "SystemSharedMemoryUnregister": Role.OPERATOR,
    SERVICE + "ServerLive": Role(0),
    "/grpc.health.v1.Health/Check": Role(0),
}
CONTROL = {
    "/leeboard.v1.Server/WhoAmI": ANYBODY,
    "/leeboard.v1.Server/Info": ANYBODY,
    "/leeboard.v1.Models/List": Role.INFER | Role.VIEWER,
    "/leeboard.v1.Models/Load": Role.OPERATOR,
    "/leeboard.v1.Models/Unload": Role.OPERATOR,
    "/leeboard.v1.Models/Reload": Role.OPERATOR,
    "/grpc.health.v1.Health/Check": Role(0),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secret-place")
    for name in ("m", "team-a"):
        (folder / name / "1").mkdir(parents=True)
        save_identity(folder / name / "1" / "model.onnx", "FP32", ["N", 3])
    return folder


@pytest.fixture(scope="module")
def app(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(guarded(tmp_path_factory.mktemp("guarded"), models)) as app:
        yield app


@pytest.fixture
def channel(app: App) -> Iterator[grpc.Channel]:
    with to(app.plane.port) as channel:
        yield channel


@pytest.fixture
def control(app: App) -> Iterator[grpc.Channel]:
    assert app.control is not None
    with to(app.control.port) as channel:
        yield channel


def to(port: int) -> grpc.Channel:
    """A connection of its own: grpcio shares those of equal targets."""
    return grpc.insecure_channel(
        f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    )


def expected(needs: Role, roles: Role) -> bool:
    return not needs or bool(needs & roles)


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_every_role_meets_every_class_of_methods(
    role: Role, channel: grpc.Channel, control: grpc.Channel
) -> None:
    token = str(role.name).lower()
    for where, methods in ((channel, CLASSES), (control, CONTROL)):
        for path, needs in methods.items():
            body = ask_rows() if path == INFER else b""
            code, words = call(where, path, body, token)
            is_allowed = code not in ("PERMISSION_DENIED", "UNAUTHENTICATED")
            assert is_allowed is expected(needs, role), (path, code, words)
            if not is_allowed:
                assert f"identity '{token}' ({token}) may not call" in words


@pytest.mark.parametrize("token", [None, "nobody", "late", "in fer"])
def test_who_is_not_known_reaches_only_what_is_open(
    token: str | None, channel: grpc.Channel, control: grpc.Channel
) -> None:
    for where, methods in ((channel, CLASSES), (control, CONTROL)):
        for path, needs in methods.items():
            code, words = call(where, path, b"", token)
            assert code == ("UNAUTHENTICATED" if needs else "OK"), (path, words)
            assert token in (None, "late") or token not in words


def test_the_two_ports_decide_alike(app: App, channel: grpc.Channel) -> None:
    """The data plane in C++ and the control port in Python, from the same file."""
    table = AccessTable(EVERYBODY)
    needs = {path: Role(roles) for path, roles in method_roles().items()}
    shown = [None, "nobody", *(i.name for i in EVERYBODY if not i.models)]
    for path in CLASSES:
        for token in shown:
            credentials = Credentials("" if token is None else f"Bearer {token}")
            try:
                table.decide(credentials, path.rpartition("/")[2], needs[path])
                ours = None
            except Refused as error:
                ours = (error.code, str(error))
            code, words = call(channel, path, ask_rows() if path == INFER else b"", token)
            theirs = {"PERMISSION_DENIED": 7, "UNAUTHENTICATED": 16}.get(code)
            assert (ours and ours[0]) == theirs, (path, token, words)
            assert ours is None or ours[1] == words


def test_every_method_of_the_protocol_that_is_served_says_what_it_needs() -> None:
    roles = method_roles()
    assert {path: roles[path] for path in CLASSES} == {
        path: int(needs) for path, needs in CLASSES.items()
    }
    for path, needed in roles.items():
        name = path.rpartition("/")[2]
        is_probe = name in (
            "ServerLive", "ServerReady", "ModelReady", "Check", "Watch",
            "ServerReflectionInfo",
        )  # fmt: skip
        assert (needed == 0) is is_probe, path


def test_tritonclient_shows_its_token(app: App) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{app.plane.port}") as client:
        x = triton.InferInput("x", [1, 3], "FP32")
        x.set_data_from_numpy(np.ones((1, 3), np.float32))
        headers = {"authorization": "Bearer infer"}
        answer = client.infer("m", [x], headers=headers).as_numpy("y")
        assert answer is not None
        assert answer.tolist() == [[1, 1, 1]]
        with pytest.raises(InferenceServerException, match="UNAUTHENTICATED"):
            client.infer("m", [x])
        assert client.is_server_live()


def test_an_identity_is_held_to_its_models(
    channel: grpc.Channel, control: grpc.Channel
) -> None:
    for model, code in (("m", "OK"), ("team-a", "OK"), ("team-b", "NOT_FOUND")):
        assert call(channel, INFER, ask_rows(model), "limited")[0] == code
    refused = ("PERMISSION_DENIED", "identity 'limited' may not use the model 'other'")
    assert call(channel, INFER, ask_rows("other"), "limited") == refused
    load = RepositoryModelLoadRequest(model_name="other").SerializeToString()
    assert call(channel, LOAD, load, "limited") == refused
    request = message("leeboard.v1.LoadModelRequest")(name="other").SerializeToString()
    assert call(control, "/leeboard.v1.Models/Load", request, "limited") == refused
    metadata = RepositoryModelLoadRequest(model_name="").SerializeToString()
    assert call(channel, SERVICE + "RepositoryIndex", metadata, "limited")[0] == "OK"


def test_who_loaded_what_is_in_the_log(
    channel: grpc.Channel, control: grpc.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    load = RepositoryModelLoadRequest(model_name="m").SerializeToString()
    assert call(channel, LOAD, load, "operator")[0] == "OK"
    assert "loading 'm', as asked for over gRPC by identity 'operator'" in caplog.messages
    request = message("leeboard.v1.ReloadModelRequest")(name="team-a").SerializeToString()
    assert call(control, "/leeboard.v1.Models/Reload", request, "limited")[0] == "OK"
    words = "reloading 'team-a', as asked for over gRPC by identity 'limited'"
    assert words in caplog.messages


def test_several_headers_are_not_a_way_around(
    channel: grpc.Channel, control: grpc.Channel
) -> None:
    for where, path in ((channel, LOAD), (control, "/leeboard.v1.Models/Load")):
        for tokens in (("infer", "operator"), ("nobody", "infer"), ("infer", "infer")):
            metadata = [pair for token in tokens for pair in bearer(token)]
            invoke: Callable[..., bytes] = where.unary_unary(path)
            with pytest.raises(grpc.RpcError) as caught:
                invoke(b"", timeout=60, metadata=metadata)
            assert caught.value.code().name == "UNAUTHENTICATED", (path, tokens)


class TestChanges:
    """Each with a server of its own, because each changes its tokens."""

    def test_tokens_rotate_and_are_revoked_while_a_connection_is_open(
        self, models: Path, tmp_path: Path
    ) -> None:
        def with_tokens(*tokens: str) -> Identity:
            kept = tuple(Token(digest_of(token)) for token in tokens)
            return replace(identity("x", Role.INFER), tokens=kept)

        config = guarded(tmp_path, models, [with_tokens("old")])
        with running(config) as app, to(app.plane.port) as channel:
            for tokens in (("old",), ("old", "new"), ("new",), ()):
                write(tmp_path / "tokens.yaml", [with_tokens(*tokens)])
                app.access.reload()
                for token in ("old", "new"):
                    code, _ = call(channel, INFER, ask_rows(), token)
                    wanted = "OK" if token in tokens else "UNAUTHENTICATED"
                    assert code == wanted, (tokens, token)

    def test_a_quota_is_exact_however_many_ask_at_once(
        self, models: Path, tmp_path: Path
    ) -> None:
        quota = Quota(requests_per_s=1e-6, burst=50)
        config = guarded(tmp_path, models, [identity("x", Role.INFER, quota=quota)])
        with running(config) as app:

            def ask(_: int) -> list[str]:
                with to(app.plane.port) as channel:
                    return [call(channel, INFER, ask_rows(), "x")[0] for _ in range(25)]

            with ThreadPoolExecutor(8) as pool:
                codes = [code for some in pool.map(ask, range(8)) for code in some]
            assert codes.count("OK") == 50
            assert codes.count("RESOURCE_EXHAUSTED") == 150
            app.access.reload()
            with to(app.plane.port) as channel:
                code, words = call(channel, INFER, ask_rows(), "x")
            assert code == "RESOURCE_EXHAUSTED"
            assert re.search(r"quota of [\d.]+ requests/s; retry-after-ms: \d+$", words)
            assert app.endpoint is not None
            with urlopen(f"http://127.0.0.1:{app.endpoint.port}/metrics") as answer:
                text = answer.read().decode()
            counted = 'leeboard_identity_requests_total{identity="x",outcome='
            assert f'{counted}"allowed"}} 50\n' in text
            assert f'{counted}"rate"}} 151\n' in text
            assert 'leeboard_identity_open_calls{identity="x"} 0\n' in text
            assert identity_counts(app.plane)["x"]["concurrent"] == 0

    def test_probes_may_be_asked_for_a_token_too(
        self, models: Path, tmp_path: Path
    ) -> None:
        config = guarded(tmp_path, models)
        config = replace(config, access=replace(config.access, open_health=False))
        with running(config) as app:
            assert app.control is not None
            for port in (app.plane.port, app.control.port):
                with to(port) as channel:
                    path = "/grpc.health.v1.Health/Check"
                    assert call(channel, path)[0] == "UNAUTHENTICATED"
                    assert call(channel, path, token="labeler")[0] == "OK"

    def test_a_server_does_not_start_with_tokens_that_it_cannot_read(
        self, models: Path, tmp_path: Path
    ) -> None:
        config = guarded(tmp_path, models)
        for content, words in (
            (None, r"tokens\.yaml cannot be read: No such file"),
            ("identities: [", r"tokens\.yaml: line 1"),
            ("identities: []", "lists nobody"),
        ):
            (tmp_path / "tokens.yaml").unlink()
            if content is not None:
                (tmp_path / "tokens.yaml").write_text(content)
            with pytest.raises(ConfigError, match=words):
                serve(config)
            (tmp_path / "tokens.yaml").touch()
