"""Inputs that a person gave for trying a model: warm-up samples and golden pairs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.backends.base import Array, Signature, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.declared import Fill, Sample, SampleTensor
from runtime.backends.memory import admits
from runtime.backends.sample import as_declared, make_values, read_arrays, refuse_other
from runtime.errors import ConfigError
from runtime.rawbytes import unpack_elements

INPUT, OUTPUT = "input:", "output:"
"""What a golden file's array names begin with."""


def read_golden(
    path: Path, signature: Signature
) -> tuple[dict[str, Array], list[dict[str, Array]]]:
    """Return inputs and the responses expected to them, checked against a signature.

    The file holds arrays named ``input:NAME`` and ``output:NAME``; outputs may be left out.
    Of a decoupled model ``output:NAME[2]`` is the third response's. Raises ConfigError
    naming the tensor.
    """
    arrays = read_arrays(path)
    inputs = taken_from(path, arrays, INPUT, "", signature.inputs)
    responses: list[dict[str, Array]] = []
    while not responses or responses[-1]:
        suffix = f"[{len(responses)}]" if signature.decoupled else ""
        responses.append(taken_from(path, arrays, OUTPUT, suffix, signature.outputs))
    responses.pop()
    if arrays:
        raise ConfigError(
            f"{path}: {min(arrays)!r} is no tensor of the model; names are {INPUT}NAME "
            f"and {OUTPUT}NAME" + ("[0], ..." if signature.decoupled else "")
        )
    missing = [s.name for s in signature.inputs if s.name not in inputs and not s.optional]
    if missing or not responses:
        what = f"{INPUT}{missing[0]}" if missing else "every output"
        raise ConfigError(f"{path}: {what} is missing")
    # A response may have any number of rows.
    outputs = [] if signature.decoupled else responses[0].values()
    lengths = {values.shape[:1] for values in (*inputs.values(), *outputs)}
    if signature.batchable and len(lengths) > 1:
        raise ConfigError(f"{path}: tensors differ in their number of rows")
    return inputs, responses


def taken_from(
    path: Path,
    arrays: dict[str, Array],
    prefix: str,
    suffix: str,
    specs: Sequence[TensorSpec],
) -> dict[str, Array]:
    """Take the arrays that are called as tensors are out of a file's, by tensor."""
    found: dict[str, Array] = {}
    for spec in specs:
        values = arrays.pop(f"{prefix}{spec.name}{suffix}", None)
        if values is not None:
            found[spec.name] = as_declared(values, spec)
            refuse_other(path, found[spec.name], spec)
    return found


def sample_inputs(sample: Sample, signature: Signature, seed: int) -> dict[str, Array]:
    """Return the arrays of a warm-up sample; raises ConfigError naming the tensor."""
    specs = {spec.name: spec for spec in signature.inputs}
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    for tensor in sample.tensors:
        if tensor.name not in specs:
            raise ConfigError(
                f"warm-up {sample.name!r}: the model has no input {tensor.name!r}"
            )
        shape = (sample.rows, *tensor.dims) if sample.rows else tensor.dims
        spec = specs[tensor.name]
        if tensor.datatype != spec.datatype or not admits(spec, shape):
            raise ConfigError(
                f"warm-up {sample.name!r}: {tensor.name!r} is {tensor.datatype} "
                f"{list(shape)}, the model expects {spec.datatype} {list(spec.shape)}"
            )
        made[tensor.name] = fill(tensor, spec, shape, rng)
    missing = [s.name for s in signature.inputs if s.name not in made and not s.optional]
    if missing:
        raise ConfigError(f"warm-up {sample.name!r}: input {missing[0]!r} is missing")
    return made


def fill(
    tensor: SampleTensor,
    spec: TensorSpec,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Array:
    """Return one tensor of a sample."""
    if tensor.fill is Fill.RANDOM:
        return make_values(spec, shape, rng)
    if tensor.fill is Fill.ZERO:
        if spec.datatype == "BYTES":
            return np.full(shape, b"", dtype=object)
        return np.zeros(shape, NUMPY_TYPES[spec.datatype])
    assert tensor.file is not None, "a sample out of a file names it"
    try:
        raw = tensor.file.read_bytes()
    except OSError as error:
        raise ConfigError(f"warm-up file {tensor.file} cannot be read: {error}") from error
    try:
        if spec.datatype == "BYTES":
            count = int(np.prod(tensor.dims))
            row = unpack_elements(memoryview(raw), 0, count)
        else:
            row = np.frombuffer(raw, NUMPY_TYPES[spec.datatype])
        return np.broadcast_to(row.reshape(tensor.dims), shape).copy()
    except (ValueError, struct.error) as error:
        raise ConfigError(
            f"warm-up file {tensor.file} does not hold {spec.datatype} {list(shape)}: "
            f"{error}"
        ) from error
