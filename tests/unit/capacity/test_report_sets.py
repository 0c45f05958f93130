"""Reports out of files, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.capacity.report_sets import is_set, pair_sets, read_set
from runtime.errors import ConfigError


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("10", "02", "01"):
        write(tmp_path / f"{name}.json", {"x": int(name)})
    write(tmp_path / "notes.txt", "nothing")
    assert [run.report["x"] for run in read_set(tmp_path)] == [1, 2, 10]


def test_a_file_holds_one_report_or_a_list(tmp_path: Path) -> None:
    one = write(tmp_path / "one.json", {"x": 1})
    two = write(tmp_path / "two.json", [{"x": 1}, {"x": 2}])
    assert (len(read_set(one)), len(read_set(two))) == (1, 2)


def test_a_report_is_named_by_its_file_and_place(tmp_path: Path) -> None:
    two = write(tmp_path / "two.json", [{"x": 1}, {"x": 2}])
    assert read_set(two)[1].name == f"{two}[1]"


def test_sets_of_different_size_are_an_error(tmp_path: Path) -> None:
    one = write(tmp_path / "one.json", {"x": 1})
    two = write(tmp_path / "two.json", [{"x": 1}, {"x": 2}])
    with pytest.raises(ConfigError, match=r"one\.json has 1 reports and .*two\.json has 2"):
        pair_sets(one, two)


@pytest.mark.parametrize("content", ["words", [1, 2], None])
def test_json_that_is_no_report_is_an_error(tmp_path: Path, content: object) -> None:
    path = write(tmp_path / "x.json", content)
    with pytest.raises(ConfigError, match="neither a report nor a list"):
        read_set(path)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ConfigError, match=r"x\.json is not JSON"):
        read_set(tmp_path)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no \*\.json"):
        read_set(tmp_path)


def test_a_file_that_is_not_there_is_not_taken_for_a_command() -> None:
    assert is_set("nowhere.json")
    with pytest.raises(ConfigError, match=r"cannot read nowhere\.json: No such file"):
        read_set(Path("nowhere.json"))


@pytest.mark.parametrize("text", ["measure --json {json}", "./measure", "cat a.json"])
def test_a_command_is_not_a_set(text: str) -> None:
    assert not is_set(text)
