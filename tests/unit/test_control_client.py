"""Where a client's server is, and what it shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.access.channel import open_channel
from runtime.access.credentials import Shown
from runtime.control_client import ControlClient, find_server
from runtime.errors import ConfigError, ServerError
from runtime.messages import message

Request, Response = (message(f"leeboard.v1.Info{w}") for w in ("Request", "Response"))


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [
        ("", {}, "127.0.0.1:8003"),
        ("", {"LEEBOARD_SERVER": "h:1"}, "h:1"),
        ("g:2", {"LEEBOARD_SERVER": "h:1"}, "g:2"),
        ("unix:/run/leeboard.sock", {}, "unix:/run/leeboard.sock"),
    ],
)
def test_an_option_comes_before_the_environment(
    option: str, environment: dict[str, str], expected: str
) -> None:
    assert find_server(option, environment) == expected


@pytest.mark.parametrize("bad", ["http://h:1", "a b", "h:1\n", "\x1b[2J"])
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="is neither HOST:PORT nor unix:PATH") as caught:
        find_server(bad, {})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (Shown(certificate=Path("c")), "--cert and --key go with --ca"),
        (Shown(ca=Path("a"), key=Path("k")), "--cert and --key go together"),
        (Shown(ca=Path("nowhere")), "nowhere cannot be read"),
    ],
)
def test_half_of_a_certificate_is_refused(shown: Shown, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        open_channel("h:1", shown)


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    target = f"unix:{tmp_path}/none"
    with ControlClient(target) as client, pytest.raises(ServerError) as caught:
        client.call("/leeboard.v1.Server/Info", Request(), Response, 10.0)
    assert str(caught.value).startswith(f"{target} answered UNAVAILABLE to Info: ")
    assert str(caught.value).isprintable()
