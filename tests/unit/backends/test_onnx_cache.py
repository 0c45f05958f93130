"""The cache of prepared models: private, told apart when damaged, bounded, never fatal."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runtime.backends import onnx_cache
from runtime.backends.onnx_cache import (
    EXTERNAL_DATA_MARK,
    Entry,
    default_folder,
    file_digest,
    find_entry,
    instruction_sets,
    is_self_contained,
    prune,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that stands for a model."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"model")
    return path


def entry_for(model: Path, made_by: str = "1.0") -> Entry:
    """Return the model's entry in a cache beside it."""
    entry = find_entry(model, model.parent / "cache", made_by)
    assert entry is not None
    return entry


def fill(entry: Entry, content: bytes = b"prepared") -> Entry:
    """Put a prepared model into an entry."""
    written = entry.new_file()
    assert written is not None
    written.write_bytes(content)
    entry.adopt(written)
    return entry


def test_an_entry_is_intact_once_filled(model: Path) -> None:
    entry = entry_for(model)
    assert not entry.is_intact()
    fill(entry)
    assert entry_for(model).is_intact()
    assert entry.model.read_bytes() == b"prepared"


def test_the_folder_is_closed_to_others(model: Path) -> None:
    folder = entry_for(model).model.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_open_to_others_is_not_used(model: Path) -> None:
    folder = entry_for(model).model.parent
    folder.chmod(0o750)
    assert find_entry(model, model.parent / "cache", "1.0") is None


def test_a_link_to_a_folder_is_not_used(model: Path) -> None:
    real = model.parent / "real"
    real.mkdir(mode=0o700)
    (model.parent / "cache").mkdir()
    (model.parent / "cache" / "onnx").symlink_to(real)
    assert find_entry(model, model.parent / "cache", "1.0") is None


def test_another_file_or_another_maker_has_another_entry(model: Path) -> None:
    first = entry_for(model)
    assert entry_for(model, "1.1") != first
    model.write_bytes(b"other")
    assert entry_for(model) != first


@pytest.mark.parametrize("content", [b"", b"prepareX", b"prepared and more"])
def test_a_damaged_model_is_not_intact(model: Path, content: bytes) -> None:
    entry = fill(entry_for(model))
    entry.model.write_bytes(content)
    assert not entry.is_intact()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0" * 64])
def test_a_damaged_digest_is_not_intact(model: Path, content: bytes) -> None:
    entry = fill(entry_for(model))
    entry.digest.write_bytes(content)
    assert not entry.is_intact()


def test_filling_leaves_no_other_file(model: Path) -> None:
    entry = fill(entry_for(model))
    assert set(entry.model.parent.iterdir()) == {entry.model, entry.digest}


def test_no_cache_where_the_folder_cannot_be_made(model: Path) -> None:
    (model.parent / "file").write_bytes(b"")
    assert find_entry(model, model.parent / "file", "1.0") is None


def test_adopting_a_file_that_is_gone_leaves_no_entry(model: Path) -> None:
    entry = entry_for(model)
    written = entry.new_file()
    assert written is not None
    written.unlink()
    entry.adopt(written)
    assert not entry.is_intact()


def test_a_model_too_large_has_no_entry(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_cache, "MOST_BYTES", 4)
    assert find_entry(model, model.parent / "cache", "1.0") is None


def test_weights_in_another_file_are_seen(model: Path) -> None:
    assert is_self_contained(model)
    model.write_bytes(b"..." + EXTERNAL_DATA_MARK + b"\x07weights")
    assert not is_self_contained(model)


def test_the_longest_unused_entries_go_first(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_cache, "MOST_ENTRIES", 2)
    entries = [fill(entry_for(model, made_by)) for made_by in ("a", "b")]
    for age, entry in enumerate(entries):
        os.utime(entry.model, (1000 + age, 1000 + age))
    assert entries[0].is_intact()
    fill(entry_for(model, "c"))
    assert [entry.is_intact() for entry in entries] == [True, False]


def test_the_bytes_of_all_entries_are_bounded(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = fill(entry_for(model))
    monkeypatch.setattr(onnx_cache, "MOST_TOTAL_BYTES", 3)
    prune(entry.model.parent)
    assert list(entry.model.parent.iterdir()) == []


def test_a_digest_is_sha256(model: Path) -> None:
    digest = "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4"
    assert file_digest(model) == digest


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/leeboard")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path.home() / ".cache" / "leeboard"


@pytest.mark.parametrize("label", ["flags\t\t", "Features\t"])
def test_instruction_sets_are_read_as_the_kernel_lists_them(
    tmp_path: Path, label: str
) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text(f"processor\t: 0\n{label}: fpu sse avx2\n\nprocessor\t: 1\n")
    assert instruction_sets(listing) == "fpu sse avx2"
    assert instruction_sets(tmp_path / "none") == ""
