"""A client's token: from a file or the environment, and never said."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.access.credentials import Shown, find_token, read_pem
from runtime.errors import ConfigError


def test_a_file_that_is_named_comes_before_the_environment(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"lb_{name}\n")
    environment = {"LEEBOARD_TOKEN_FILE": str(tmp_path / "b"), "LEEBOARD_TOKEN": "lb_c"}
    assert find_token(tmp_path / "a", environment) == "lb_a"
    assert find_token(None, environment) == "lb_b"
    assert find_token(None, {"LEEBOARD_TOKEN": " lb_c "}) == "lb_c"
    assert find_token(None, {}) == ""


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb", "x" * 2_000, "\x1b[2J"])
def test_what_is_no_token_is_refused_and_not_repeated(tmp_path: Path, content: str) -> None:
    (tmp_path / "t").write_text(content)
    with pytest.raises(ConfigError, match="holds no token") as caught:
        find_token(tmp_path / "t", {})
    assert not content.strip() or content.strip() not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none cannot be read: No such file"):
        find_token(tmp_path / "none", {})
    with pytest.raises(ConfigError, match="none cannot be read: No such file"):
        read_pem(tmp_path / "none")
    (tmp_path / "raw").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="raw holds no token"):
        find_token(tmp_path / "raw", {})


def test_headers_carry_the_token_if_there_is_one() -> None:
    assert Shown().headers == ()
    assert Shown("lb_x").headers == (("authorization", "Bearer lb_x"),)
