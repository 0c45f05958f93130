"""The commands about a registry's store: what they print and when they say no."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runtime.cli import app
from runtime.errors import ConfigError
from runtime.store.engine import DATABASE
from runtime.store.errors import StoreMissing
from runtime.store.store import Store
from runtime.store_commands import backup_store, restore_store

WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1", "LEEBOARD_REGISTRY": ""}
MOMENT = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "registry")
    store.clock = lambda: MOMENT
    for number, name in enumerate(("fraud", "fraud/1", "churn"), 1):
        with store.writing("a[red]n\x1b[2J") as writing:
            writing.record("did", name, None, {"n": number}, f"so {number}")
    yield store
    store.close()


def leeboard(*arguments: object) -> Any:
    return CliRunner(env=WIDE).invoke(app, [str(argument) for argument in arguments])


def cut(store: Store) -> None:
    with closing(sqlite3.connect(store.folder / DATABASE)) as raw, raw:
        raw.execute("DROP TRIGGER audit_no_DELETE")
        raw.execute("DELETE FROM audit WHERE seq = 3")


def test_the_log_is_shown_with_words_that_can_hide_nothing(store: Store) -> None:
    done = leeboard("audit", "show", "--registry", store.folder)
    assert done.exit_code == 0
    rows = [
        [cell.strip() for cell in line.split("\N{BOX DRAWINGS LIGHT VERTICAL}")[1:-1]]
        for line in done.output.splitlines()
        if "did" in line and "so" in line
    ]
    when = "2027-01-15T08:00:00+00:00"
    assert rows == [
        ["1", when, "a[red]n\\x1b[2J", "did", "fraud", "so 1"],
        ["2", when, "a[red]n\\x1b[2J", "did", "fraud/1", "so 2"],
        ["3", when, "a[red]n\\x1b[2J", "did", "churn", "so 3"],
    ]


def seqs(store: Store, *more: str) -> list[int]:
    done = leeboard("audit", "show", "--registry", store.folder, "--json", *more)
    return [row["seq"] for row in json.loads(done.output)]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [1, 2, 3]),
        (["--object", "fraud"], [1, 2]),
        (["--limit", "1"], [3]),
        (["--since", "2027-01-15"], [1, 2, 3]),
        (["--since", "2027-01-16"], []),
    ],
)
def test_rows_are_chosen(store: Store, options: list[str], found: list[int]) -> None:
    assert seqs(store, *options) == found


def test_json_has_what_was_before_and_after(store: Store) -> None:
    done = leeboard("audit", "show", "--registry", store.folder, "--json", "--limit", "1")
    [row] = json.loads(done.output)
    assert (row["before"], row["after"], row["actor"]) == (
        None, {"n": 3}, "a[red]n\x1b[2J",
    )  # fmt: skip


def test_a_moment_that_is_none_is_our_error(store: Store) -> None:
    done = leeboard("audit", "show", "--registry", store.folder, "--since", "yesterday")
    assert isinstance(done.exception, ConfigError)
    assert "'yesterday' is no ISO date" in str(done.exception)


def test_a_whole_log_is_said_to_be_whole(store: Store) -> None:
    head = store.audit_head()
    done = leeboard("audit", "verify", "--registry", store.folder, "--head", head)
    assert done.exit_code == 0
    assert done.output == f"the log of {store.folder} is whole: 3 rows, head {head}\n"


def test_a_cut_log_is_exit_status_one(store: Store) -> None:
    cut(store)
    done = leeboard("audit", "verify", "--registry", store.folder)
    assert done.exit_code == 1
    assert "the log ends at row 2, but had 3: its end was cut off" in done.output
    done = leeboard("audit", "verify", "--registry", store.folder, "--json")
    assert done.exit_code == 1
    found = json.loads(done.output)
    assert (found["rows"], len(found["faults"])) == (2, 1)


def test_the_folder_can_come_from_the_variable(store: Store) -> None:
    runner = CliRunner(env={**WIDE, "LEEBOARD_REGISTRY": str(store.folder)})
    assert runner.invoke(app, ["audit", "verify"]).exit_code == 0


@pytest.mark.parametrize(
    "command", [["audit", "show"], ["audit", "verify"], ["db", "status"], ["db", "upgrade"]]
)
def test_a_folder_without_a_store_is_our_error(tmp_path: Path, command: list[str]) -> None:
    done = leeboard(*command, "--registry", tmp_path)
    assert isinstance(done.exception, StoreMissing)
    assert "holds no store" in str(done.exception)


def revise(store: Store, revision: str) -> None:
    with closing(sqlite3.connect(store.folder / DATABASE)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = ?", [revision])


def test_the_status_says_both_revisions(store: Store) -> None:
    done = leeboard("db", "status", "--registry", store.folder)
    words = "revision 0001, which is what this program needs"
    assert done.output == f"{store.folder}: {words}\n"
    done = leeboard("db", "status", "--registry", store.folder, "--json")
    assert json.loads(done.output) == {"revision": "0001", "needed": "0001"}
    revise(store, "9999")
    done = leeboard("db", "status", "--registry", store.folder)
    assert "revision 9999 of a newer program; this one needs 0001" in done.output


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_an_upgrade_of_what_is_up_to_date_says_so(store: Store, options: list[str]) -> None:
    done = leeboard("db", "upgrade", "--registry", store.folder, *options)
    assert done.output == f"{store.folder} has revision 0001 already\n"


def test_a_backup_and_a_restore_say_what_is_in_them(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.blobs.put_bytes(b"abc")
    backup_store(store.folder, tmp_path / "b.tar")
    restore_store(tmp_path / "b.tar", tmp_path / "again")
    taken, made = capsys.readouterr().out.splitlines()
    head = store.audit_head()
    assert taken.startswith(f"{tmp_path / 'b.tar'}: the database and 1 blobs, ")
    assert taken.endswith(f"audit head {head}")
    assert made == (
        f"{tmp_path / 'again'}: the database and 1 blobs, held to their digests; audit "
        f"head {head}"
    )


def test_the_folder_is_named_as_for_the_registry_or_in_full(store: Store) -> None:
    for option in ("--dir", "--registry"):
        assert leeboard("audit", "verify", option, store.folder).exit_code == 0
        assert leeboard("registry", option, store.folder, "list").exit_code == 0
