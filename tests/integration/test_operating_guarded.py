"""What an operator asks of a server with TLS and tokens, and over a Unix socket."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.access.file import write
from runtime.access.identities import Identity, Quota, Token
from runtime.access.roles import Role
from runtime.access.tokens import digest_of
from runtime.cli import app
from runtime.errors import ConfigError, ServerError
from runtime.testing import models
from runtime.testing.running import RunningServer
from tests.integration.secured import Keys, keys

SECRET = "S3cret-word"
OPS = Identity("ops", Role.VIEWER | Role.INFER, (), Quota(), (Token(digest_of(SECRET), 0),))
ROWS = ("--input", "x=[[1, 2, 3]]")


def leeboard(*arguments: str, ok: bool = True, **environment: str) -> str:
    runner = CliRunner(env={"COLUMNS": "250", **environment})
    done = runner.invoke(app, [str(each) for each in arguments])
    assert (done.exit_code == 0) == ok, done.output
    if not ok:
        assert isinstance(done.exception, (ConfigError, ServerError))
        return str(done.exception)
    return done.stdout


class Guarded:
    """A server with TLS and tokens that listens on a Unix socket in the clear as well."""

    def __init__(self, server: RunningServer, known: Keys, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.token = folder / "token"
        self.shows = ("--ca", str(known.authority.path), "--token-file", str(self.token))
        self.unix = f"unix:{folder / 'socket'}"

    def ways(self) -> list[tuple[str, ...]]:
        """The options of a client, over TLS and over the Unix socket."""
        return [
            ("--url", self.server.grpc, *self.shows),
            ("--url", self.unix, "--token-file", str(self.token)),
        ]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    known = keys(folder)
    write(folder / "tokens.yaml", [OPS])
    (folder / "token").write_text(f"{SECRET}\n")
    models.save_identity(folder / "same.onnx", "FP32", ["N", 3])
    with RunningServer(
        folder / "same.onnx",
        *("--tls-certificate", str(known.server.certificate_path)),
        *("--tls-key", str(known.server.key_path)),
        *("--tokens", str(folder / "tokens.yaml")),
        *("--listen", f"unix:{folder / 'socket'}"),
    ) as server:
        yield Guarded(server, known, folder)


@pytest.mark.parametrize("way", [0, 1], ids=["tls", "unix"])
class TestWays:
    def test_why_and_top_tell_all_that_they_tell_in_the_clear(
        self, guarded: Guarded, way: int
    ) -> None:
        options = guarded.ways()[way]
        text = leeboard("why", "same", *options)
        assert "it was chosen by the start of the server." in text
        assert "Just now 1 of its workers take batches" in text  # Out of /metrics.
        assert "What happened to it last:" in text
        (version,) = json.loads(
            leeboard("top", "--once", "--json", "--interval", "0.1", *options)
        )["versions"]
        assert (version["state"], version["workers"]) == ("READY", 1)

    def test_models_are_asked(self, guarded: Guarded, way: int) -> None:
        assert "READY" in leeboard("models", "list", *guarded.ways()[way])
        assert "sha256" in leeboard("models", "show", "same", *guarded.ways()[way])

    def test_the_model_is_asked(self, guarded: Guarded, way: int) -> None:
        text = leeboard("infer", "same", *ROWS, *guarded.ways()[way])
        assert "[[1. 2. 3.]]" in text

    def test_a_support_bundle_misses_nothing_and_has_no_secrets(
        self, guarded: Guarded, way: int, tmp_path: Path
    ) -> None:
        path = tmp_path / "bundle.tar.gz"
        leeboard("support-bundle", "-o", str(path), *guarded.ways()[way])
        contents = read_bundle(path)
        assert json.loads(contents["manifest.json"])["missing"] == {}
        events = [each["event"] for each in json.loads(contents["events.json"])]
        assert "ready" in events
        assert guarded.server.pid in [
            each["pid"] for each in json.loads(contents["processes.json"])
        ]
        assert "leeboard_ready" in contents["metrics.txt"]
        everything = "".join(contents.values())
        key = (guarded.folder / "localhost.key").read_text().splitlines()[1]
        assert [s for s in (SECRET, key, "PRIVATE KEY") if s in everything] == []

    def test_the_options_in_force_are_shown(self, guarded: Guarded, way: int) -> None:
        (url, *_) = guarded.ways()[way][1:]
        shown: dict[str, Any] = json.loads(
            leeboard("config", "show", "--json", "--url", url)
        )
        assert shown["listen.listen"]["value"] == [guarded.unix]

    def test_without_a_token_each_says_what_is_missing(
        self, guarded: Guarded, way: int
    ) -> None:
        without = guarded.ways()[way][:-2]
        for command in (("why", "same"), ("models", "list"), ("infer", "same", *ROWS)):
            assert "UNAUTHENTICATED" in leeboard(*command, *without, ok=False)


def read_bundle(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        files = {m.name.rpartition("/")[2]: archive.extractfile(m) for m in archive}
        return {name: f.read().decode() for name, f in files.items() if f is not None}


def test_the_start_says_which_protections_are_on(guarded: Guarded) -> None:
    about = guarded.server.about
    last = next(line for line in guarded.server.log if line.startswith("gRPC "))
    assert last.split("   ") == [
        f"gRPC {about['grpc']} (TLS)",
        f"also {guarded.unix}",
        f"metrics http://{about['http']}/metrics",
        f"control {about['control']} (TLS)",
        "tokens are asked for\n",
    ]


def test_a_token_comes_from_the_environment_too(guarded: Guarded) -> None:
    options = ("--url", guarded.server.grpc, *guarded.shows[:2])
    text = leeboard("why", "same", *options, LEEBOARD_TOKEN=SECRET)
    assert text.startswith("same is served")


def test_who_speaks_in_the_clear_to_tls_is_told_what_to_do(guarded: Guarded) -> None:
    for command in (("why", "same"), ("models", "list")):
        words = leeboard(*command, "--url", guarded.server.grpc, ok=False)
        assert "if it speaks TLS, name its authority with --ca" in words


def test_another_authority_is_not_trusted(guarded: Guarded, tmp_path: Path) -> None:
    other = keys(tmp_path).authority.path
    options = ("--url", guarded.server.grpc, "--ca", str(other))
    for command in (("why", "same"), ("infer", "same", *ROWS)):
        words = leeboard(*command, *options, ok=False, LEEBOARD_TOKEN=SECRET)
        assert "UNAVAILABLE" in words


@pytest.mark.parametrize("url", ["unix:", "unix:a\nb", "nobody", "127.0.0.1"])
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    for command in (("why", "m"), ("top", "--once"), ("models", "list")):
        assert "give " in leeboard(*command, "--url", url, ok=False)


def test_nobody_at_a_unix_socket_is_told(tmp_path: Path) -> None:
    url = f"unix:{tmp_path / 'none'}"
    for command in (("why", "m"), ("models", "list"), ("infer", "m", *ROWS)):
        assert f"{url} answered UNAVAILABLE" in leeboard(*command, "--url", url, ok=False)
