"""Texts in KServe's raw layout, both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.rawbytes import pack_elements, unpack_elements


@given(st.lists(st.binary(max_size=20), max_size=20), st.binary(max_size=9))
def test_what_is_packed_is_found_again_behind_anything(
    elements: list[bytes], before: bytes
) -> None:
    values = np.array([*elements, b""], object)[: len(elements)]
    memory = memoryview(before + pack_elements(values) + b"behind")
    found = unpack_elements(memory, len(before), len(elements))
    assert found.tolist() == elements


def test_each_element_stands_behind_its_length_in_row_major_order() -> None:
    values = np.array([[b"a", "\N{SNOWMAN}"], [b"", b"dd"]], object)
    assert pack_elements(values) == (
        b"\x01\0\0\0a\x03\0\0\0\xe2\x98\x83\0\0\0\0\x02\0\0\0dd"
    )


@pytest.mark.parametrize("dtype", ["S5", "U5"])
def test_numpys_own_texts_are_packed_without_their_padding(dtype: str) -> None:
    assert pack_elements(np.array(["one", ""], dtype)) == b"\x03\0\0\0one\0\0\0\0"


@pytest.mark.parametrize(
    "values", [np.array([3]), np.array([b"a", 3], object), np.array([None], object)]
)
def test_what_is_no_text_is_refused(values: np.ndarray) -> None:
    with pytest.raises(TypeError, match="is neither bytes nor text"):
        pack_elements(values)
