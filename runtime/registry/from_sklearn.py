"""An estimator or pipeline of scikit-learn as an ONNX file; needs the package `skl2onnx`.

Features are one input ``X`` of FP32; of a table with named columns, each column is an input
of its own, as a ColumnTransformer asks for. Probabilities come out as a tensor.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.errors import ConfigError, ModelError
from runtime.registry.conversion import Arrays, Converted, as_array, cause
from runtime.registry.layout import lay_out

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

INPUT = "X"


def convert(model: BaseEstimator, sample: object, folder: Path) -> Converted:
    """Write a fitted estimator to a folder; ConfigError where its input is not known.

    Raises ModelError for what skl2onnx cannot convert.
    """
    try:
        from skl2onnx import to_onnx
    except ImportError as error:
        raise ConfigError(
            "a model of scikit-learn is pushed as ONNX: pip install skl2onnx"
        ) from error
    from sklearn.base import is_classifier

    arrays = columns_of(sample)
    types = [(name, tensor_type(array)) for name, array in arrays.items()]
    if not types:
        types = [(INPUT, _floats(count_of_features(model)))]
    options = {"zipmap": False} if is_classifier(model) else None
    try:
        made = to_onnx(model, initial_types=types, options=options)
    except Exception as error:
        raise ModelError(
            f"skl2onnx cannot convert this {type(model).__name__}: {cause(error)}; is it "
            "fitted, and all of it scikit-learn's own? Else convert it yourself and push "
            "the .onnx file"
        ) from error
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return Converted(lay_out(path), arrays)


def columns_of(sample: object) -> Arrays:
    """Return a sample as the model's inputs: FP32 and INT64 numbers, and text.

    Examples
    --------
    >>> columns_of([[1.0, 2.0]])["X"].dtype
    dtype('float32')
    """
    if sample is None:
        return {}
    names = getattr(sample, "columns", None)
    if names is None:
        array = as_array(sample)
        if array.ndim != 2:
            raise ConfigError(
                f"the sample has the shape {array.shape}; rows of features are due: (n, m)"
            )
        return {INPUT: _narrowed(array, whole=np.float32)}
    table: Any = sample
    return {
        str(name): _narrowed(as_array(table[name]), whole=np.int64).reshape(-1, 1)
        for name in names
    }


def _narrowed(array: np.ndarray[Any, Any], whole: type) -> np.ndarray[Any, Any]:
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return array.astype(whole) if array.dtype.kind in "iub" else array.astype(np.str_)


def tensor_type(array: np.ndarray[Any, Any]) -> object:
    """Return skl2onnx's type for rows like these."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    if array.dtype.kind == "f":
        return _floats(array.shape[1])
    kind = StringTensorType if array.dtype.kind == "U" else Int64TensorType
    return kind([None, array.shape[1]])


def _floats(count: int) -> object:
    from skl2onnx.common.data_types import FloatTensorType

    return FloatTensorType([None, count])


def count_of_features(model: BaseEstimator) -> int:
    """Return how many features a fitted model takes; ConfigError when it does not say."""
    try:
        return int(model.n_features_in_)
    except AttributeError as error:
        raise ConfigError(
            f"this {type(model).__name__} does not say how many features it takes: fit it "
            "first, or pass sample= with rows that it was fitted on"
        ) from error
