"""At SIGHUP one thing after the other is loaded again; trouble of one stays its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.config import Config
from runtime.errors import ConfigError
from runtime.running.reloads import Reload, Reloads, Reread

OLD = Config(Path("m"))
NEW = Config(Path("m"), exit_timeout_s=1)


def run(reread: Callable[[], Reread] | None, **things: Reload) -> Config:
    async def story() -> Config:
        reloads = Reloads(OLD, reread)
        for name, reload in things.items():
            reloads.add(name, reload)
        return await reloads.run()

    return asyncio.run(story())


def test_each_thing_gets_the_new_config_and_says_what_changed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    heard: list[Config] = []

    def quiet(config: Config) -> str:
        heard.append(config)
        return ""

    assert run(lambda: Reread(NEW), tokens=quiet, quotas=lambda config: "3 -> 4") == NEW
    assert heard == [NEW]
    assert caplog.messages[1:] == ["quotas: 3 -> 4"]


def test_what_fails_keeps_what_it_had_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    def broken(config: Config) -> str:
        raise ConfigError("no such file")

    def odd(config: Config) -> str:
        raise ValueError("of ours")

    assert run(None, certificates=broken, odd=odd, tokens=lambda config: "2 more") == OLD
    assert caplog.messages[1:] == [
        "certificates stays as it is: no such file",
        "odd stays as it is",
        "tokens: 2 more",
    ]


def test_options_that_cannot_be_read_stay_and_the_rest_is_loaded_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Reread:
        raise ConfigError("server.yaml: line 3")

    heard: list[Config] = []

    def tokens(config: Config) -> str:
        heard.append(config)
        return ""

    assert run(broken, tokens=tokens) == OLD
    assert heard == [OLD]
    assert caplog.messages[-1] == "the options stay as they are: server.yaml: line 3"


def test_what_takes_a_restart_is_named(caplog: pytest.LogCaptureFixture) -> None:
    run(lambda: Reread(NEW, ("listen.host", "strict")))
    assert caplog.messages[-1] == "changed, but needs a restart: listen.host, strict"
