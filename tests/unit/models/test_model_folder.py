"""A model's folder: only files within it, only small texts, always a clear word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.models.model_folder import MOST_BYTES, ModelFolder


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    (tmp_path / "models/m").mkdir(parents=True)
    return ModelFolder(tmp_path / "models/m", tmp_path / "models")


def test_a_text_is_read_without_its_byte_order_mark(folder: ModelFolder) -> None:
    (folder.path / "a").write_bytes(b"\xef\xbb\xbfx\n")
    assert folder.text("a") == "x\n"


def test_the_longest_text_is_read_and_a_longer_one_refused(folder: ModelFolder) -> None:
    (folder.path / "a").write_bytes(b"x" * MOST_BYTES)
    assert len(folder.text("a")) == MOST_BYTES
    (folder.path / "a").write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(ConfigError, match=r"m/a is longer than 1048576 bytes"):
        folder.text("a")


def test_bytes_that_are_no_text_are_refused(folder: ModelFolder) -> None:
    (folder.path / "a").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="m/a is no UTF-8 text"):
        folder.text("a")


@pytest.mark.parametrize("name", ["", ".", "/etc/passwd", "../x", "a/../b", "a\0b"])
def test_a_name_that_points_elsewhere_is_refused(folder: ModelFolder, name: str) -> None:
    with pytest.raises(ConfigError, match="is no path within the model's folder"):
        folder.file(name)


@pytest.mark.parametrize("name", ["none", "d", "pipe", "x" * 300, "\udcff\ud800"])
def test_what_is_no_file_is_refused(folder: ModelFolder, name: str) -> None:
    (folder.path / "d").mkdir()
    os.mkfifo(folder.path / "pipe")
    with pytest.raises(ConfigError, match=r"is not there, or is no file|cannot be read"):
        folder.text(name)


def test_a_link_stays_in_the_repository(folder: ModelFolder, tmp_path: Path) -> None:
    (folder.root / "shared.txt").write_text("a\nb")
    (tmp_path / "secret.txt").write_text("c")
    (folder.path / "in").symlink_to("../shared.txt")
    (folder.path / "out").symlink_to("../../secret.txt")
    (folder.path / "loop").symlink_to("loop")
    assert folder.labels("in") == ("a", "b")
    with pytest.raises(
        ConfigError, match=r"m/out leads to .*secret.txt, out of the reposi"
    ):
        folder.labels("out")
    with pytest.raises(ConfigError, match="m/loop"):
        folder.labels("loop")


def test_a_file_of_labels_lists_at_least_one(folder: ModelFolder) -> None:
    (folder.path / "none").touch()
    with pytest.raises(ConfigError, match="m/none lists no class; it has one a line"):
        folder.labels("none")


def test_a_sample_is_one_row_long(folder: ModelFolder) -> None:
    (folder.path / "x").write_bytes(bytes(6))
    assert folder.sample("x", "FP16", (3,)) == folder.path / "x"
    assert folder.sample("x", "BYTES", (1,)) == folder.path / "x"
    with pytest.raises(ConfigError, match=r"m/x has 6 bytes; one row of FP32 .3. has 12"):
        folder.sample("x", "FP32", (3,))
