"""Arrays that a person's class is given, and what it may give back.

A given array lies on the batch's memory, is read-only, and is new: any view, any library's
tensor on it and any name for it is a reference to it. So its references tell, after a
call, whether somebody still has it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from runtime.backends.base import Array, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.errors import ModelError


class Memory:
    """Shows an array's memory as read-only, and keeps the array alive.

    NumPy lets a view of a view refer to the first array only. It does not look through
    an object of another type, so what is made of the array on this one refers to that.
    """

    def __init__(self, array: Array) -> None:
        self._array = array
        about = dict(array.__array_interface__)
        about["data"] = (about["data"][0], True)
        self.__array_interface__: dict[str, Any] = about


def lent(array: Array) -> Array:
    """Return an array on the same memory that cannot be written to, by any flag."""
    if array.dtype == object:  # Its elements are immutable; the array itself is a copy.
        copied = array.copy()
        copied.setflags(write=False)
        return copied
    return np.asarray(Memory(array))


def references(items: Sequence[object]) -> list[int]:
    """Return the number of references to each item of a list."""
    return [sys.getrefcount(items[place]) for place in range(len(items))]


UNSHARED = references([np.empty(1)])[0]
"""References to an object that only the list has, as counted by `references`."""


def as_output(spec: TensorSpec, value: object) -> Array:
    """Return what a class gave for an output as an array; raises ModelError otherwise.

    An array must have the declared datatype; numbers in lists are converted to it. Text may
    be `str` or `bytes`.
    """
    wanted = NUMPY_TYPES[spec.datatype]
    try:
        if spec.datatype == "BYTES":
            return as_text(value)
        has_type = hasattr(value, "dtype")
        array = np.asarray(value) if has_type else np.asarray(value, wanted)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise ModelError(
            f"output {spec.name!r} is a {type(value).__name__} that is no {spec.datatype} "
            f"array: {error}"
        ) from error
    if array.dtype != wanted:
        raise ModelError(
            f"output {spec.name!r} is {array.dtype}, declared {spec.datatype}; return it "
            f"as .astype(numpy.{wanted.name}), or correct the declaration"
        )
    return array


def as_text(value: object) -> Array:
    """Return text as `bytes` objects; raises TypeError for an element that is none."""
    array = value if isinstance(value, np.ndarray) else np.asarray(value, object)
    if array.dtype.kind not in "OSU":
        raise TypeError(f"its elements are {array.dtype}, not str or bytes")
    elements = [as_bytes(element) for element in array.ravel().tolist()]
    texts = np.empty(len(elements), object)
    texts[:] = elements
    return texts.reshape(array.shape)


def as_bytes(element: object) -> bytes:
    """Return one text as bytes."""
    if isinstance(element, bytes):
        return element
    if isinstance(element, str):
        return element.encode()
    raise TypeError(f"an element is a {type(element).__name__}, not str or bytes")
