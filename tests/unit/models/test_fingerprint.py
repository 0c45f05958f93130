"""Fingerprints: equal while nothing changes, different however a file is replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.models.fingerprint import scan


def put(root: Path, name: str, text: str = "") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "m/1/model.onnx", "one")
    put(tmp_path, "m/2/model.onnx", "two")
    put(tmp_path, "m/2/data/weights.bin")
    put(tmp_path, "m/config.pbtxt")
    put(tmp_path, "m/warmup/x.bin")
    put(tmp_path, "n/1/model.onnx")
    put(tmp_path, "lone/leeboard.yaml")
    put(tmp_path, "empty/README")
    return tmp_path


ALL = {("m", "1"), ("m", "2"), ("n", "1"), ("lone", "1")}


def changed(before: dict[tuple[str, str], object], root: Path) -> set[tuple[str, str]]:
    after = scan(root)
    return {key for key in before.keys() | after if before.get(key) != after.get(key)}


def test_all_versions_are_there_and_stay_equal(root: Path) -> None:
    assert scan(root).keys() == ALL
    assert scan(root) == scan(root)


def test_the_time_of_a_change_counts_to_the_nanosecond(root: Path) -> None:
    before = scan(root)
    path = root / "m/2/model.onnx"
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert changed(dict(before), root) == {("m", "2")}


def test_a_file_that_is_renamed_into_place_counts(root: Path) -> None:
    before, path = scan(root), root / "m/2/model.onnx"
    status = path.stat()
    other = put(root, "m/2/.scratch", "owt")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(path)
    assert changed(dict(before), root) == {("m", "2")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m/2/data/weights.bin", {("m", "2")}),
        ("m/2/data/more.bin", {("m", "2")}),
        ("m/config.pbtxt", {("m", "1"), ("m", "2")}),
        ("m/labels.txt", {("m", "1"), ("m", "2")}),
        ("m/warmup/x.bin", {("m", "1"), ("m", "2")}),
        ("m/3/model.onnx", {("m", "3")}),
        ("lone/model.onnx", {("lone", "1")}),
        ("lone/shop/factory.py", {("lone", "1")}),
        ("later/config.pbtxt", {("later", "")}),
        ("m/.hidden", set()),
        ("m/2/.partial", set()),
        ("m/.3/model.onnx", set()),
        ("m/2/__pycache__/model.cpython-311.pyc", set()),
        ("m/src/code.py", set()),
        ("empty/more", set()),
        ("loose", set()),
    ],
)
def test_what_belongs_to_a_version_changes_it(
    root: Path, name: str, expected: set[tuple[str, str]]
) -> None:
    before = scan(root)
    put(root, name, "other")
    assert changed(dict(before), root) == expected


def test_a_version_that_is_gone_is_gone(root: Path) -> None:
    before = scan(root)
    (root / "n/1").rename(root / "n/.1")
    assert changed(dict(before), root) == {("n", "1")}


def test_a_link_to_nothing_is_no_error(root: Path) -> None:
    before = scan(root)
    (root / "n/1/weights").symlink_to("nowhere")
    assert changed(dict(before), root) == set()


def test_a_linked_file_counts_by_what_it_leads_to(root: Path) -> None:
    (root / "n/1/weights").symlink_to("../../loose")
    before = scan(root)
    put(root, "loose", "other")
    assert changed(dict(before), root) == {("n", "1")}


def test_one_file_and_one_models_folder_are_scanned_too(root: Path) -> None:
    assert scan(root / "m").keys() == {("m", "1"), ("m", "2")}
    (entry,) = scan(root / "m/1/model.onnx")[("model", "1")]
    assert entry[:2] == (str(root / "m/1/model.onnx"), 3)


def test_a_path_that_is_not_there_cannot_be_scanned(root: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere cannot be read"):
        scan(root / "nowhere")
