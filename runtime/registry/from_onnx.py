"""A model of the package `onnx` as a file that can be pushed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import ConfigError, ModelError
from runtime.registry.conversion import Converted, cause, named
from runtime.registry.layout import lay_out

if TYPE_CHECKING:
    import onnx

LARGEST_BYTES = 1 << 30
"""Of a model in one file: Protobuf ends at 2 GiB, and weights beside it load as fast."""


def convert(model: onnx.ModelProto, sample: object, folder: Path) -> Converted:
    """Write a model to a folder, with its weights beside it where they are large."""
    import onnx

    path = folder / "model.onnx"
    is_large = model.ByteSize() > LARGEST_BYTES
    try:
        # Saving with weights beside the file takes them out of the caller's model.
        written = _copy(model) if is_large else model
        onnx.save(written, path, save_as_external_data=is_large, location="model.data")
    except (ValueError, OSError) as error:
        raise ModelError(f"the model cannot be written: {cause(error)}") from error
    return Converted(lay_out(path), named(sample, input_names(model)))


def inputs_of_file(path: Path) -> list[str]:
    """Return the names of an ONNX file's inputs; ConfigError without the package `onnx`."""
    try:
        import onnx
    except ImportError as error:
        raise ConfigError(
            "pass sample={'name': array} with the names of the model's inputs, or install "
            "onnx, which can tell them"
        ) from error
    try:
        return input_names(onnx.load(path, load_external_data=False))
    except Exception as error:
        raise ModelError(f"{path} is no ONNX file: {cause(error)}") from error


def input_names(model: onnx.ModelProto) -> list[str]:
    """Return the names of what a request must bring: inputs that are no weights."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [tensor.name for tensor in model.graph.input if tensor.name not in weights]


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy
