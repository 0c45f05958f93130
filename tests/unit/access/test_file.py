"""The token file: written whole, private, and followed without ever taking a broken one."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import threading
from pathlib import Path

import pytest

from runtime.access.file import AccessFile, locked, loose_mode, read, write
from runtime.access.identities import Identity, Token
from runtime.access.roles import Role
from runtime.errors import ConfigError

ONE = Identity("one", Role.INFER, tokens=(Token(b"1" * 32),))
TWO = Identity("two", Role.OPERATOR)


class Changes:
    """Remembers what it was told."""

    def __init__(self, path: Path) -> None:
        self.seen: list[tuple[Identity, ...]] = []
        self.file = AccessFile(path, self.seen.append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.yaml"
    write(path, [ONE])
    return path


def test_a_file_is_private_whatever_the_umask_and_nothing_else_is_left(path: Path) -> None:
    before = os.umask(0)
    try:
        write(path, [ONE, TWO])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["tokens.yaml"]
    assert read(path) == (ONE, TWO)
    assert loose_mode(path) == ""


def test_what_a_crash_has_left_keeps_nobody_from_writing(path: Path) -> None:
    left = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    left.touch()
    write(path, [TWO])
    assert read(path) == (TWO,)
    assert set(os.listdir(path.parent)) == {left.name, path.name}


def test_a_file_that_others_can_read_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.chmod(0o644)
    Changes(path).file.open()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "can be read or written by others (mode 644); chmod 600 it" in record.message


def test_a_file_that_is_not_there_or_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read: No such file"):
        read(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bad\.yaml is no UTF-8 text"):
        read(tmp_path / "bad.yaml")
    (tmp_path / "long.yaml").write_bytes(b" " * ((16 << 20) + 1))
    with pytest.raises(ConfigError, match="is larger than 16 MiB"):
        read(tmp_path / "long.yaml")
    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path / "none" / "tokens.yaml", [])


def test_errors_are_one_line_whatever_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text('identities: [{name: "a\\nb\\e[2J"}]')
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "bad.yaml")
    assert str(caught.value).isprintable()


def test_a_file_without_anybody_lets_no_server_start(tmp_path: Path) -> None:
    write(tmp_path / "t.yaml", [])
    with pytest.raises(ConfigError, match="lists nobody: `leeboard tokens new"):
        Changes(tmp_path / "t.yaml").file.open()


def test_a_change_is_taken_over_and_told_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    changes = Changes(path)
    changes.file.open()
    changes.file.look()
    write(path, [ONE, TWO])
    changes.file.look()
    changes.file.look()
    assert changes.seen == [(ONE,), (ONE, TWO)]
    assert caplog.messages == [f"reloaded {path}: 2 identities with 1 tokens"]


@pytest.mark.parametrize("content", ["identities: [", "identities: [{name: x}]", None])
def test_a_broken_file_changes_nothing_and_is_told_once(
    path: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    changes = Changes(path)
    changes.file.open()
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    changes.file.look()
    changes.file.look()
    assert changes.seen == [(ONE,)]
    (message,) = caplog.messages
    assert message.startswith(f"the tokens stay as they were: {path}")
    with pytest.raises(ConfigError):
        changes.file.reload()
    write(path, [TWO])
    changes.file.look()
    assert changes.seen == [(ONE,), (TWO,)]


def test_all_identities_may_be_taken_away_while_it_runs(path: Path) -> None:
    changes = Changes(path)
    changes.file.open()
    write(path, [])
    assert "0 identities" in changes.file.reload()
    assert changes.seen[-1] == ()
    assert changes.file.reload() == ""


def test_following_looks_again_and_again(path: Path) -> None:
    changes = Changes(path)
    changes.file.open()
    write(path, [TWO])

    async def story() -> None:
        following = asyncio.create_task(changes.file.follow(0.001))
        while len(changes.seen) < 2:
            await asyncio.to_thread(int)
        following.cancel()

    asyncio.run(asyncio.wait_for(story(), 60))
    assert changes.seen[-1] == (TWO,)


def test_only_one_at_a_time_changes_a_file(path: Path) -> None:
    inside: list[str] = []
    first_is_in, second_may_end = threading.Event(), threading.Event()

    def first() -> None:
        with locked(path):
            first_is_in.set()
            second_may_end.wait(60)
            inside.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_in.wait(60)
    second_may_end.set()
    with locked(path):
        inside.append("second")
    thread.join(60)
    assert inside == ["first", "second"]
