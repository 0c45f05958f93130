"""csrc/wire against protobuf: it reads what protobuf reads, refuses what protobuf refuses,
and refuses more only where a documented rule says so (wire_rules.py).
"""

from __future__ import annotations

import struct
import time
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import messages
from runtime.native import wire
from tests.unit.native import wire_messages, wire_rules

CONTENTS_TWICE = "has its contents field twice, expected once"
"""The one rule that protobuf's view cannot show: it merges the two."""


def outcome(data: bytes) -> dict[str, Any] | str:
    """What our reader gives: the request, or the sentence that refuses it."""
    try:
        return wire.parse_request(data)
    except wire.RefusedMessage as error:
        return str(error)


def check_against_protobuf(data: bytes) -> bool:
    """Assert that our reader and protobuf agree; tell whether the request was read."""
    ours = outcome(data)
    try:
        request = messages.ModelInferRequest.FromString(data)
    except DecodeError:
        assert isinstance(ours, str)
        return False
    if wire_rules.has_entry_set_aside(request):
        return False
    allowed = wire_rules.refusals(request)
    if isinstance(ours, str):
        assert CONTENTS_TWICE in ours or wire_rules.is_one_of(ours, allowed), ours
        return False
    assert not allowed
    assert ours == wire_rules.view_of(request)
    return True


@settings(max_examples=150, deadline=None)
@given(wire_messages.valid_requests())
def test_a_valid_request_is_read_as_protobuf_reads_it(request: Any) -> None:
    assert check_against_protobuf(request.SerializeToString())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_encoding_does_not_matter(data: st.DataObject) -> None:
    request = data.draw(wire_messages.valid_requests())
    encoded = data.draw(wire_messages.odd_encodings(request))
    assert check_against_protobuf(encoded)
    assert outcome(encoded) == wire_rules.view_of(request)


@settings(max_examples=200, deadline=None)
@given(wire_messages.any_requests())
def test_a_request_is_refused_exactly_where_a_rule_says_so(request: Any) -> None:
    check_against_protobuf(request.SerializeToString())


def mutation_seeds() -> list[bytes]:
    """Messages with every part in them, small enough for a change to matter."""
    Request = messages.ModelInferRequest
    raw = Request(model_name="modèle", model_version="1", id="7")
    raw.inputs.add(name="x", datatype="FP32", shape=[1, 300])
    raw.inputs.add(name="y", datatype="BYTES", shape=[1])
    raw.outputs.add(name="z").parameters["note"].string_param = "ü"
    raw.raw_input_contents.extend([b"12345678", b"\x01\x00\x00\x00a"])
    raw.parameters["timeout"].int64_param = 300
    typed = Request(model_name="m")
    typed.parameters["priority"].uint64_param = 2**63
    typed.parameters["ratio"].double_param = 0.5
    for name, datatype, values in (
        ("a", "INT32", {"int_contents": [1, -2]}),
        ("b", "BOOL", {"bool_contents": [True, False]}),
        ("c", "FP32", {"fp32_contents": [1.5, float("nan")]}),
        ("d", "FP64", {"fp64_contents": [1.5, -0.0]}),
        ("e", "BYTES", {"bytes_contents": [b"", b"ab"]}),
        ("f", "UINT8", {"uint_contents": [255, 256]}),
    ):
        typed.inputs.add(name=name, datatype=datatype, shape=[2]).contents.MergeFrom(
            messages.InferTensorContents(**values)
        )
    one = Request(inputs=[Request.InferInputTensor(shape=[2, 1], datatype="INT64")])
    one.inputs[0].contents.int64_contents.extend([1, 2**62])
    grouped = b"\x0b\x13\x08\x05\x14\x0c" + wire_messages.field(
        5, wire_messages.unpacked_input(one.inputs[0]) + b"\x23\x24"
    )
    return [m.SerializeToString() for m in (raw, typed, one)] + [grouped]


@pytest.mark.fuzz
def test_mutated_messages_are_judged_as_protobuf_judges_them(
    rng: np.random.Generator, fuzz_seconds: float
) -> None:
    seeds = mutation_seeds()
    assert all(check_against_protobuf(seed) for seed in seeds)
    end = time.monotonic() + fuzz_seconds
    count = read = 0
    while count < 8000 or time.monotonic() < end:
        data = wire_messages.mutated(seeds[count % len(seeds)], rng)
        read += check_against_protobuf(data)
        count += 1
    assert 0.02 < read / count < 0.9


def entry(key: bytes, value: bytes) -> bytes:
    field = wire_messages.field
    return field(4, field(1, key) + field(2, value))


def typed(contents: bytes) -> bytes:
    """A request with one INT64 input of shape [1]."""
    field = wire_messages.field
    return field(5, field(2, b"INT64") + b"\x18\x01" + field(5, contents))


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x80\x06" + b"\xff" * n + b"\x7f" for n in (8, 9, 10)),
        *(b"\x8a" + b"\x80" * n + b"\x00\x01a" for n in (1, 3, 4)),
        *(b"\x0a\x81" + b"\x80" * n + b"\x00a" for n in (1, 4, 8, 9)),
        *(b"\x8a\x80\x80\x80\x10\x01a", b"\xf8\xff\xff\xff\x0f\x01"),
        *(b"\x0a\x81\x80\x80\x80\x10a", b"\x00\x01", b"\x80\x00\x01", b"\x0e", b"\x0f\x01"),
        *(wire_messages.field(1, text) for text in wire_messages.RIGHT_UTF8),
        *(wire_messages.field(1, text) for text in wire_messages.WRONG_UTF8),
        *(typed(b"\x18" + b"\xff" * n + b"\x01") for n in (8, 9, 10)),
        *(typed(wire_messages.field(3, b"\xff" * n + b"\x01")) for n in (8, 9, 10)),
        *(
            typed(wire_messages.field(3, b"\x01") + odd)
            for odd in (b"\x32\x03abc", b"\x30\x05")
        ),
        typed(wire_messages.field(3, b"\x80") + wire_messages.field(3, b"\x01")),
        entry(b"timeout", b"\x10\x05") + entry(b"timeout", b"\x10\x07"),
        entry(b"timeout", b"\x1a\x01a") + entry(b"timeout", b"\x10\x07"),
        entry(b"timeout", b"\x10\x05") + entry(b"timeout", b"\x1a\x01a"),
        entry(b"timeout", b"\x1a\x01a\x10\x05"),
        entry(b"timeout", b"\x1a\x01\xff\x10\x05"),
        wire_messages.field(4, b"\x12\x02\x10\x05\x0a\x01x\x0a\x07timeout\x12\x00"),
    ],
)
def test_the_edges_of_the_encoding_are_those_of_protobuf(data: bytes) -> None:
    check_against_protobuf(data)


@pytest.mark.parametrize("nesting", range(96, 102))
@pytest.mark.parametrize("around", ["", "inputs", "contents", "parameters", "value"])
def test_groups_nest_as_deep_as_protobuf_lets_them(nesting: int, around: str) -> None:
    field = wire_messages.field
    groups = b"\x83\x06" * nesting + b"\x84\x06" * nesting
    data = {
        "": groups,
        "inputs": field(5, field(5, b"") + groups),
        "contents": field(5, field(2, b"INT8") + field(5, b"\x10\x01" + groups)),
        "parameters": field(4, groups),
        "value": field(6, field(2, field(2, groups))),
    }[around]
    check_against_protobuf(data)


def test_a_refusal_has_the_code_that_clients_see() -> None:
    with pytest.raises(wire.RefusedMessage, match="malformed ModelInferRequest") as refused:
        wire.parse_request(b"\x0a")
    assert refused.value.code == "INVALID_ARGUMENT"


def test_contents_that_come_twice_are_refused() -> None:
    contents = messages.InferTensorContents(int_contents=[1]).SerializeToString()
    twice = wire_messages.field(5, contents) * 2
    data = wire_messages.field(5, wire_messages.field(1, b"x") + twice)
    assert outcome(data) == f"input 'x' {CONTENTS_TWICE}"


OUTPUTS = st.tuples(
    st.text(max_size=5).map(str.encode),
    st.sampled_from([*wire_rules.FIELDS, *wire_rules.RAW_ONLY]).map(str.encode),
    st.lists(st.integers(0, 2**63 - 1), max_size=4),
    st.binary(max_size=300),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=5), min_size=3, max_size=3), st.lists(OUTPUTS, max_size=3))
def test_a_response_is_what_protobuf_would_have_written(
    identity: list[str], outputs: list[tuple[bytes, bytes, list[int], bytes]]
) -> None:
    name, version, request_id = identity
    encoded, announced = wire.build_response(
        name.encode(), version.encode(), request_id.encode(), outputs
    )
    expected = messages.ModelInferResponse(
        model_name=name, model_version=version, id=request_id
    )
    for tensor_name, datatype, shape, data in outputs:
        expected.outputs.add(
            name=tensor_name.decode(), datatype=datatype.decode(), shape=shape
        )
        expected.raw_output_contents.append(data)
    assert messages.ModelInferResponse.FromString(encoded) == expected
    assert encoded == expected.SerializeToString()
    assert announced == len(encoded)


CHUNKS = st.one_of(
    st.binary(max_size=200).map(lambda payload: wire_messages.field(7, payload)),
    st.binary(max_size=200).map(lambda payload: wire_messages.field(5, payload)),
    st.integers(0, 2**64 - 1).map(lambda n: b"\x80\x06" + wire_messages.varint(n)),
    st.sampled_from([b"\x85\x06four", b"\x81\x06eightbyt"]),
)


def first_large(chunks: list[bytes], min_size: int) -> tuple[int, int, int] | None:
    """Where the first large raw entry begins, and its payload, and its payload's size."""
    begin = 0
    for chunk in chunks:
        if chunk[0] == 7 << 3 | wire_messages.LENGTH:
            head = 2 if len(chunk) < 130 else 3
            if len(chunk) - head >= min_size:
                return begin, begin + head, len(chunk) - head
        begin += len(chunk)
    return None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(CHUNKS, max_size=6),
    st.integers(0, 200),
    st.lists(st.integers(0, 1200), max_size=8),
)
def test_a_large_entry_is_found_however_its_bytes_arrive(
    chunks: list[bytes], min_size: int, cuts: list[int]
) -> None:
    message = b"".join(chunks)
    boundaries = {len(b"".join(chunks[:i])) for i in range(len(chunks) + 1)}
    resume_at = 0
    for cut in sorted({min(cut, len(message)) for cut in [*cuts, len(message)]}):
        state, resume_at, *place = wire.find_large_raw(message[:cut], resume_at, min_size)
        assert resume_at in boundaries
        if state == "found":
            break
    expected = first_large(chunks, min_size)
    assert (tuple(place) if state == "found" else None) == expected
    assert state in ("found", "need more")


@given(st.lists(st.binary(max_size=5), max_size=5), st.binary(max_size=3))
def test_raw_bytes_are_checked_element_by_element(
    elements: list[bytes], rest: bytes
) -> None:
    encoded = [struct.pack("<I", len(element)) + element for element in elements]
    raw = b"".join(encoded)
    wire.check_raw_bytes(b"x", raw, len(elements))
    for count in range(len(elements) + 1):
        assert wire.raw_bytes_prefix(raw, count) == len(b"".join(encoded[:count]))
    with pytest.raises(wire.RefusedMessage, match="by its shape"):
        wire.check_raw_bytes(b"x", raw, len(elements) + 1)
    if rest:
        with pytest.raises(wire.RefusedMessage, match="ends within element"):
            wire.check_raw_bytes(b"x", raw + rest, len(elements))
