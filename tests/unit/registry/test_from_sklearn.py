"""Estimators become ONNX files that answer as they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runtime.errors import ConfigError, ModelError
from runtime.registry.from_sklearn import columns_of, convert

Rows = NDArray[np.float32]


@pytest.fixture
def rows(rng: np.random.Generator) -> Rows:
    return rng.normal(size=(60, 4)).astype(np.float32)


def answers(folder: Path, rows: Rows) -> list[Any]:
    """Return what the converted file answers."""
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    return list(session.run(None, {"X": rows}))


def test_a_classifier_gives_labels_and_probabilities(rows: Rows, tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(rows, rows[:, 0] > 0)
    convert(model, rows, tmp_path)
    label, probabilities = answers(tmp_path, rows)
    assert (label == model.predict(rows)).all()
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-5)


def test_a_regressor_gives_its_values(rows: Rows, tmp_path: Path) -> None:
    model = LinearRegression()
    model.fit(rows, rows.sum(axis=1))
    convert(model, None, tmp_path)
    (values,) = answers(tmp_path, rows)
    np.testing.assert_allclose(values[:, 0], model.predict(rows), atol=1e-5)


def test_the_same_model_is_the_same_file(rows: Rows, tmp_path: Path) -> None:
    model = LinearRegression().fit(rows, rows.sum(axis=1))
    files = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        convert(model, rows, tmp_path / place)
        files.append((tmp_path / place / "model.onnx").read_bytes())
    assert files[0] == files[1]


def test_a_model_that_was_not_fitted_does_not_say_its_features(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fit it\s+first"):
        convert(LinearRegression(), None, tmp_path)


def test_a_model_that_was_not_fitted_is_not_converted(rows: Rows, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"LinearRegression.*fitted"):
        convert(LinearRegression(), rows, tmp_path)


class Own(BaseEstimator):
    """An estimator that skl2onnx has never heard of."""


def test_an_estimator_of_ones_own_is_refused_with_what_to_do(
    rows: Rows, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"Own.*push\s+the \.onnx file"):
        convert(Own(), rows, tmp_path)


def test_doubles_become_singles() -> None:
    assert columns_of(np.zeros((2, 3)))["X"].dtype == np.float32


def test_one_dimension_is_no_rows() -> None:
    with pytest.raises(ConfigError, match=r"\(3,\)"):
        columns_of(np.zeros(3))


class Table:
    """Columns by name, as a table of pandas has them."""

    columns = ("age", "city", "income")

    def __getitem__(self, name: str) -> list[object]:
        values: dict[str, list[object]] = {
            "age": [3, 4],
            "city": ["a", "b"],
            "income": [1.5, 2.5],
        }
        return values[name]


def test_columns_of_a_table_are_inputs_of_their_own() -> None:
    found = columns_of(Table())
    kinds = {name: (array.dtype.kind, array.shape) for name, array in found.items()}
    assert kinds == {"age": ("i", (2, 1)), "city": ("U", (2, 1)), "income": ("f", (2, 1))}


def test_the_file_is_a_model_that_onnx_accepts(rows: Rows, tmp_path: Path) -> None:
    model = LinearRegression().fit(rows, rows.sum(axis=1))
    convert(model, rows, tmp_path)
    onnx.checker.check_model(str(tmp_path / "model.onnx"))
