"""Addresses, TLS and times of connections: what makes sense passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.config import (
    Address,
    Config,
    Listen,
    Tls,
    Transport,
    check,
    parse_address,
)
from runtime.errors import ConfigError

HERE = Path()
KEYS = Tls(Path("a.crt"), Path("a.key"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8003", Address("127.0.0.1", 8003, "", True)),
        ("plain:127.0.0.1:8003", Address("127.0.0.1", 8003, "", False)),
        ("tls:[::]:0", Address("::", 0, "", True)),
        ("localhost:65535", Address("localhost", 65535, "", True)),
        ("unix:/run/a.sock", Address("", 0, "/run/a.sock", False)),
        ("tls:unix:a b:c", Address("", 0, "a b:c", True)),
    ],
)
def test_an_address_is_read(text: str, expected: Address) -> None:
    assert parse_address(text, has_tls=True) == expected


def test_without_certificates_an_address_is_plain() -> None:
    assert not parse_address("127.0.0.1:8003", has_tls=False).tls


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "neither HOST:PORT nor unix:PATH"),
        ("8003", "neither HOST:PORT"),
        (":8003", "neither HOST:PORT"),
        ("localhost:", "neither HOST:PORT"),
        ("localhost:65536", "neither HOST:PORT"),
        ("localhost:http", "neither HOST:PORT"),
        ("unix:", "names no path"),
        ("tls:localhost:1", "needs --tls-certificate and --tls-key"),
    ],
)
def test_what_is_no_address_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_address(text, has_tls=False)


@pytest.mark.parametrize(
    "config",
    [
        Config(HERE, tls=KEYS),
        Config(HERE, tls=Tls(Path("a.crt"), Path("a.key"), Path("ca.pem"))),
        Config(HERE, Listen(also=("unix:a", "tls:[::1]:1")), tls=KEYS),
        Config(HERE, transport=Transport(0.1, 0, 1, 0, 0, 0, "gzip", 9)),
    ],
)
def test_what_makes_sense_passes(config: Config) -> None:
    check(config)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (Config(HERE, tls=Tls(certificate=HERE)), "--tls-certificate and --tls-key"),
        (Config(HERE, tls=Tls(key=HERE)), "--tls-certificate and --tls-key go together"),
        (Config(HERE, tls=Tls(client_ca=HERE)), "--tls-client-ca needs"),
        (Config(HERE, Listen(also=("tls:a:1",))), "'tls:a:1' needs --tls-certificate"),
        (Config(HERE, transport=Transport(compress_replies="br")), "'br' is not known"),
        (Config(HERE, transport=Transport(compression_level=0)), "must be 1 to 9"),
        (Config(HERE, transport=Transport(compression_level=10)), "--compression-level"),
        (Config(HERE, transport=Transport(keepalive_time_s=-1)), "--keepalive-time is -1"),
        (Config(HERE, transport=Transport(keepalive_timeout_s=0)), "--keepalive-timeout"),
        (Config(HERE, transport=Transport(handshake_timeout_s=0)), "--handshake-timeout"),
    ],
)
def test_what_makes_none_is_refused(config: Config, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(config)
