"""Options that commands share: where they stand, and when their files are read."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from runtime.access.credentials import Shown
from runtime.credential_options import Credentials, Json, with_credentials
from runtime.errors import ConfigError

FOUR = ["token_file", "ca", "cert", "key"]


@pytest.fixture
def seen() -> list[tuple[str, bool, Credentials]]:
    return []


@pytest.fixture
def app(seen: list[tuple[str, bool, Credentials]]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_credentials
    def ask(name: str, *, credentials: Credentials, as_json: Json = False) -> None:
        """Ask somebody."""
        seen.append((name, as_json, credentials))

    return app


def test_a_command_gets_what_its_options_name(
    app: typer.Typer, seen: list[tuple[str, bool, Credentials]]
) -> None:
    named = [f"--{name.replace('_', '-')}={name}.pem" for name in FOUR]
    assert CliRunner().invoke(app, ["one", "--json", *named]).exit_code == 0
    assert CliRunner().invoke(app, ["two"]).exit_code == 0
    files = Credentials(*(Path(f"{name}.pem") for name in FOUR))
    assert seen == [("one", True, files), ("two", False, Credentials())]


def test_the_options_stand_in_the_place_of_the_credentials() -> None:
    def ask(name: str, *, credentials: Credentials, as_json: Json = False) -> None:
        """Ask somebody."""

    command = with_credentials(ask)
    assert list(inspect.signature(command).parameters) == ["name", *FOUR, "as_json"]
    assert command.__doc__ == "Ask somebody."


def test_a_token_is_read_when_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "token"
    credentials = Credentials(path, ca=Path("ca.pem"))
    with pytest.raises(ConfigError, match=f"{path} cannot be read"):
        credentials.shown()
    path.write_text("lb_one\n")
    assert credentials.shown() == Shown("lb_one", Path("ca.pem"))
