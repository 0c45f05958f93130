"""What may be reached from elsewhere, and what that demands."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.access.exposure import Exposure, check
from runtime.addresses import is_local
from runtime.errors import ConfigError


def exposure(host: str = "127.0.0.1", control: str | None = None, **how: bool) -> Exposure:
    return Exposure((host,), control, **{"has_tls": False, "has_tokens": False, **how})


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("unix:/run/leeboard.sock", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("example.org", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_only_what_nobody_else_can_reach_is_local(host: str, local: bool) -> None:
    assert is_local(host) is local


@pytest.mark.parametrize("control", [None, "127.0.0.1", "unix:/run/x"])
def test_this_machine_alone_needs_nothing(control: str | None) -> None:
    assert check(exposure(control=control)) == ()


@pytest.mark.parametrize(
    ("how", "missing"),
    [
        ({}, ["--tls-cert", "--tokens FILE", "leeboard tokens new", "--insecure"]),
        ({"has_tls": True}, ["--tokens FILE", "--insecure"]),
        ({"has_tokens": True}, ["--tls-cert", "--insecure"]),
    ],
)
def test_others_need_tls_and_tokens(how: dict[str, Any], missing: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 can be reached by others") as caught:
        check(exposure("0.0.0.0", **how))
    for words in missing:
        assert words in str(caught.value)
    assert ("--tls-cert" in str(caught.value)) is not how.get("has_tls", False)
    (warning,) = check(exposure("0.0.0.0", insecure=True, **how))
    assert warning.startswith("--insecure: 0.0.0.0 can be reached by others without ")


def test_with_both_only_the_http_port_is_spoken_of() -> None:
    (warning,) = check(exposure("0.0.0.0", has_tls=True, has_tokens=True))
    assert "the HTTP port has no TLS" in warning


@pytest.mark.parametrize("insecure", [False, True])
@pytest.mark.parametrize("how", [{}, {"has_tls": True}, {"has_tokens": True}])
def test_the_control_port_is_never_opened_to_others_without_both(
    insecure: bool, how: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=r"--control-host 0\.0\.0\.0 .*even with"):
        check(exposure("127.0.0.1", "0.0.0.0", insecure=insecure, **how))


def test_the_control_port_is_opened_with_both() -> None:
    assert check(exposure("127.0.0.1", "0.0.0.0", has_tls=True, has_tokens=True)) == ()


def test_a_further_listener_counts_as_well() -> None:
    two = Exposure(("127.0.0.1", "unix:/x", "10.0.0.1"), None, False, False)
    with pytest.raises(ConfigError, match=r"^10\.0\.0\.1 can be reached"):
        check(two)
