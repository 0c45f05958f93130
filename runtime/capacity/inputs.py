"""The requests that a run sends, serialized once: random ones, or from a person's file.

Random values are a function of the seed. They are valid for the datatype, which does not
make them meaningful to the model: one that looks up what it is given needs ``--data``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from runtime.backends.base import FREE, Array
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.encoding import fits, to_raw
from runtime.capacity.arrays import (
    Document,
    group,
    infer_tensors,
    read_document,
    take_entries,
)
from runtime.capacity.golden import Golden, read_goldens
from runtime.capacity.model import Model, Tensor
from runtime.capacity.scenario import Ask
from runtime.errors import ConfigError
from runtime.messages import ModelInferRequest

RANDOM_MESSAGES = 16
RANDOM_BYTES = 64 << 20
DATA_MESSAGES = 65_536
DATA_BYTES = 1 << 30
TEXT_BYTES = 8
PRINTABLE = (33, 127)


@dataclass(frozen=True, slots=True)
class Questions:
    """Serialized requests, the answers they must have if known, and notes on both."""

    messages: tuple[bytes, ...]
    goldens: tuple[tuple[Golden, ...], ...] = ()
    notes: tuple[str, ...] = ()


def narrow(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> Model:
    """Return the model with its inputs' free dimensions as the person chose them."""
    known = {tensor.name: tensor for tensor in model.inputs}
    for name, shape in shapes.items():
        if name not in known:
            names = ", ".join(map(repr, known)) or "none"
            raise ConfigError(
                f"--shape {name!r}: {model.name} has no such input; its inputs are {names}"
            )
        wanted = known[name].dims
        if not fits(wanted, shape) or min(shape, default=1) < 1:
            raise ConfigError(
                f"--shape {name} is {list(shape)}, the model expects {list(wanted)}"
                + (" after the batch dimension" if known[name].batches else "")
            )
        known[name] = replace(known[name], dims=shape)
    return replace(model, inputs=tuple(known.values()))


def random_values(
    tensor: Tensor, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    """Return valid values: normal, 0 to 99, true or false, or printable characters."""
    if tensor.datatype.startswith("FP") or tensor.datatype == "BF16":
        return rng.standard_normal(shape, np.float32)
    if tensor.datatype == "BYTES":
        codes = rng.integers(*PRINTABLE, (*shape, TEXT_BYTES), np.uint8)
        return codes.view(f"S{TEXT_BYTES}").reshape(shape)
    most = 2 if tensor.datatype == "BOOL" else 100
    return rng.integers(0, most, shape).astype(NUMPY_TYPES[tensor.datatype])


def make_message(model: Model, arrays: Mapping[str, Array], option: str) -> bytes:
    """Return one serialized ModelInferRequest with all of the model's inputs."""
    request = ModelInferRequest(model_name=model.name, model_version=model.version)
    for tensor in model.inputs:
        array = arrays[tensor.name]
        called = f"{option} {tensor.name}"
        request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=array.shape)
        request.raw_input_contents.append(to_raw(called, array, tensor.datatype))
    serialized: bytes = request.SerializeToString()
    return serialized


def make_random(model: Model, ask: Ask) -> Questions:
    """Return random requests; fewer distinct ones when they are large."""
    for tensor in model.inputs:
        if FREE in tensor.dims:
            sizes = ",".join(f"D{place}" for place in range(1, len(tensor.dims) + 1))
            raise ConfigError(
                f"input {tensor.name!r} of {model.name} has the shape {tensor.declared}; "
                f"give its free sizes as --shape {tensor.name}:{sizes}, or --data"
            )
    rng = np.random.default_rng(ask.seed)
    messages: list[bytes] = []
    while not messages or (
        len(messages) < RANDOM_MESSAGES
        and (len(messages) + 1) * len(messages[0]) <= RANDOM_BYTES
    ):
        arrays = {
            tensor.name: random_values(
                tensor, (ask.batch, *tensor.dims) if tensor.batches else tensor.dims, rng
            )
            for tensor in model.inputs
        }
        messages.append(make_message(model, arrays, "random"))
    return Questions(tuple(messages))


def read_data(model: Model, ask: Ask, document: Document) -> Questions:
    """Return the requests of ``--data``, in order, and what must be answered."""
    entries = take_entries(document, document.steps, f"{model.name}'s inputs", model.inputs)
    for tensor in model.inputs:
        if tensor.name not in entries:
            raise ConfigError(f"--data lacks {model.name}'s input {tensor.name!r}")
    rows = len(next(iter(entries.values())))
    if rows < ask.batch:
        raise ConfigError(f"--data has {rows} rows, fewer than --batch {ask.batch}")
    arrays = {
        name: group(f"--data {name}", found, ask.batch) if model.batches else found
        for name, found in entries.items()
    }
    count = rows // ask.batch
    made = (
        make_message(model, {name: arrays[name][at] for name in arrays}, "--data")
        for at in range(count)
    )
    messages: list[bytes] = []
    total = 0
    for message in islice(made, DATA_MESSAGES):
        messages.append(message)
        total += len(message)
        if total > DATA_BYTES:
            break
    goldens = read_goldens(ask, model, document, rows, count)[: len(messages)]
    notes = data_notes(rows, ask.batch, count, len(messages))
    return Questions(tuple(messages), tuple(map(tuple, goldens)), notes)


def data_notes(rows: int, batch: int, count: int, used: int) -> tuple[str, ...]:
    """Say what of the data is not sent."""
    notes = []
    if rows % batch:
        notes.append(
            f"the last {rows % batch} of {rows} rows of --data are not sent: they do not "
            f"fill a request of {batch}"
        )
    if used < count:
        notes.append(f"only the first {used} of {count} requests in --data are sent")
    return tuple(notes)


def check_model(model: Model, batch: int) -> None:
    """Raise ConfigError for a model that cannot be asked with so many rows."""
    if not model.inputs:
        raise ConfigError(
            f"{model.name} declares no inputs; give --data with their names, .npz or JSON"
        )
    unknown = [tensor for tensor in model.inputs if tensor.datatype not in NUMPY_TYPES]
    if unknown:
        raise ConfigError(
            f"input {unknown[0].name!r} of {model.name} has the datatype "
            f"{unknown[0].datatype!r}, which is none of KServe v2"
        )
    if batch > 1 and not model.batches:
        shapes = ", ".join(f"{t.name!r} {t.declared}" for t in model.inputs)
        raise ConfigError(
            f"--batch is {batch}, but {model.name} does not batch: its inputs are {shapes}"
        )


def make_questions(model: Model, ask: Ask) -> Questions:
    """Return what to ask a model; raises ConfigError for what does not fit it."""
    document = read_document(ask.data, "--data") if ask.data is not None else None
    if document is not None and not model.inputs:
        model = replace(model, inputs=infer_tensors(document))
    check_model(model, ask.batch)
    model = narrow(model, ask.shapes)
    return make_random(model, ask) if document is None else read_data(model, ask, document)
