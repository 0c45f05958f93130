"""What a server knows of its own: written whole, read back, held by one server only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.models.swapping.local_state import (
    FETCHING,
    NOTHING,
    STATE,
    VERSIONS,
    Frozen,
    Known,
    LocalState,
)
from tests.unit.models.swapping.fake_hands import NOON, pointer

FROZEN = Frozen(1, "a" * 64, "an \x1b[31maudit\u2028", "ana", NOON, 7, stays=True)
KNOWN = Known(pointer(2, 9, previous=1), 1, "a" * 64, FROZEN)
A, B = "a" * 64, "b" * 64


def test_a_new_folder_knows_nothing(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "deep" / "folder")
    assert state.known("fraud") == NOTHING
    state.close()


def test_all_that_was_known_is_known_after_a_restart(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    state.set("fraud", KNOWN)
    state.set("spam", Known())
    state.close()
    again = LocalState(tmp_path)
    assert (again.known("fraud"), again.known("spam")) == (KNOWN, NOTHING)
    again.close()
    assert (tmp_path / STATE).stat().st_mode & 0o777 == 0o600


def test_what_has_not_changed_is_not_written(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    state.set("fraud", KNOWN)
    before = (tmp_path / STATE).stat().st_ino
    state.set("fraud", KNOWN)
    assert (tmp_path / STATE).stat().st_ino == before
    state.close()


def test_a_write_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "s")
    state.set("fraud", KNOWN)
    (tmp_path / "s").rename(tmp_path / "moved")
    with pytest.raises(OSError, match="No such file"):
        state.set("fraud", Known())
    assert state.known("fraud") == KNOWN
    (tmp_path / "moved").rename(tmp_path / "s")
    state.close()
    assert LocalState(tmp_path / "s").known("fraud") == KNOWN


def test_one_server_at_a_time_has_the_folder(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    with pytest.raises(ConfigError, match=r"in use by another server.*--state-dir"):
        LocalState(tmp_path)
    state.close()
    LocalState(tmp_path).close()


def test_a_folder_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot hold the server's state.*--state-dir"):
        LocalState(tmp_path / "file")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"models": []}',
        '{"models": {"fraud": {}}}',
        '{"models": {"fraud": 3}}',
        '{"models": {"fraud": {"pointer": {"colour": 1}, "number": 1, "digest": "",'
        ' "frozen": null}}}',
        "\udcff",
    ],
)
def test_a_damaged_file_is_told_and_the_folder_is_free_again(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / STATE).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=r"state\.json cannot be read.*remove it"):
        LocalState(tmp_path)
    (tmp_path / STATE).unlink()
    LocalState(tmp_path).close()


def test_a_file_of_before_a_field_was_there_can_be_read(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    state.set("fraud", KNOWN)
    state.close()
    values = json.loads((tmp_path / STATE).read_text())
    del values["models"]["fraud"]["frozen"]["stays"]
    (tmp_path / STATE).write_text(json.dumps(values))
    state = LocalState(tmp_path)
    frozen = state.known("fraud").frozen
    assert frozen is not None
    assert (frozen.number, frozen.stays) == (1, False)
    state.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[LocalState]:
    state = LocalState(tmp_path)
    yield state
    state.close()


def put(state: LocalState, digest: str, model: str = "fraud", number: int = 1) -> Path:
    """Fetch a version with one file; returns where that is."""
    scratch = state.begin(digest, model)
    (scratch / str(number)).mkdir()
    (scratch / str(number) / "model.onnx").write_text(f"{digest} {number}")
    return state.finish(scratch, digest) / str(number) / "model.onnx"


def versions(state: LocalState) -> set[str]:
    return {path.name for path in (state.folder / VERSIONS).iterdir()}


def test_a_fetched_version_is_where_it_belongs_in_a_folder_of_its_models_name(
    state: LocalState,
) -> None:
    file = put(state, A)
    assert file.parents[1] == state.place(A, "fraud")
    assert file.parents[1].name == "fraud"
    assert versions(state) == {f"{A}-fraud"}


def test_a_version_that_is_fetched_again_takes_the_place_of_the_damaged_one(
    state: LocalState,
) -> None:
    put(state, A).write_text("damaged")
    assert put(state, A).read_text() == f"{A} 1"


def test_versions_that_share_a_digest_leave_each_other_alone(state: LocalState) -> None:
    one, two = put(state, A, number=1), put(state, A, number=2)
    assert (one.read_text(), two.read_text()) == (f"{A} 1", f"{A} 2")
    state.keep("fraud", {A})
    assert one.exists()
    assert two.exists()


def test_models_that_share_a_digest_leave_each_other_alone(state: LocalState) -> None:
    fraud, spam = put(state, A, "fraud"), put(state, A, "spam")
    state.keep("fraud", set())
    assert not fraud.exists()
    assert spam.exists()


def test_only_what_is_needed_is_kept(state: LocalState) -> None:
    put(state, A)
    put(state, B)
    put(state, A, "fraud*")
    scratch = state.begin("c" * 64, "fraud")
    state.keep("fraud", {B})
    assert versions(state) == {
        f"{B}-fraud", f"{A}-fraud*", scratch.parent.name
    }  # fmt: skip


def test_a_fetch_begins_with_an_empty_folder(state: LocalState) -> None:
    (state.begin(A, "fraud") / "half").write_text("")
    assert list(state.begin(A, "fraud").iterdir()) == []


def test_what_a_crash_left_of_a_fetch_is_removed(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    (state.begin(A, "fraud") / "half").write_text("")
    whole = put(state, B)
    state.close()
    state = LocalState(tmp_path)
    assert not any(name.startswith(FETCHING) for name in versions(state))
    assert whole.exists()
    state.close()
