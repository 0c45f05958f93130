"""Data out of nannyml's wheel: their shapes and types, and a wheel that is none."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import MeasurementError
from runtime.testing import nannyml_data as data
from tests.known_statistics import known, wheel_or_skip


def shape(columns: data.Columns) -> list[int]:
    [rows] = {column.size for column in columns.values()}
    return [rows, len(columns)]


def test_car_loans_have_their_known_shapes() -> None:
    loans = data.car_loan(wheel_or_skip())
    found = [shape(t) for t in (loans.reference, loans.analysis, loans.labels)]
    assert found == known()["nannyml"]["shapes"]
    assert list(loans.reference) == known()["nannyml"]["columns"]
    assert loans.reference["repaid_loan_on_prev_car"].dtype == bool
    assert loans.reference["salary_range"].dtype.kind == "U"


def test_districts_are_where_they_were() -> None:
    housing = data.california_housing(wheel_or_skip())
    assert shape(housing.reference)[0] == 5_832
    assert shape(housing.analysis)[0] == shape(housing.labels)[0] == 8_232
    assert np.ptp(housing.reference["Latitude"]) > 1


def test_the_census_has_its_rows() -> None:
    pytest.importorskip("pyarrow", reason="the census is parquet")
    answers = data.census(wheel_or_skip())
    assert shape(answers.reference)[0] == 68_785
    assert shape(answers.analysis)[0] == shape(answers.labels)[0] == 208_892
    assert "RELP" in answers.reference


def test_a_wheel_without_the_table_is_told(tmp_path: Path) -> None:
    wheel = tmp_path / data.WHEEL
    with pytest.raises(
        MeasurementError, match=r"gives no synthetic_car_loan_reference.csv"
    ):
        data.car_loan(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{data.FOLDER}/one.csv", "a,b\n1,x\n,y\n")
    assert data.find_wheel(tmp_path) == wheel
    assert data.table(wheel, "one.csv")["b"].tolist() == ["x", "y"]
    with pytest.raises(MeasurementError, match="gives no two"):
        data.table(wheel, "two.csv")
    wheel.write_bytes(b"no zip")
    with pytest.raises(MeasurementError, match="not a zip file"):
        data.table(wheel, "one.csv")
