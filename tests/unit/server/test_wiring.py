"""What a Config says of guards, and the guard that follows a token file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.access.exposure import Exposure
from runtime.access.file import write
from runtime.access.identities import Identity, Quota, Token
from runtime.access.roles import Role
from runtime.config import NO_PORT, Access, Config, Control, Listen, Repository, Tls
from runtime.errors import ConfigError
from runtime.native.access import (
    AccessTable,
    identity_counts,
    method_roles,
    set_access,
)
from runtime.native.server import Server
from runtime.server.access_guard import AccessGuard, native_table
from runtime.server.wiring import exposed, features_of, roots_of
from runtime.testing.inline import InlineOptions

HERE = Path("models")
BOTH = Tls(Path("c"), Path("k"))


@pytest.fixture
def plane() -> Iterator[Server]:
    plane = Server(InlineOptions())
    plane.start()
    yield plane
    plane.stop()


def test_a_config_built_by_hand_has_no_control_port() -> None:
    assert Config(HERE).control.port == NO_PORT
    assert exposed(Config(HERE)) == Exposure(("127.0.0.1",), None, False, False, False)


def test_what_is_open_to_whom_follows_from_the_options() -> None:
    config = Config(
        HERE,
        Listen("0.0.0.0"),
        access=Access(Path("t"), insecure=True),
        control=Control("10.0.0.1"),
        tls=BOTH,
    )
    assert exposed(config) == Exposure(("0.0.0.0",), "10.0.0.1", True, True, True)


def test_features_are_what_is_switched_on() -> None:
    assert features_of(Config(HERE)) == ["model-control-none"]
    config = Config(
        HERE,
        access=Access(Path("t"), insecure=True),
        repository=Repository("explicit", rpc=True),
        tls=replace(BOTH, client_ca=Path("a")),
    )
    assert features_of(config) == [
        "tls", "client-certificates", "tokens", "insecure", "repository-rpc",
        "model-control-explicit",
    ]  # fmt: skip


def test_the_places_of_a_repository_are_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real" / "m").mkdir(parents=True)
    (tmp_path / "real" / "x.onnx").touch()
    (tmp_path / "link").symlink_to("real")
    assert roots_of(Config(tmp_path / "real" / "x.onnx")) == (str(tmp_path / "real"),)
    assert set(roots_of(Config(tmp_path / "link"))) == {
        str(tmp_path / "link"),
        str(tmp_path / "real"),
    }
    monkeypatch.chdir(tmp_path)
    assert roots_of(Config(Path("real"))) == (str(tmp_path / "real"),)
    assert roots_of(Config(Path("/"))) == ()


def test_a_guard_without_a_file_asks_nobody(plane: Server) -> None:
    guard = AccessGuard(None, True, plane)
    guard.open()
    assert guard.table is None
    assert guard.reload() == ""
    assert guard.identity_of("x") is None
    assert identity_counts(plane) == {}


def test_a_guard_brings_its_file_to_the_data_plane(plane: Server, tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    one = Identity("one", Role.INFER, ("m*", "x"), Quota(1.5, 3, 2), (Token(b"1" * 32),))
    write(path, [one])
    guard = AccessGuard(path, True, plane)
    guard.open()
    assert guard.identity_of("one") == one
    assert identity_counts(plane) == {
        "one": {
            "allowed": 0, "open": 0, "role": 0, "model": 0, "rate": 0, "concurrent": 0,
            "expired": 0,
        }
    }  # fmt: skip
    write(path, [one, replace(one, name="two", tokens=(), subjects=("CN=two",))])
    assert "2 identities with 1 tokens" in guard.reload()
    assert set(identity_counts(plane)) == {"one", "two"}
    path.write_text("broken: [")
    with pytest.raises(ConfigError):
        guard.reload()
    assert set(identity_counts(plane)) == {"one", "two"}


def test_a_digest_of_another_length_is_refused() -> None:
    odd = Identity("odd", Role.INFER, tokens=(Token(b"short"),))
    with pytest.raises(ValueError, match="32 bytes"):
        native_table([odd], True)


def test_a_table_can_be_taken_away(plane: Server) -> None:
    set_access(plane, native_table([Identity("x", Role.INFER)], False))
    assert set(identity_counts(plane)) == {"x"}
    set_access(plane, None)
    assert identity_counts(plane) == {}
    set_access(plane, AccessTable(True))


def test_a_table_is_handed_over_once(plane: Server) -> None:
    table = native_table([Identity("x", Role.INFER)], True)
    set_access(plane, table)
    with pytest.raises(ValueError, match="handed over already"):
        set_access(plane, table)
    with pytest.raises(ValueError, match="handed over already"):
        table.add(Identity("y", Role.INFER))


def test_roles_of_methods_are_told_by_path() -> None:
    roles = method_roles()
    assert roles["/inference.GRPCInferenceService/ModelInfer"] == Role.INFER
    assert roles["/inference.GRPCInferenceService/RepositoryModelLoad"] == Role.OPERATOR
    assert roles["/grpc.health.v1.Health/Check"] == 0
