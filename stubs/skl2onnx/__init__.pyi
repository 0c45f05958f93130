from collections.abc import Mapping, Sequence

from onnx import ModelProto
from sklearn.base import BaseEstimator

def to_onnx(
    model: BaseEstimator,
    X: object = ...,
    *,
    name: str | None = None,
    initial_types: Sequence[tuple[str, object]] | None = None,
    options: Mapping[str, object] | None = None,
) -> ModelProto: ...
