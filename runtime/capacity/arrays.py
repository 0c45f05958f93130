"""Arrays out of a person's file, cut into what one request carries.

Read are ``.npy`` (a model with one tensor), ``.npz`` and JSON: either names with nested
lists, or perf_analyzer's ``--input-data`` form, whose ``data`` has one row of a batching
model, or one request of another, in each step. What does not fit the model is refused in
words that name the tensor.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from runtime.backends.base import FREE, Array
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.encoding import fits, from_raw
from runtime.capacity.model import Tensor
from runtime.errors import ConfigError

Step = Mapping[str, Any]
Entries = dict[str, list[Array]]
"""For each tensor the rows of a batching model, or the whole tensors of another."""

ONLY = ""
"""The name in a ``.npy`` file, which has none."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds: arrays by name, or steps and the answers to them.

    `option` is how the person gave the file, for errors.
    """

    option: str
    arrays: Mapping[str, Array] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    answers: Sequence[Step] = ()


def flatten_steps(called: str, steps: object) -> list[Step]:
    """Return perf_analyzer's steps, of all its streams, in order."""
    listed = steps if isinstance(steps, list) else [steps]
    found: list[Any] = []
    for step in listed:
        found += flatten_steps(called, step) if isinstance(step, list) else [step]
    if not all(isinstance(step, dict) for step in found):
        raise ConfigError(f"{called} has steps that are no objects of tensors")
    return found


def has_steps(value: object) -> bool:
    """Whether a JSON value is perf_analyzer's list of steps, not a tensor called data."""
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, dict)


def from_json(option: str, content: object) -> Document:
    """Return a JSON file's content."""
    if not isinstance(content, dict):
        raise ConfigError(f"{option} is no JSON object with the tensors' names")
    keys = [key for key in ("data", "validation_data") if has_steps(content.get(key))]
    if not keys:
        return Document(option, {name: np.asarray(v) for name, v in content.items()})
    steps, answers = (
        flatten_steps(f"{option}: {key}", content[key]) if key in keys else []
        for key in ("data", "validation_data")
    )
    return Document(option, steps=steps, answers=answers)


def read_document(path: Path, option: str) -> Document:
    """Read a file of arrays; its ending says what it is.

    `option` names it in errors. Raises ConfigError for a file that cannot be read.
    """
    try:
        if path.suffix == ".json":
            return from_json(option, json.loads(path.read_text(encoding="utf-8")))
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return Document(option, {ONLY: np.lib.format.read_array(file)})
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return Document(option, dict(arrays))
    except (OSError, ValueError, EOFError, TypeError, BadZipFile) as error:
        raise ConfigError(f"{option} {path}: {error}") from error
    raise ConfigError(f"{option} {path} is neither .npy, .npz nor .json")


def take_array(called: str, tensor: Tensor, array: Array) -> list[Array]:
    """Return the entries of an array: one, or as many as its extra first dimension has."""
    if fits(tensor.dims, array.shape):
        return [array]
    if array.ndim == len(tensor.dims) + 1 and fits(tensor.dims, array.shape[1:]):
        return list(array)
    raise ConfigError(
        f"{called} has shape {list(array.shape)}, the model expects {tensor.declared}"
    )


def datatype_of(array: Array) -> str:
    """Return the KServe datatype of an array; texts and objects are BYTES.

    Examples
    --------
    >>> datatype_of(np.zeros(2, np.float32)), datatype_of(np.array(["a"]))
    ('FP32', 'BYTES')
    """
    names = {dtype: name for name, dtype in NUMPY_TYPES.items() if name != "BF16"}
    return names.get(array.dtype, "BYTES")


def infer_tensors(document: Document) -> tuple[Tensor, ...]:
    """Return the tensors of a file for a server that declares none, as MLServer may.

    The file's names and dtypes count, and the first dimension is taken for the batch.
    """
    return tuple(
        Tensor(name, datatype_of(array), array.shape[1:], True)
        for name, array in document.arrays.items()
        if name != ONLY
    )


def read_value(tensor: Tensor, value: object) -> Array:
    """Return a JSON value: a nested or flat list, or content or bytes with a shape."""
    shape: Sequence[int] = tensor.dims
    if isinstance(value, dict):
        shape = value.get("shape", shape)
        if "b64" in value:
            raw = base64.b64decode(value["b64"], validate=True)
            return from_raw(raw, tensor.datatype, tuple(shape))
        value = value["content"]
    array = np.asarray(value)
    is_flat = FREE not in shape and array.size == prod(shape)
    return array.reshape(shape) if is_flat else array


def take_step(called: str, tensor: Tensor, value: object) -> Array:
    """Return one step's tensor, without the batch dimension."""
    try:
        array = read_value(tensor, value)
    except (ValueError, TypeError, struct.error) as error:
        raise ConfigError(f"{called}: {error}") from error
    except KeyError as error:
        raise ConfigError(f"{called} has neither 'content' nor 'b64'") from error
    if not fits(tensor.dims, array.shape):
        raise ConfigError(
            f"{called} has shape {list(array.shape)}, the model expects {list(tensor.dims)}"
            " in each step"
        )
    return array


def take_steps(option: str, tensor: Tensor, steps: Sequence[Step]) -> list[Array]:
    """Return a tensor of all steps, which must all have it; none if none does."""
    has = [tensor.name in step for step in steps]
    if any(has) and not all(has):
        raise ConfigError(f"{option} lacks {tensor.name!r} in step {has.index(False)}")
    called = f"{option} {tensor.name}"
    return [take_step(called, tensor, step[tensor.name]) for step in steps if any(has)]


def check_names(
    option: str, owner: str, names: Iterable[str], tensors: Sequence[Tensor]
) -> None:
    """Raise ConfigError for a name that is none of the tensors'."""
    known = [tensor.name for tensor in tensors]
    for name in names:
        if name not in known:
            names = ", ".join(map(repr, known)) or "none"
            raise ConfigError(f"{option} has {name!r}; {owner} are {names}")


def take_entries(
    document: Document, steps: Sequence[Step], owner: str, tensors: Sequence[Tensor]
) -> Entries:
    """Return the entries of each tensor that a file has.

    `owner` is whose tensors they are, like "the input of fraud". Raises ConfigError when
    something does not fit, or when tensors have different numbers of entries.
    """
    option = document.option
    arrays = dict(document.arrays)
    if ONLY in arrays and len(tensors) == 1:
        arrays = {tensors[0].name: arrays[ONLY]}
    if ONLY in arrays:
        raise ConfigError(f"{option} is one array, {owner} are {len(tensors)}; give .npz")
    check_names(option, owner, arrays, tensors)
    for step in steps:
        check_names(option, owner, step, tensors)
    entries: Entries = {}
    for tensor in tensors:
        if tensor.name in arrays:
            called = f"{option} {tensor.name}"
            entries[tensor.name] = take_array(called, tensor, arrays[tensor.name])
        elif found := take_steps(option, tensor, steps):
            entries[tensor.name] = found
    counts = {name: len(found) for name, found in entries.items()}
    if len(set(counts.values())) > 1:
        raise ConfigError(f"{option} has different numbers of rows: {counts}")
    return entries


def group(called: str, rows: Sequence[Array], batch: int) -> list[Array]:
    """Return whole batches of rows, in order; what is left over is dropped."""
    try:
        return [
            np.stack(rows[at : at + batch]) for at in range(0, len(rows) - batch + 1, batch)
        ]
    except ValueError as error:
        raise ConfigError(
            f"{called} has rows of different shapes in one request; --batch 1 keeps them "
            "apart"
        ) from error
