"""``leeboard tokens`` as a person types it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.access.file import read
from runtime.access.roles import Role
from runtime.access.tokens import digest_of
from runtime.errors import ConfigError
from runtime.token_commands import tokens

WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.yaml"


def command(path: Path, *arguments: str) -> Any:
    return CliRunner(env={**WIDE, "LEEBOARD_TOKENS": str(path)}).invoke(tokens, arguments)


def made(path: Path, *arguments: str) -> str:
    """The token that `new` printed."""
    done = command(path, "new", *arguments)
    assert done.exit_code == 0, done.output
    return str(done.stdout).strip()


def wrong(path: Path, *arguments: str) -> str:
    """The words of a command that fails."""
    done = command(path, *arguments)
    assert isinstance(done.exception, ConfigError), done.output
    return str(done.exception)


def test_a_token_is_printed_once_and_only_its_digest_is_kept(path: Path) -> None:
    token = made(path, "checkout", "--role", "infer", "--role", "viewer",
                 "--model", "fraud", "--note", "till 7")  # fmt: skip
    assert re.fullmatch(r"lb_[\w-]{43}", token)
    (identity,) = read(path)
    assert identity.roles == Role.INFER | Role.VIEWER
    assert identity.models == ("fraud",)
    assert [t.digest for t in identity.tokens] == [digest_of(token)]
    assert token not in path.read_text()
    for how in ((), ("--json",)):
        listed = command(path, "list", *how).output
        assert "checkout" in listed
        assert "till 7" in listed
        assert token not in listed
        assert digest_of(token).hex() not in listed


def test_tokens_rotate_by_their_names(path: Path) -> None:
    old = made(path, "x", "--role", "infer")
    new = made(path, "x", "--expires", "90d")
    (identity,) = read(path)
    assert [t.digest for t in identity.tokens] == [digest_of(old), digest_of(new)]
    assert identity.tokens[1].expires_at > 0
    assert command(path, "revoke", "x", "--token", digest_of(old).hex()[:12]).exit_code == 0
    assert [t.digest for t in read(path)[0].tokens] == [digest_of(new)]
    assert "nobody is called 'y'" in wrong(path, "revoke", "y")
    assert "no token that begins with" in wrong(path, "revoke", "x", "--token", "zz")
    assert "is revoked" in command(path, "revoke", "x").output
    assert read(path) == ()


def test_what_contradicts_the_file_is_refused(path: Path) -> None:
    assert "say what it may do with --role" in wrong(path, "new", "x")
    assert not path.exists()
    made(path, "x", "--role", "infer")
    before = path.read_text()
    assert "with the roles infer" in wrong(path, "new", "x", "--role", "operator")
    assert "with other models" in wrong(path, "new", "x", "--model", "m")
    assert "'root' is no role" in wrong(path, "new", "y", "--role", "root")
    assert "has passed already" in wrong(path, "new", "x", "--expires", "2001-01-01")
    assert "the name 'a b' must be" in wrong(path, "new", "a b", "--role", "infer")
    assert "note must be one line" in wrong(path, "new", "x", "--note", "a\nb")
    assert path.read_text() == before


def test_an_expired_token_is_listed_as_such(path: Path) -> None:
    digest = "ab" * 32
    path.write_text(
        f"identities: [{{name: x, roles: [infer], subjects: ['CN=x'], "
        f"tokens: [{{sha256: '{digest}', expires: 1999-12-31}}]}}]"
    )
    output = command(path, "list").output
    assert "1999-12-31T00:00:00+00:00 (expired)" in output
    assert "CN=x" in output
    (one,) = json.loads(command(path, "list", "--json").output)
    assert one["tokens"] == [
        {"token": "abababababab", "ends": "1999-12-31T00:00:00+00:00", "expired": True,
         "note": ""}
    ]  # fmt: skip


def test_two_tokens_of_one_beginning_are_told_apart(path: Path) -> None:
    listed = ", ".join(f"{{sha256: '{'ab' * 31}{last}'}}" for last in ("00", "11"))
    path.write_text(f"identities: [{{name: x, roles: [infer], tokens: [{listed}]}}]")
    words = wrong(path, "revoke", "x", "--token", "abab")
    assert words == "x has more than one token that begins with 'abab'"
