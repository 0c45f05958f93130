"""Inputs to try a model with: made from its signature, or taken from a person's file.

Made values are tame, because nobody said what the model expects: floats between 0.05 and
1, integers and booleans 0 or 1 (valid embedding indices), bytes "0" or "1". Of these the
second half of the rows is the opposite of the first: rows half a batch apart differ.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.backends.base import FREE, Array, Signature, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES, bf16_from_float
from runtime.backends.memory import admits
from runtime.errors import ConfigError

Warmup = Mapping[str, Array]


def make_values(
    spec: TensorSpec, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    """Return tame random values of a datatype."""
    if spec.datatype.startswith("FP"):
        return rng.uniform(0.05, 1.0, shape).astype(NUMPY_TYPES[spec.datatype])
    if spec.datatype == "BF16":
        return bf16_from_float(rng.uniform(0.05, 1.0, shape))
    bits = rng.integers(0, 2, shape)
    if shape[:1] > (1,):
        half = shape[0] // 2
        bits[half : 2 * half] = 1 - bits[:half]
    if spec.datatype == "BYTES":
        return np.array([b"0", b"1"], dtype=object)[bits]
    return bits.astype(NUMPY_TYPES[spec.datatype])


def take_rows(values: Array, rows: int) -> Array:
    """Return `rows` rows, going round when there are fewer.

    Each new round is rolled along the last axis: rows must differ for a proof that they do
    not mix, and rolled values are still of the kind that was given.
    """
    if values.shape[0] == 0:
        return np.zeros((rows, *values.shape[1:]), values.dtype)
    rounds = [
        np.roll(values, turn, axis=-1) if values.ndim > 1 and turn else values
        for turn in range(-(-rows // values.shape[0]))
    ]
    return np.concatenate(rounds)[:rows]


def make_inputs(
    signature: Signature, rows: int | None, seed: int = 0, warmup: Warmup | None = None
) -> dict[str, Array] | None:
    """Return inputs of `rows` rows (None: a model that does not batch), or None.

    None means that a free dimension cannot be guessed and no warm-up file gives it.
    """
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    for spec in signature.inputs:
        if warmup is not None:
            if spec.name not in warmup:
                continue
            given = warmup[spec.name]
            made[spec.name] = given if rows is None else take_rows(given, rows)
            continue
        shape = spec.shape if rows is None else (rows, *spec.shape[1:])
        if FREE in shape:
            return None
        made[spec.name] = make_values(spec, shape, rng)
    return made


def as_declared(values: Array, spec: TensorSpec) -> Array:
    """Return an array of a file as the signature has it; text becomes `bytes` objects."""
    if spec.datatype != "BYTES":
        return np.ascontiguousarray(values).reshape(values.shape)
    texts = [
        v if isinstance(v, bytes) else str(v).encode() for v in values.ravel().tolist()
    ]
    answer = np.empty(len(texts), dtype=object)
    answer[:] = texts
    return answer.reshape(values.shape)


def read_arrays(path: Path) -> dict[str, Array]:
    """Return the arrays of a ``.npz`` file; raises ConfigError."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return dict(file)
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path} is not a readable .npz file: {error}") from error


def read_warmup(path: Path, signature: Signature) -> dict[str, Array]:
    """Read a ``.npz`` of inputs by name and check it against a signature.

    Raises ConfigError naming the tensor, what came and what was expected.
    """
    arrays = read_arrays(path)
    unknown = set(arrays) - {spec.name for spec in signature.inputs}
    if unknown:
        raise ConfigError(f"{path}: the model has no input {min(unknown)!r}")
    checked: dict[str, Array] = {}
    for spec in signature.inputs:
        if spec.name not in arrays:
            if spec.optional:
                continue
            raise ConfigError(f"{path}: input {spec.name!r} is missing")
        checked[spec.name] = as_declared(arrays[spec.name], spec)
        refuse_other(path, checked[spec.name], spec)
    if signature.batchable and len({values.shape[0] for values in checked.values()}) != 1:
        raise ConfigError(f"{path}: inputs differ in their number of rows")
    return checked


def refuse_other(path: Path, values: Array, spec: TensorSpec) -> None:
    """Raise ConfigError unless values have a declaration's datatype and shape."""
    if values.dtype != NUMPY_TYPES[spec.datatype] or not admits(spec, values.shape):
        raise ConfigError(
            f"{path}: input {spec.name!r} is {values.dtype} {values.shape}, the model "
            f"expects {spec.datatype} ({NUMPY_TYPES[spec.datatype]}) {spec.shape}"
        )
