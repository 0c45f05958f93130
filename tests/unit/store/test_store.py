"""The store: what is committed is there, the rest is not, readers see one moment."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from runtime.store import audit
from runtime.store.engine import DATABASE
from runtime.store.errors import (
    StoreCorrupt,
    StoreLocked,
    StoreMissing,
    StoreNewer,
)
from runtime.store.store import CHANGED, Store
from runtime.store.tables import models

ROW = {"policy": "{}", "frozen": "", "created_at": 1.0, "created_by": "ann"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "registry")
    yield store
    store.close()


def add(store: Store, name: str, *, quiet: bool = False) -> None:
    with store.writing("ann", quiet=quiet) as writing:
        row = {"namespace": writing.namespace, "name": name, **ROW}
        writing.connection.execute(models.insert().values(row))
        writing.record("registered", name, after={"name": name})


def fail_after_writing(store: Store) -> None:
    with store.writing("ann") as writing:
        row = {"namespace": writing.namespace, "name": "fraud", **ROW}
        writing.connection.execute(models.insert().values(row))
        writing.record("registered", "fraud")
        _ = 1 / 0


def names(store: Store) -> list[str]:
    with store.reading() as connection:
        return list(connection.execute(select(models.c.name)).scalars())


def test_what_was_written_is_there_with_its_row_of_the_log(store: Store) -> None:
    add(store, "fraud")
    assert names(store) == ["fraud"]
    with store.reading() as connection:
        [entry] = audit.entries(connection)
    assert (entry.actor, entry.action, entry.object, entry.before, entry.after) == (
        "ann", "registered", "fraud", "", '{"name":"fraud"}',
    )  # fmt: skip


def test_an_exception_undoes_the_change_and_its_row_of_the_log(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_after_writing(store)
    assert names(store) == []
    assert store.audit_head() == audit.EMPTY


def test_a_statement_that_is_wrong_says_so_itself(store: Store) -> None:
    add(store, "fraud")
    with pytest.raises(IntegrityError):
        add(store, "fraud")
    assert store.audit_head().seq == 1


def test_making_a_store_where_one_is_opens_it(store: Store) -> None:
    add(store, "fraud")
    again = Store.create(store.folder)
    assert names(again) == ["fraud"]
    again.close()


def test_many_make_one_store_at_the_same_time(tmp_path: Path) -> None:
    made: list[Store] = []
    threads = [
        threading.Thread(target=lambda: made.append(Store.create(tmp_path / "r")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [names(store) for store in made] == [[]] * 6
    for store in made:
        store.close()


def test_a_folder_without_a_store_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match=r"holds no store; name another folder"):
        Store.open(tmp_path)


def test_a_database_without_tables_is_no_store(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()
    with pytest.raises(StoreMissing):
        Store.open(tmp_path)
    store = Store.create(tmp_path)
    assert names(store) == []
    store.close()
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreCorrupt, match=r"is damaged .*restore a backup"):
        Store.open(tmp_path)


def test_a_reader_sees_one_moment_while_others_write(store: Store) -> None:
    add(store, "fraud")
    with store.reading() as connection:
        add(store, "churn")
        assert connection.execute(select(func.count()).select_from(models)).scalar() == 1
    assert names(store) == ["churn", "fraud"]


def test_a_second_writer_gives_up_after_the_timeout(store: Store) -> None:
    impatient = Store.open(store.folder, timeout_s=0.01)
    with store.writing("ann"), pytest.raises(StoreLocked, match=r"is locked: .*try again"):
        add(impatient, "fraud")
    add(impatient, "fraud")
    assert names(impatient) == ["fraud"]
    impatient.close()


def test_threads_that_write_wait_for_each_other(store: Store) -> None:
    threads = [
        threading.Thread(target=add, args=(store, f"m{number}")) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as connection:
        checked = audit.verify(connection)
    assert (checked.rows, checked.faults) == (12, ())


def test_a_store_that_is_upgraded_under_a_running_program_is_refused(store: Store) -> None:
    raw = sqlite3.connect(store.folder / DATABASE)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()
    with pytest.raises(StoreNewer, match=r"revision 9999.*up to 0001"):
        add(store, "fraud")
    with pytest.raises(StoreNewer):
        names(store)
    with pytest.raises(StoreNewer):
        Store.open(store.folder)


def changed(store: Store) -> bytes:
    return (store.folder / CHANGED).read_bytes()


def test_a_change_is_told_to_watchers(store: Store) -> None:
    before = changed(store)
    add(store, "fraud")
    assert changed(store) != before


def test_a_quiet_change_or_none_is_not_told(store: Store) -> None:
    before = changed(store)
    add(store, "fraud", quiet=True)
    with store.writing("ann"):
        pass
    assert changed(store) == before


def test_nobody_being_told_does_not_fail_the_change(store: Store) -> None:
    (store.folder / CHANGED).unlink()
    (store.folder / CHANGED).mkdir()
    add(store, "fraud")
    assert names(store) == ["fraud"]


def test_the_head_of_the_log_is_in_the_servers_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "runtime.store"):
        add(store, "fraud")
        names(store)
    [line] = [r for r in caplog.records if getattr(r, "event", "") == "audit_head"]
    assert line.getMessage() == f"audit head is {store.audit_head()}"


def test_what_cannot_be_text_is_written_as_escapes(store: Store) -> None:
    with store.writing("a\udcff") as writing:
        writing.record("x", "y", details="\ud800")
    with store.reading() as connection:
        [entry] = audit.entries(connection)
        assert audit.verify(connection).faults == ()
    assert (entry.actor, entry.details) == ("a\\udcff", "\\ud800")


def test_the_folder_is_not_for_everybody(store: Store) -> None:
    assert store.folder.stat().st_mode & 0o007 == 0


def test_a_folder_that_is_gone_is_missing_and_may_come_back(store: Store) -> None:
    add(store, "fraud")
    away = store.folder.with_name("away")
    store.folder.rename(away)
    with pytest.raises(StoreMissing):
        names(store)
    with pytest.raises(StoreMissing):
        add(store, "churn")
    away.rename(store.folder)
    add(store, "churn")
    assert names(store) == ["churn", "fraud"]


def test_another_store_in_the_place_of_the_first_is_what_is_used(store: Store) -> None:
    add(store, "fraud")
    store.folder.rename(store.folder.with_name("away"))
    Store.create(store.folder).close()
    assert names(store) == []
    add(store, "churn")
    assert names(store) == ["churn"]


def test_a_clock_of_whole_seconds_is_a_clock(store: Store) -> None:
    store.clock = lambda: 7
    add(store, "fraud")
    with store.reading() as connection:
        assert audit.verify(connection).faults == ()
