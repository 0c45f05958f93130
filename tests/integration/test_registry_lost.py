"""A registry that goes away, is locked or damaged: what serves goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.errors import ServerError
from runtime.store.engine import DATABASE
from runtime.testing.waiting import wait_until
from tests.integration.shelf import (
    Shelf,
    answered_by,
    ask_server,
    away,
    following,
    model_status,
    onnx_times,
    wait_for_log,
    wait_for_stage,
    wait_until_back,
    wait_until_lost,
    why_of,
)
from tests.integration.steady import Steady

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "registry")
    shelf.first("m")
    return shelf


@contextmanager
def locked(shelf: Shelf) -> Iterator[None]:
    """Have another process hold the database's write lock."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(shelf.folder / DATABASE)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            process.communicate()


def test_a_registry_that_goes_away_is_followed_when_it_is_back(shelf: Shelf) -> None:
    with following(shelf) as server, Steady(server.grpc, "m") as steady:
        with away(shelf):
            wait_until_lost(server)
            steady.wait_for_more(20)
            assert "the registry cannot be asked" in ask_server(server, "versions")
        wait_until_back(server)
        wait_for_log(server, "answers again")
        steady.expect(2)
        shelf.next("m", 2)
        steady.wait_for(2)
    assert sum("cannot be asked, so" in line for line in server.log) == 1


def test_a_server_starts_and_stays_on_what_it_knew_without_its_registry(
    shelf: Shelf,
) -> None:
    with following(shelf):
        pass
    shelf.push_times("m", 2)
    with away(shelf), following(shelf, "--strict") as server:
        assert answered_by(server) == 1
        wait_until_lost(server)
    shelf.point("m", 2)
    with following(shelf) as server:
        wait_for_stage(server, "m", 2, "serving")
    shelf.blob("m", 2).unlink()  # The server has files of its own.
    with following(shelf) as server:
        assert answered_by(server) == 2
        assert answered_by(server) == model_status(server, "m").serving


def test_files_of_a_servers_own_that_are_damaged_are_fetched_again(shelf: Shelf) -> None:
    with following(shelf):
        pass
    (own,) = shelf.state.rglob("model.onnx")
    own.write_bytes(onnx_times(9))
    with following(shelf) as server:
        assert answered_by(server) == 1
    (own,) = shelf.state.rglob("model.onnx")
    own.write_bytes(onnx_times(9))
    with away(shelf), pytest.raises(ServerError, match="not serving"):
        following(shelf, "--strict").__enter__()


def test_a_registry_that_was_never_there_may_come(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "registry")
    with away(shelf), pytest.raises(ServerError, match="not serving: m: the registry"):
        following(shelf, "--strict").__enter__()
    with away(shelf):
        waiting = following(shelf, "--model-control-mode", "explicit").__enter__()
    try:
        shelf.first("m")
        wait_for_stage(waiting, "m", 1, "serving")
        assert answered_by(waiting) == 1
    finally:
        waiting.stop()


def test_a_locked_registry_is_read_and_told_when_it_is_free(shelf: Shelf) -> None:
    with following(shelf) as server, Steady(server.grpc, "m") as steady:
        shelf.push_times("m", 2)
        shelf.point("m", 2)
        steady.expect(2)
        steady.wait_for(2)
        with locked(shelf):
            steady.expect(1)
            said = ask_server(server, "rollback", "m", "--reason", "too many alarms")
            assert "m went back from version 2 to 1 at once" in said
            assert "m stays on version 1 until it is unfrozen or its alias could" in said
            steady.wait_for(1)
            assert "too many alarms" in model_status(server, "m").frozen
        wait_until(lambda: model_status(server, "m").wanted == 1, "its alias is moved")
        wait_until(lambda: model_status(server, "m").frozen == "", "it follows again")


def test_a_rollback_without_the_registry_stays_and_is_told_when_it_is_back(
    shelf: Shelf,
) -> None:
    with following(shelf) as server:
        shelf.next("m", 2)
        wait_for_stage(server, "m", 2, "serving")
        with away(shelf):
            wait_until_lost(server)
            said = ask_server(server, "rollback", "m", "--reason", "wrong")
            assert "m stays on version 1 until it is unfrozen or its alias could" in said
            assert answered_by(server) == 1
    with away(shelf), following(shelf) as server:  # It is known after a restart, too.
        assert answered_by(server) == 1
    with following(shelf) as server:
        assert answered_by(server) == 1
        wait_until(lambda: model_status(server, "m").wanted == 1, "its alias is moved")
        wait_until(lambda: model_status(server, "m").frozen == "", "it follows again")
        with shelf.open() as there:
            pointer = there.pointer("m", "champion")
        assert (pointer.number, pointer.reason) == (1, "wrong")
        shelf.next("m", 3)
        wait_for_stage(server, "m", 3, "serving")


def test_an_alias_that_somebody_moved_meanwhile_is_left_to_people(shelf: Shelf) -> None:
    with following(shelf) as server:
        shelf.next("m", 2)
        wait_for_stage(server, "m", 2, "serving")
        hidden = Shelf(shelf.folder)
        with away(shelf):
            wait_until_lost(server)
            ask_server(server, "rollback", "m")
            hidden.folder = shelf.folder.with_name("hidden")
            hidden.next("m", 3)
        wait_until_back(server)
        line = wait_for_log(server, "m stays on version 1 until it is unfrozen")
        assert "moved to 3 by trainer" in line
        assert answered_by(server) == 1
        with shelf.open() as there:
            assert there.pointer("m", "champion").number == 3
        ask_server(server, "unfreeze", "m")
        wait_for_stage(server, "m", 3, "serving")
        assert answered_by(server) == 3


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda blob: blob.unlink(),
    "damaged": lambda blob: blob.write_bytes(b"\0" * len(blob.read_bytes())),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_blob_that_is_missing_or_damaged_never_serves(shelf: Shelf, how: str) -> None:
    with following(shelf) as server, Steady(server.grpc, "m", unary=1) as steady:
        shelf.push_times("m", 2)
        blob = shelf.blob("m", 2)
        whole = blob.read_bytes()
        blob.chmod(0o600)
        DAMAGES[how](blob)
        shelf.point("m", 2)
        wait_for_stage(server, "m", 2, "refused")
        assert how in why_of(server, "m", 2) or "blob" in why_of(server, "m", 2)
        steady.wait_for_more(20)
        assert model_status(server, "m").serving == 1
        steady.expect(2)
        blob.unlink(missing_ok=True)
        blob.write_bytes(whole)
        ask_server(server, "retry", "m")
        steady.wait_for(2)


def test_the_database_may_be_replaced_by_a_backup(shelf: Shelf, tmp_path: Path) -> None:
    from runtime.store.backup import backup, restore

    with following(shelf) as server:
        file = tmp_path / "backup"
        with shelf.open() as there:
            backup(there.store, file)
        shelf.next("m", 2)
        wait_for_stage(server, "m", 2, "serving")
        shelf.folder.rename(shelf.folder.with_name("lost"))
        wait_until_lost(server)
        restore(file, shelf.folder)
        wait_until_back(server)
        wait_for_stage(server, "m", 1, "serving")
        assert answered_by(server) == 1


def test_a_database_that_is_none_is_told_of(shelf: Shelf) -> None:
    with following(shelf) as server:
        for path in shelf.folder.glob(f"{DATABASE}*"):
            path.unlink()
        (shelf.folder / DATABASE).write_bytes(b"no database" * 1000)
        wait_until_lost(server)
        assert answered_by(server) == 1
