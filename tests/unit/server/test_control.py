"""The control port's guard and services, without a socket."""

from __future__ import annotations

import asyncio
import logging
import socket
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from runtime.access.decisions import AccessTable, Credentials, Refused
from runtime.access.identities import Identity, Quota, Token
from runtime.access.roles import NOBODY, Role
from runtime.access.tokens import digest_of
from runtime.errors import ConfigError, ModelError, ServerError
from runtime.messages import Message, message
from runtime.server.certificates import Files
from runtime.server.control import (
    MOST_OPEN_STREAMS,
    ControlServer,
    Guard,
    Refusals,
    credentials_of,
)
from runtime.server.control_services import Caller, Method

NOBODY_ASKED = Caller(None, "ipv4:127.0.0.1:1")
OPS = Identity("ops", Role.OPERATOR, ("m*",), Quota(5, 7, 3), (Token(digest_of("t")),))
InfoRequest = message("leeboard.v1.InfoRequest")
WhoAmIRequest = message("leeboard.v1.WhoAmIRequest")


class Scripted:
    """A service whose one method raises or answers as it was told."""

    name = "test.Scripted"

    def __init__(self, what: Exception | Message, limit_s: float = 30.0) -> None:
        self._what = what
        self._limit_s = limit_s

    @property
    def methods(self) -> Sequence[Method]:
        return (
            Method("Do", Role.OPERATOR, InfoRequest, self._do, limit_s=self._limit_s),
            Method("Wait", NOBODY, InfoRequest, self._wait, limit_s=0.001),
            Method("Flow", NOBODY, InfoRequest, stream=self._flow),
        )

    async def _do(self, caller: Caller, request: Message) -> Message:
        if isinstance(self._what, Exception):
            raise self._what
        return self._what

    async def _wait(self, caller: Caller, request: Message) -> Message:
        return await asyncio.Event().wait()

    async def _flow(
        self, caller: Caller, requests: AsyncIterator[Message]
    ) -> AsyncIterator[Message]:
        async for request in requests:
            yield request
        if isinstance(self._what, Exception):
            raise self._what


def guard(what: Exception | Message, table: AccessTable | None = None) -> Guard:
    return Guard([Scripted(what)], lambda: table, ["/srv/m"])


async def several(*raws: bytes) -> AsyncIterator[bytes]:
    for raw in raws:
        yield raw


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("no\nsuch thing"), 3, r"no\nsuch thing"),
        (ModelError("open: /srv/m/fraud/1 is bad"), 9, "open: fraud/1 is bad"),
        (ServerError("busy"), 14, "busy"),
        (Refused(5, "not there"), 5, "not there"),
        (KeyError("/srv/m/secret"), 13, "Do failed; the server's log says why"),
    ],
)
def test_an_error_becomes_a_code_and_one_line(
    error: Exception, code: int, words: str
) -> None:
    with pytest.raises(Refused) as caught:
        asyncio.run(guard(error).answer(NOBODY_ASKED, "/test.Scripted/Do", several(b"")))
    assert (caught.value.code, str(caught.value)) == (code, words)


def test_bytes_that_are_no_message_are_told() -> None:
    with pytest.raises(Refused, match="the message is no InfoRequest") as caught:
        asyncio.run(
            guard(InfoRequest()).answer(NOBODY_ASKED, "/test.Scripted/Do", several(b"\xff"))
        )
    assert caught.value.code == 3


def test_a_call_has_a_time_limit_of_the_methods_own() -> None:
    with pytest.raises(Refused, match="Wait took more than") as caught:
        asyncio.run(
            guard(InfoRequest()).answer(NOBODY_ASKED, "/test.Scripted/Wait", several(b""))
        )
    assert caught.value.code == 4


def test_a_stream_goes_through_and_ends_as_a_call_does() -> None:
    async def story(what: Exception | Message, *raws: bytes) -> list[bytes]:
        replies = guard(what).stream(NOBODY_ASKED, "/test.Scripted/Flow", several(*raws))
        return [reply async for reply in replies]

    assert asyncio.run(story(InfoRequest(), b"", b"")) == [b"", b""]
    with pytest.raises(Refused, match="x is bad"):
        asyncio.run(story(ModelError("/srv/m/x is bad"), b""))
    with pytest.raises(Refused, match="the message is no InfoRequest"):
        asyncio.run(story(InfoRequest(), b"\xff"))


def test_callers_are_asked_for_once_there_are_tokens(
    caplog: pytest.LogCaptureFixture,
) -> None:
    path, shown = "/test.Scripted/Do", Credentials("Bearer t")
    assert guard(InfoRequest()).admit(path, Credentials(), "p").identity is None
    asking = guard(InfoRequest(), AccessTable([OPS]))
    assert asking.admit(path, shown, "p") == Caller(OPS, "p")
    with pytest.raises(Refused):
        asking.admit(path, Credentials("Bearer no"), "peer\n1")
    (line,) = caplog.messages
    assert line.startswith(r"refused peer\n1, test.Scripted.Do: the authorization header")
    assert caplog.records[0].levelno == logging.WARNING


def test_a_call_without_a_message_is_told_and_one_that_is_late_given_up() -> None:
    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    for raws, code in ((several(), 3), (never(), 4)):
        path = "/test.Scripted/Wait"
        with pytest.raises(Refused) as caught:
            asyncio.run(guard(InfoRequest()).answer(NOBODY_ASKED, path, raws))
        assert caught.value.code == code


def test_strangers_hold_only_so_many_streams_open() -> None:
    one = guard(InfoRequest())

    async def endless() -> AsyncIterator[bytes]:
        yield b""
        await asyncio.Event().wait()

    async def story() -> None:
        path, held = "/test.Scripted/Flow", []
        for _ in range(MOST_OPEN_STREAMS):
            held.append(one.stream(NOBODY_ASKED, path, endless()))
            assert await anext(held[-1]) == b""
        with pytest.raises(Refused, match="16 such streams are open") as caught:
            await anext(one.stream(NOBODY_ASKED, path, endless()))
        assert caught.value.code == 8
        await cast(Any, held.pop()).aclose()
        again = one.stream(NOBODY_ASKED, path, endless())
        assert await anext(again) == b""
        for stream in (*held, again):
            await cast(Any, stream).aclose()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_the_log_says_ten_refusals_a_second_and_then_how_many_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [5.0]
    refusals = Refusals(lambda: now[0])
    for _ in range(25):
        refusals.say("x")
    assert caplog.messages == ["refused x"] * 10
    now[0] = 6.0
    refusals.say("y")
    refusals.say("z")
    assert caplog.messages[10:] == ["refused y (and 15 more)", "refused z"]


@pytest.mark.parametrize(
    ("metadata", "auth", "expected"),
    [
        ([], {}, Credentials("", ())),
        ([("a", "b"), ("authorization", "Bearer x")], {}, Credentials("Bearer x", ())),
        ([("authorization", b"Bearer \xff")], {}, Credentials("Bearer \xff", ())),
        ([("authorization", "a")] * 2, {}, Credentials("more than one", ())),
        (
            [],
            {"peer_dns": [b"d"], "x509_subject": [b"CN=x"], "peer_uri": [b"u", b"\xff"]},
            Credentials("", ("CN=x", "u", "\ufffd", "d")),
        ),
    ],
)
def test_what_a_call_shows(
    metadata: list[tuple[str, str | bytes]],
    auth: dict[str, list[bytes]],
    expected: Credentials,
) -> None:
    assert credentials_of(metadata, auth) == expected


def test_a_port_that_is_taken_is_named() -> None:
    async def story() -> None:
        first = ControlServer("127.0.0.1", 0, guard(InfoRequest()))
        await first.open()
        second = ControlServer("127.0.0.1", first.port, guard(InfoRequest()))
        try:
            with pytest.raises(ServerError, match=r"cannot listen on 127\.0\.0\.1:\d+ for"):
                await second.open()
        finally:
            await second.close(0)
            await first.close(0)

    asyncio.run(asyncio.wait_for(story(), 60))


@pytest.mark.parametrize(
    ("host", "where"),
    [("::1", "[::1]:7"), ("[::1]", "[::1]:7"), ("h", "h:7"), ("unix:/x/y", "unix:/x/y")],
)
def test_an_address_is_written_as_clients_take_it(host: str, where: str) -> None:
    assert ControlServer(host, 7, guard(InfoRequest())).where == where


def test_a_unix_socket_is_a_place_too(tmp_path: Path) -> None:
    import grpc

    async def story() -> None:
        one = ControlServer(f"unix:{tmp_path}/control", 7, guard(InfoRequest()))
        await one.open()
        assert (one.port, one.where) == (0, f"unix:{tmp_path}/control")

        def ask() -> bytes:
            with grpc.insecure_channel(one.where) as channel:
                call: Callable[..., bytes] = channel.unary_unary("/test.Scripted/Do")
                return call(b"", timeout=60)

        assert await asyncio.to_thread(ask) == b""
        await one.close(0)

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_live_control_socket_is_kept_and_a_dead_ones_file_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "control"

    def make() -> ControlServer:
        return ControlServer(f"unix:{path}", 0, guard(InfoRequest()))

    async def story() -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        first, second = make(), make()
        await first.open()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        inode = path.stat().st_ino
        with pytest.raises(ServerError, match="another server answers there"):
            await second.open()
        await second.close(0)
        assert path.stat().st_ino == inode
        await first.close(0)
        assert not path.exists()
        third = make()
        await third.open()
        await third.close(0)

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = Files(tmp_path / "cert.pem", tmp_path / "key.pem")
    missing.certificate.touch()
    server = ControlServer("127.0.0.1", 0, guard(InfoRequest()), missing)
    with pytest.raises(ConfigError, match=r"cannot read .*key\.pem: No such file"):
        asyncio.run(asyncio.wait_for(server.open(), 60))
