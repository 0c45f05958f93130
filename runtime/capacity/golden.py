"""What the answers must be: a file's outputs, one list for each message.

Floating point is compared within a tolerance that the datatype sets, because the last bits
depend on the batch that a request ran in; everything else must be equal.
"""

from __future__ import annotations

from typing import TypeAlias

from runtime.backends.encoding import to_raw
from runtime.capacity.arrays import (
    Document,
    group,
    infer_tensors,
    read_document,
    take_entries,
)
from runtime.capacity.model import Model
from runtime.capacity.scenario import Ask
from runtime.errors import ConfigError

Golden: TypeAlias = tuple[str, str, tuple[int, ...], bytes, float, float]
"""Name, datatype, shape, raw bytes, relative and absolute tolerance of one output."""

TOLERANCES = {
    "FP16": (2e-2, 1e-3),
    "BF16": (2e-2, 1e-3),
    "FP32": (1e-3, 1e-5),
    "FP64": (1e-6, 1e-9),
}
EXACT = (0.0, 0.0)


def read_goldens(
    ask: Ask, model: Model, data: Document, rows: int, count: int
) -> list[list[Golden]]:
    """Return what each of `count` messages made of `rows` rows of data must answer.

    From ``--golden``, or from the data file's own ``validation_data``. Empty when there is
    neither. Outputs that the file does not have are not checked.
    """
    document, steps = data, data.answers
    if ask.golden is not None:
        document = read_document(ask.golden, "--golden")
        steps = document.answers or document.steps
    elif not steps:
        return []
    # The data's own arrays are inputs; only its answers are outputs.
    source = document if ask.golden is not None else Document(data.option)
    owner = f"{model.name}'s outputs"
    tensors = model.outputs or infer_tensors(source)
    entries = take_entries(source, steps, owner, tensors)
    if not entries:
        raise ConfigError(f"{source.option} has none of {owner}")
    goldens: list[list[Golden]] = [[] for _ in range(count)]
    for tensor in tensors:
        if tensor.name not in entries:
            continue
        called = f"{source.option} {tensor.name}"
        found = entries[tensor.name]
        wanted = rows if tensor.batches else count
        if len(found) != wanted:
            raise ConfigError(f"{called} has {len(found)} rows for {wanted} of --data")
        arrays = group(called, found, ask.batch) if tensor.batches else found
        tolerances = TOLERANCES.get(tensor.datatype, EXACT)
        for outputs, array in zip(goldens, arrays, strict=False):
            raw = to_raw(called, array, tensor.datatype)
            outputs.append((tensor.name, tensor.datatype, array.shape, raw, *tolerances))
    return goldens
