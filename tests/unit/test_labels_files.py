"""Labels read from files: three formats, what may be left out, errors with their line."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import ConfigError
from runtime.labels_files import FileLabel, kind_of, read_labels


def read(path: Path, model: str = "fraud", texts: bool = False) -> list[FileLabel]:
    return list(read_labels(path, kind_of(path), model, texts))


def test_csv_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "value,other,request_id,row,time\n1,x,r1,,\nyes,,r2,3,60.5\n0.5,,r3,0,1970-01-02\n"
    )
    assert read(path) == [
        FileLabel(2, "fraud", "r1", 0, 1.0, None),
        FileLabel(3, "fraud", "r2", 3, "yes", 60.5),
        FileLabel(4, "fraud", "r3", 0, 0.5, 86_400.0),
    ]
    assert [each.value for each in read(path, texts=True)] == ["1", "yes", "0.5"]


def test_a_row_may_name_its_model(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("model,request_id,label\nspam,r1,1\n,r2,1\n")
    assert [each.model for each in read(path)] == ["spam", "fraud"]


def test_json_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows: list[dict[str, Any]] = [
        {"request_id": "r1", "value": True},
        {"request_id": 7, "value": 2.5, "row": 1, "time": 60},
        {"request_id": "r3", "label": "cat", "time": "1970-01-01T01:00:00+01:00"},
    ]
    path.write_text("\n\n".join(json.dumps(row) for row in rows))
    found = [(each.line, each.request_id, each.value, each.time_s) for each in read(path)]
    assert found == [(1, "r1", 1.0, None), (3, "7", 2.5, 60.0), (5, "r3", "cat", 0.0)]


def test_parquet_is_read(tmp_path: Path) -> None:
    pyarrow: Any = pytest.importorskip("pyarrow", reason="parquet needs it")
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"request_id": ["r1", "r2"], "value": [0, 1], "row": [None, 2]})
    import_module("pyarrow.parquet").write_table(table, path)
    assert read(path) == [
        FileLabel(1, "fraud", "r1", 0, 0.0, None),
        FileLabel(2, "fraud", "r2", 2, 1.0, None),
    ]
    path.write_bytes(b"PAR1 and nothing")
    with pytest.raises(ConfigError, match="is no parquet file"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.csv", "request_id,value\nr1,\n", "a.csv, line 2: no value is there"),
        ("a.csv", "id,value\nr1,1\n", "line 2: no request is named"),
        ("a.csv", "request_id,value,row\nr1,1,x\n", "line 2: invalid literal"),
        ("a.csv", f"request_id,value,row\nr1,1,{2**70}\n", "is not between 0 and"),
        ("a.jsonl", '{"request_id": "\\ud800", "value": 1}', "line 1: .*surrogates"),
        ("a.csv", "request_id,value,time\nr1,1,noon\n", "line 2: Invalid isoformat"),
        ("a.jsonl", '{"request_id": "r1"}', "line 1: no value is there"),
        ("a.jsonl", '{"request_id": ', "line 1 is no JSON"),
        ("a.jsonl", "[1]", "line 1 is no object"),
        ("a.txt", "", "is not known by its ending; say --format"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, name: str, content: str, why: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigError, match=why):
        read(path)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"request_id,value\n\xff,1\n")
    with pytest.raises(ConfigError, match="is not text in UTF-8"):
        read(tmp_path / "bad.csv")


def test_a_row_without_any_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("request_id,value\nr1,1\n")
    with pytest.raises(ConfigError, match="no model is named"):
        read(path, model="")
