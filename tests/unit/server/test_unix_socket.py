"""A live server keeps its socket's file; one that died leaves it to the next."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from runtime.errors import ServerError
from runtime.server.unix_socket import make_room, path_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def bound(path: Path, backlog: int = 1) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen(backlog)
    return made


def test_only_unix_addresses_have_a_path() -> None:
    assert path_of("unix:/run/x") == Path("/run/x")
    assert path_of("127.0.0.1:8003") is None


def test_there_is_room_where_nothing_is(path: Path) -> None:
    make_room(path)
    assert not path.exists()


def test_the_file_of_a_server_that_died_goes(path: Path) -> None:
    bound(path).close()
    assert path.is_socket()
    make_room(path)
    assert not path.exists()


def test_the_file_of_a_live_server_stays(path: Path) -> None:
    with bound(path):
        inode = path.stat().st_ino
        with pytest.raises(ServerError, match=f"unix:{path}: another server answers there"):
            make_room(path)
        assert path.stat().st_ino == inode


def test_a_server_that_is_too_busy_to_accept_lives(path: Path) -> None:
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(8)]
    with bound(path, backlog=0):
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(str(path))
        with pytest.raises(ServerError, match="another server answers there"):
            make_room(path)
    for client in waiting:
        client.close()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_not_touched(path: Path, tmp_path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    else:
        bound(tmp_path / "other").close()
        path.symlink_to(tmp_path / "other")
    before = os.lstat(path).st_ino
    with pytest.raises(ServerError, match="there is a file that is no socket"):
        make_room(path)
    assert os.lstat(path).st_ino == before


def test_what_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "socket"
    with pytest.raises(ServerError, match=re.escape(f"unix:{path}: Not a directory")):
        make_room(path)
