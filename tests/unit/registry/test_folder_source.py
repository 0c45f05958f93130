"""A folder of models as a registry: what is seen, moved and heard."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.registry import folder_aliases
from runtime.registry.folder_source import FolderSource
from runtime.registry.source import RegistryError, RegistryUnavailable, Source

ALIASES = ".aliases"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the versions 2 and 10 of one model."""
    for number in (2, 10):
        publish(tmp_path / "fraud" / str(number), b"weights %d" % number)
    return tmp_path


@pytest.fixture
def source(root: Path) -> Iterator[Source]:
    source = FolderSource(root)
    yield source
    source.close()


def publish(version: Path, content: bytes = b"weights") -> None:
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(content)


def set_alias(root: Path, alias: str, text: str) -> Path:
    path = root / "fraud" / ALIASES / alias
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_latest_is_the_highest_number_not_the_last_name(source: Source) -> None:
    assert source.look("fraud", "latest").number == 10


def test_a_number_that_no_server_holds_is_no_version(root: Path, source: Source) -> None:
    publish(root / "fraud" / ("9" * 19))
    assert source.look("fraud", "latest").number == 10


def test_a_version_that_is_still_written_is_not_seen(root: Path, source: Source) -> None:
    publish(root / "fraud" / ".11")
    (root / "fraud" / "12").mkdir()
    (root / "fraud" / "13").mkdir()
    (root / "fraud" / "13" / ".model.onnx.part").write_bytes(b"half")
    publish(root / "fraud" / "014")
    assert source.look("fraud", "latest").number == 10


def test_a_version_is_seen_once_it_was_renamed_into_place(
    root: Path, source: Source
) -> None:
    before = source.look("fraud", "latest")
    publish(root / "fraud" / ".11")
    (root / "fraud" / ".11").rename(root / "fraud" / "11")
    after = source.look("fraud", "latest")
    assert after.number == 11
    assert after.generation > before.generation


def test_latest_goes_back_with_a_generation_of_its_own(root: Path, source: Source) -> None:
    before = source.look("fraud", "latest")
    (root / "fraud" / "10").rename(root / "fraud" / ".gone")
    back = source.look("fraud", "latest")
    (root / "fraud" / ".gone").rename(root / "fraud" / "10")
    again = source.look("fraud", "latest")
    assert [back.number, again.number] == [2, 10]
    assert before.generation < back.generation < again.generation


def test_files_that_are_changed_in_place_move_the_alias(root: Path, source: Source) -> None:
    before = source.look("fraud", "latest")
    (root / "fraud" / "10" / "model.onnx").write_bytes(b"other wei")
    after = source.look("fraud", "latest")
    assert after.digest != before.digest
    assert after.generation > before.generation


def test_latest_cannot_be_moved(source: Source) -> None:
    with pytest.raises(RegistryError, match="always the highest version"):
        source.move("fraud", "latest", 2, 0, "ann", "")


@pytest.mark.parametrize("text", ["", "two", "-2", "02", "2.0", "9" * 40, "\0"])
def test_an_alias_without_a_number_is_refused_by_its_file(
    text: str, root: Path, source: Source
) -> None:
    path = set_alias(root, "champion", text)
    with pytest.raises(RegistryError, match=str(path)):
        source.look("fraud", "champion")


def test_an_alias_of_a_version_that_is_gone_is_refused(root: Path, source: Source) -> None:
    set_alias(root, "champion", "3")
    with pytest.raises(RegistryError, match="no version 3"):
        source.look("fraud", "champion")


@pytest.mark.parametrize("name", ["..", ".aliases", "a/b", "", "fraud/../fraud"])
def test_names_lead_nowhere_else(name: str, source: Source) -> None:
    with pytest.raises(RegistryError):
        source.look(name, "latest")
    with pytest.raises(RegistryError):
        source.look("fraud", name)


def test_a_link_out_of_the_folder_is_refused(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not for models")
    (root / "fraud" / "2" / "weights.bin").symlink_to(secret)
    with pytest.raises(RegistryError, match="out of"):
        FolderSource(root).manifest("fraud", 2)


def test_a_move_says_who_and_why(root: Path, source: Source) -> None:
    source.move("fraud", "champion", 2, 0, "ann@laptop", "first\none")
    pointer = FolderSource(root).look("fraud", "champion")
    assert (pointer.moved_by, pointer.reason) == ("ann@laptop", "first\\none")
    assert (root / "fraud" / ALIASES / "champion").read_text().startswith("2\n")


def test_a_move_to_where_it_points_changes_nothing(root: Path, source: Source) -> None:
    first = source.move("fraud", "champion", 2, 0, "ann", "")
    moved = source.move("fraud", "champion", 10, first.generation, "ann", "")
    assert source.move("fraud", "champion", 10, moved.generation, "bob", "") == moved
    assert moved.previous == 2


def test_a_generation_grows_though_the_clock_went_back(root: Path, source: Source) -> None:
    path = set_alias(root, "champion", "2")
    future = 4_000_000_000_000_000_000
    os.utime(path, ns=(future, future))
    before = source.look("fraud", "champion")
    after = source.move("fraud", "champion", 10, before.generation, "ann", "")
    assert before.generation == future
    assert FolderSource(root).look("fraud", "champion").generation == after.generation
    assert after.generation > future


def test_a_conflict_says_who_moved_it(source: Source) -> None:
    source.move("fraud", "champion", 2, 0, "ann@laptop", "")
    with pytest.raises(RegistryError, match="ann@laptop pointed it at 2"):
        source.move("fraud", "champion", 10, 5, "bob", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: publish(root / "loans" / "1"),
        lambda root: publish(root / "fraud" / "11"),
        lambda root: set_alias(root, "champion", "2"),
        lambda root: (root / "fraud").rename(root / "theft"),
    ],
    ids=["a model", "a version", "an alias", "a model goes"],
)
def test_changes_are_heard(
    change: Callable[[Path], object], root: Path, source: Source
) -> None:
    source.look("fraud", "latest")
    descriptor = source.watch()
    assert descriptor >= 0
    assert not select.select([descriptor], [], [], 0)[0]
    change(root)
    assert select.select([descriptor], [], [], 20)[0]


def test_a_folder_that_is_gone_is_an_outage(tmp_path: Path) -> None:
    source = FolderSource(tmp_path / "models")
    with pytest.raises(RegistryUnavailable, match="models"):
        source.look("fraud", "latest")


def test_the_framework_is_that_of_the_model_file(root: Path, source: Source) -> None:
    (root / "fraud" / "10" / "helper.py").write_text("")
    assert source.manifest("fraud", 10).framework == "onnx"


def test_of_many_who_move_at_once_one_does(root: Path) -> None:
    before = FolderSource(root).move("fraud", "champion", 2, 0, "ann", "")

    def try_it(place: int) -> bool:
        source = FolderSource(root)
        try:
            source.move("fraud", "champion", 10, before.generation, f"nr {place}", "")
        except RegistryError:
            return False
        finally:
            source.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(try_it, range(8))) == 1


def test_a_lock_that_is_kept_is_an_outage(
    root: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_aliases, "LOCK_S", 0.0)
    with (
        folder_aliases.locked(root / "fraud"),
        pytest.raises(RegistryUnavailable, match="locked"),
    ):
        source.move("fraud", "champion", 2, 0, "ann", "")
