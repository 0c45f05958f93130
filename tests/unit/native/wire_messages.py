"""Requests for the wire tests: valid ones of every kind, oddly encoded, and broken."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from runtime import messages
from tests.unit.native.wire_rules import FIELDS, RAW_ONLY

LENGTH, FIXED32, FIXED64 = 2, 5, 1
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool_contents": st.booleans(),
    "int_contents": st.integers(-(2**31), 2**31 - 1),
    "int64_contents": st.integers(-(2**63), 2**63 - 1),
    "uint_contents": st.integers(0, 2**32 - 1),
    "uint64_contents": st.integers(0, 2**64 - 1),
    "fp32_contents": st.floats(width=32),
    "fp64_contents": st.floats(),
    "bytes_contents": st.binary(max_size=6),
}
PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "bool_param": st.booleans(),
    "int64_param": st.integers(-(2**63), 2**63 - 1),
    "string_param": st.text(max_size=5),
    "double_param": st.floats(),
    "uint64_param": st.integers(0, 2**64 - 1),
}
KEYS = st.one_of(
    st.text(max_size=4),
    st.sampled_from(
        [
            *("timeout", "priority", "sequence_id", "sequence_start", "sequence_end"),
            *("headers", "binary_data_output", "classification", "shared_memory_region"),
            *("triton_enable_empty_final_response", "triton_other"),
        ]
    ),
)
RIGHT_UTF8 = (
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf4\x8f\xbf\xbf",
)
WRONG_UTF8 = (
    b"\x80",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xc2",
    b"\xc2\x7f",
    b"\xe0\x9f\xbf",
    b"\xe0\xa0",
    b"\xed\xa0\x80",
    b"\xed\xaf\xbf",
    b"\xed\xb0\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xf0\x90\x8f",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
)
NAMES = st.text(max_size=5)
SHAPES = st.lists(st.sampled_from([0, 1, 1, 2, 2, 3]), max_size=3)


def varint(value: int) -> bytes:
    """Encode as protobuf does; negative values in two's complement of 64 bits."""
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | LENGTH) + varint(len(payload)) + payload


def set_parameter(parameters: Any, key: str, kind: str, value: object) -> None:
    setattr(parameters[key], kind, value)


@st.composite
def parameter(draw: st.DrawFn) -> tuple[str, str, object]:
    kind = draw(st.sampled_from(sorted(PARAMETERS)))
    return draw(KEYS), kind, draw(PARAMETERS[kind])


@st.composite
def valid_parameter(draw: st.DrawFn) -> tuple[str, str, object]:
    """A parameter of a request that no rule refuses."""
    custom = st.tuples(st.text(max_size=4).map("x".__add__), parameter()).map(
        lambda pair: (pair[0], pair[1][1], pair[1][2])
    )
    numbers = st.integers(0, 2**63 - 1)
    kinds = st.sampled_from(["int64_param", "uint64_param"])
    reserved = st.one_of(
        st.tuples(st.sampled_from(["timeout", "priority"]), kinds, numbers),
        st.just(("sequence_id", "int64_param", 0)),
        st.just(("sequence_id", "string_param", "")),
        st.just(("sequence_end", "bool_param", True)),
        st.just(("triton_enable_empty_final_response", "bool_param", True)),
    )
    return draw(st.one_of(custom, reserved))


@st.composite
def inputs(draw: st.DrawFn, typed: bool) -> Any:
    datatypes = sorted(FIELDS) if typed else [*sorted(FIELDS), *RAW_ONLY]
    tensor = messages.ModelInferRequest.InferInputTensor(
        name=draw(NAMES),
        datatype=draw(st.sampled_from(datatypes)),
        shape=draw(SHAPES),
    )
    if typed:
        name = FIELDS[tensor.datatype][0]
        size = math.prod(tensor.shape)
        tensor.contents.SetInParent()
        getattr(tensor.contents, name).extend(
            draw(st.lists(VALUES[name], min_size=size, max_size=size))
        )
    for key, kind, value in draw(st.lists(valid_parameter(), max_size=1)):
        set_parameter(tensor.parameters, key, kind, value)
    return tensor


@st.composite
def valid_requests(draw: st.DrawFn) -> Any:
    """A request that must be read: raw or typed, any datatype, any legal parameter."""
    typed = draw(st.booleans())
    request = messages.ModelInferRequest(
        model_name=draw(NAMES), model_version=draw(NAMES), id=draw(NAMES)
    )
    for key, kind, value in draw(st.lists(valid_parameter(), max_size=2)):
        set_parameter(request.parameters, key, kind, value)
    tensors = draw(st.lists(inputs(typed), max_size=3, unique_by=lambda t: t.name))
    request.inputs.extend(tensors)
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        request.outputs.add(name=name)
    if not typed:
        request.raw_input_contents.extend(draw(st.binary(max_size=12)) for _ in tensors)
    return request


@st.composite
def any_requests(draw: st.DrawFn) -> Any:
    """A valid request, then spoilt in one way that some rule may refuse."""
    request = draw(valid_requests())
    key, kind, value = draw(parameter())
    tensor = request.inputs.add() if not request.inputs else request.inputs[0]
    output = request.outputs.add() if not request.outputs else request.outputs[0]
    spoil = draw(st.integers(0, 8))
    if spoil <= 2:
        holder = (request, tensor, output)[spoil]
        set_parameter(holder.parameters, key, kind, value)
    elif spoil == 3:
        tensor.shape.extend(draw(st.lists(st.integers(-2, 2**40), max_size=9)))
    elif spoil == 4:
        request.raw_input_contents.append(b"")
    elif spoil == 5:
        request.inputs.add().CopyFrom(tensor)
    elif spoil == 6:
        request.outputs.add().CopyFrom(output)
    elif spoil == 7:
        tensor.datatype = draw(st.sampled_from([*FIELDS, *RAW_ONLY, "FP128"]))
    else:
        name = draw(st.sampled_from(sorted(VALUES)))
        getattr(tensor.contents, name).append(draw(VALUES[name]))
    return request


def unpacked(contents: Any) -> bytes:
    """InferTensorContents with one field for each number."""
    types = {"fp32_contents": FIXED32, "fp64_contents": FIXED64, "bytes_contents": LENGTH}
    out = b""
    for descriptor, values in contents.ListFields():
        wire_type = types.get(descriptor.name, 0)
        for value in values:
            one = type(contents)(**{descriptor.name: [value]}).SerializeToString()
            head = 0 if wire_type == LENGTH else 2
            tag = b"" if wire_type == LENGTH else varint(descriptor.number << 3 | wire_type)
            out += tag + one[head:]
    return out


def unpacked_input(tensor: Any) -> bytes:
    """InferInputTensor with its shape and contents unpacked."""
    rest = type(tensor)()
    rest.CopyFrom(tensor)
    rest.ClearField("shape")
    rest.ClearField("contents")
    out = rest.SerializeToString() + b"".join(b"\x18" + varint(dim) for dim in tensor.shape)
    if tensor.HasField("contents"):
        out += field(5, unpacked(tensor.contents))
    return bytes(out)


UNKNOWN = st.sampled_from(
    [b"", field(99, b"\xff"), b"\x80\x06\x01", b"\x83\x06\x08\x01\x84\x06", b"\x08\x05"]
)


@st.composite
def odd_encodings(draw: st.DrawFn, request: Any) -> bytes:
    """The same request as no client of ours writes it: unpacked, shuffled, with more."""
    chunks = [field(5, unpacked_input(tensor)) for tensor in request.inputs]
    if draw(st.booleans()):
        chunks = [field(5, tensor.SerializeToString()) for tensor in request.inputs]
    rest = type(request)()
    rest.CopyFrom(request)
    rest.ClearField("inputs")
    rest.ClearField("raw_input_contents")
    raw = [field(7, payload) for payload in request.raw_input_contents]
    first, second = draw(st.permutations([chunks, raw]))
    position = draw(st.integers(0, len(first)))
    ordered = [*first[:position], rest.SerializeToString(), *second, *first[position:]]
    return b"".join(chunk + draw(UNKNOWN) for chunk in ordered)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Change, drop, add or copy bytes, one to three times."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(out) + 1))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            out[at : at + 1] = rng.bytes(1)
        elif kind == 1:
            out[at : at + 1] = bytes(
                b ^ 1 << int(rng.integers(0, 8)) for b in out[at : at + 1]
            )
        elif kind == 2:
            del out[at : at + int(rng.integers(1, 4))]
        elif kind == 3:
            out[at:at] = rng.bytes(int(rng.integers(1, 3)))
        elif kind == 4:
            out[at:at] = out[at // 2 : at]
        else:
            out[at : at + 1] = [b"\x80", b"\xff", b"\x00", b"\x0b", b"\x0c"][at % 5]
    return bytes(out)
