"""What the wire layer promises about a ModelInferRequest, said again in Python.

Independent of csrc/wire: it starts from protobuf's own view of the message, so a test can
ask for every message what must be read, or which sentences may refuse it.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

UnknownFieldSet: Any = import_module("google.protobuf.unknown_fields").UnknownFieldSet
LENGTH = 2  # The wire type.

MAX_TENSORS = 1024
MAX_DIMS = 8

FIELDS = {
    "BOOL": ("bool_contents", "?"),
    "INT8": ("int_contents", "<i1"),
    "INT16": ("int_contents", "<i2"),
    "INT32": ("int_contents", "<i4"),
    "INT64": ("int64_contents", "<i8"),
    "UINT8": ("uint_contents", "<u1"),
    "UINT16": ("uint_contents", "<u2"),
    "UINT32": ("uint_contents", "<u4"),
    "UINT64": ("uint64_contents", "<u8"),
    "FP32": ("fp32_contents", "<f4"),
    "FP64": ("fp64_contents", "<f8"),
    "BYTES": ("bytes_contents", "S"),
}
"""Datatype -> its field of InferTensorContents, and numpy's name of an element."""

RAW_ONLY = ("FP16", "BF16")
KINDS = {
    "sequence_id": ("int64_param", "string_param"),
    "sequence_start": ("bool_param",),
    "sequence_end": ("bool_param",),
    "priority": ("uint64_param", "int64_param"),
    "timeout": ("int64_param", "uint64_param"),
    "triton_enable_empty_final_response": ("bool_param",),
}
SHARED_MEMORY = "shared_memory_"


def request_parameter_refusals(parameters: Any) -> Iterator[str]:
    """Which sentences may refuse the request for its own parameters."""
    for key, value in parameters.items():
        kind = value.WhichOneof("parameter_choice")
        if key not in KINDS:
            if key.startswith("triton_"):
                yield "is reserved: names that begin with 'triton_'"
            continue
        if kind not in KINDS[key]:
            yield f"^invalid value type for '{key}' parameter, expected {KINDS[key][0]}"
        elif key == "sequence_id" and getattr(value, kind):
            yield "sequences are not supported"
        elif key in ("priority", "timeout") and getattr(value, kind) < 0:
            yield f"^parameter '{key}' is -.*, expected 0 or more"


def tensor_parameter_refusals(parameters: Any, *, is_output: bool) -> Iterator[str]:
    """Which sentences may refuse a tensor for its parameters."""
    if any(key.startswith(SHARED_MEMORY) for key in parameters):
        yield "shared memory is not enabled on this server"
    if is_output and "classification" in parameters:
        choice = parameters["classification"]
        if choice.WhichOneof("parameter_choice") != "int64_param":
            yield "^invalid value type for 'classification' parameter"
        elif choice.int64_param <= 0:
            yield "asks for a classification of .* classes, expected 1 or more"


def contents_refusals(tensor: Any) -> Iterator[str]:
    """Which sentences may refuse typed contents."""
    count = 0 if 0 in tensor.shape else math.prod(tensor.shape)
    if count >= 2**63:
        yield "more elements than can be counted"
    if tensor.datatype not in FIELDS:
        yield "no contents field" if tensor.datatype in RAW_ONLY else "of KServe v2"
        return
    own = FIELDS[tensor.datatype][0]
    for field, _ in tensor.contents.ListFields():
        if field.name != own:
            yield f"has values in {field.name}, expected {own}"
    if len(getattr(tensor.contents, own)) != count:
        yield f"elements in {own}, expected {count} by its shape"


def input_refusals(tensor: Any, has_raw: bool, any_raw: bool) -> Iterator[str]:
    """Which sentences may refuse one input."""
    if len(tensor.shape) > MAX_DIMS:
        yield f"has {len(tensor.shape)} dimensions, expected at most {MAX_DIMS}"
    if any(dim < 0 for dim in tensor.shape):
        yield "has the dimension -[0-9]+, expected 0 or more"
    yield from tensor_parameter_refusals(tensor.parameters, is_output=False)
    if tensor.HasField("contents"):
        if any_raw:
            yield "but the request also has raw_input_contents"
        yield from contents_refusals(tensor)
    elif not has_raw:
        yield "has no data, expected contents or an entry"


def duplicate_refusals(what: str, names: list[str]) -> Iterator[str]:
    """Which sentence may refuse names that are not unique."""
    if len(set(names)) < len(names):
        yield f"^{what} '(.|\n)*' occurs more than once"


def has_entry_set_aside(request: Any) -> bool:
    """Tell whether a map entry is missing from protobuf's view.

    protobuf for Python puts an entry that holds an unknown field among the unknown fields
    of its message; protobuf for C++, and we, keep the entry and skip the field.
    """
    holders = [(request, 4), *((t, 4) for t in request.inputs)]
    holders += [(output, 2) for output in request.outputs]
    return any(
        (field.field_number, field.wire_type) == (number, LENGTH)
        for message, number in holders
        for field in UnknownFieldSet(message)
    )


def refusals(request: Any) -> list[str]:
    """Patterns of all sentences that may refuse this request; none: it must be read."""
    raw_count = len(request.raw_input_contents)
    found = list(request_parameter_refusals(request.parameters))
    for index, tensor in enumerate(request.inputs):
        found += input_refusals(tensor, index < raw_count, raw_count > 0)
    for output in request.outputs:
        found += tensor_parameter_refusals(output.parameters, is_output=True)
    if raw_count > len(request.inputs):
        found.append(f"^the request has {raw_count} entries of raw_input_contents")
    if len(request.inputs) > MAX_TENSORS:
        found.append("more than 1024 inputs")
    if len(request.outputs) > MAX_TENSORS:
        found.append("more than 1024 requested outputs")
    found += duplicate_refusals("input", [tensor.name for tensor in request.inputs])
    found += duplicate_refusals("requested output", [o.name for o in request.outputs])
    return found


def is_one_of(sentence: str, patterns: list[str]) -> bool:
    """Tell whether a refusal is one that the rules allow."""
    return any(re.search(pattern, sentence) for pattern in patterns)


def raw_of(tensor: Any) -> bytes:
    """Typed contents as the raw bytes of the same tensor."""
    field, element = FIELDS[tensor.datatype]
    values = getattr(tensor.contents, field)
    if element == "S":
        return b"".join(struct.pack("<I", len(value)) + value for value in values)
    if element in ("<f4", "<f8"):
        return float_bits(tensor.contents, len(values) * int(element[2:]))
    wide = np.array(list(values), np.uint64 if element.startswith("<u") else np.int64)
    return wide.astype(element).tobytes()


def float_bits(contents: Any, size: int) -> bytes:
    """Packed floats bit by bit: a Python float would lose the payload of a NaN."""
    known = type(contents).FromString(contents.SerializeToString())
    known.DiscardUnknownFields()
    packed: bytes = known.SerializeToString()
    return packed[len(packed) - size :]


def timeout_of(request: Any) -> int:
    """The parameter `timeout` in microseconds, 0 without one."""
    if "timeout" not in request.parameters:
        return 0
    value = request.parameters["timeout"]
    return int(getattr(value, value.WhichOneof("parameter_choice")))


def classes_of(request: Any) -> list[int]:
    """How many classes of each output are asked for, up to the last that is."""
    classes = [
        min(output.parameters["classification"].int64_param, 2**32 - 1)
        if "classification" in output.parameters
        else 0
        for output in request.outputs
    ]
    while classes and classes[-1] == 0:
        classes.pop()
    return classes


def view_of(request: Any) -> dict[str, Any]:
    """What must be read from a request that nothing refuses."""
    raw = list(request.raw_input_contents)
    return {
        "model_name": request.model_name,
        "model_version": request.model_version,
        "id": request.id,
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.shape),
                "raw": raw[index] if raw else raw_of(tensor),
            }
            for index, tensor in enumerate(request.inputs)
        ],
        "outputs": [output.name for output in request.outputs],
        "classes": classes_of(request),
        "raw_count": len(raw),
        "timeout_us": timeout_of(request),
    }
