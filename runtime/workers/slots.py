"""A claimed batch as a backend sees it: input views and output memory of a port.

Views are made once for each place in shared memory and kept, because a small model runs
in less time than it takes to make them. Input views are read-only and map the front end's
memory; a batch that lies in several segments is gathered into private memory first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from runtime.backends.base import Array, Signature, TensorSpec
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.memory import admits
from runtime.errors import ModelError, WorkerError
from runtime.native.port import WorkerPort
from runtime.rawbytes import pack_elements, unpack_elements
from runtime.workers.view_cache import ViewCache, aligned

Segment = tuple[int, int, int, int]
"""A part of a batch: offset, capacity in rows, rows, room of each BYTES input."""


@dataclass(frozen=True, slots=True)
class InputLayout:
    """One input of a shape: its name, datatype, row dims and row size in bytes."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    row_bytes: int


@dataclass(frozen=True, slots=True)
class Layout:
    """All inputs of one shape, in the model's order."""

    batched: bool
    inputs: tuple[InputLayout, ...]

    def shape(self, item: InputLayout, rows: int) -> tuple[int, ...]:
        """Return the tensor's shape for a batch of `rows`."""
        return (rows, *item.dims) if self.batched else item.dims


@dataclass(frozen=True, slots=True)
class Place:
    """Where one tensor of a batch lies in the port's input memory."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class SlotInputs:
    """The inputs of one batch; see `runtime.backends.base.Inputs`.

    `lender` is who makes the batch's memory private when the model keeps it; None when
    every array is private memory already.
    """

    __slots__ = ("_arrays", "_lender", "_places", "key", "rows")

    def __init__(
        self,
        arrays: dict[str, Array],
        rows: int,
        key: Hashable | None,
        lender: InputReader | None = None,
        places: dict[str, Place] | None = None,
    ) -> None:
        self._arrays = arrays
        self._lender = lender
        self._places = places or {}
        self.rows = rows
        self.key = key

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def fresh(self, name: str) -> Array:
        """Return a tensor as a new array object that nothing else refers to.

        Where its memory is shared, views of the array refer to it and not past it.
        """
        if self._lender is not None and name in self._places:
            return self._lender.show(self._places[name])
        return self._arrays[name].view()

    def detach(self) -> None:
        """Make the memory of this batch's arrays private, so that they stay as they are."""
        if self._lender is not None:
            self._lender.detach(self._places.values())
            self._lender = None


class InputReader:
    """Turns claims into `SlotInputs`."""

    def __init__(self, port: WorkerPort, signature: Signature) -> None:
        self._port = port
        self._specs = signature.inputs
        self._memory = port.inputs()
        self._copies = False  # The model keeps what it is given: it gets copies.
        self._layouts: ViewCache[Layout] = ViewCache()
        self._views: ViewCache[SlotInputs] = ViewCache()

    def read(self) -> SlotInputs:
        """Return the inputs of the batch that the port has claimed."""
        port = self._port
        segments = port.segments()
        if len(segments) > 1 or self._copies:
            return self._gather(segments)
        offset, capacity, rows, _ = segments[0]
        # The capacity says where the second input begins: requests that came alone are laid
        # out for their own rows, others for as many as may join them.
        key = (offset, capacity, rows, port.layout_id)
        inputs = self._views.find(key)
        if inputs is not None:
            return inputs
        arrays, places = self._arrays(self._layout(), segments[0])
        has_bytes = len(places) < len(arrays)
        inputs = SlotInputs(arrays, port.rows, None if has_bytes else key, self, places)
        if not has_bytes:  # BYTES elements are copied out, so their view serves one batch.
            self._views.keep(key, inputs)
        return inputs

    def show(self, place: Place) -> Array:
        """Return a new view of input memory."""
        return np.ndarray(place.shape, place.dtype, self._memory, place.offset)

    def detach(self, places: Iterable[Place]) -> None:
        """Leave the memory of these places to whoever keeps views of them.

        Later batches are copied, because a model that keeps one batch will keep others:
        so the pages of at most one are ever held back.
        """
        if self._copies:
            return
        ends = [(p.offset, p.offset + prod(p.shape) * p.dtype.itemsize) for p in places]
        begin = min((first for first, _ in ends), default=0)
        end = max((last for _, last in ends), default=0)
        self._port.detach_inputs(begin, end - begin)
        self._memory = self._port.inputs()
        self._views.clear()
        self._copies = True

    def _layout(self) -> Layout:
        number = self._port.layout_id
        layout = self._layouts.find(number)
        if layout is None:
            batched, records = self._port.layout()
            self._check([index for index, _, _ in records])
            items = tuple(
                InputLayout(
                    self._specs[index].name, self._specs[index].datatype, dims, row_bytes
                )
                for index, dims, row_bytes in records
            )
            layout = Layout(batched, items)
            self._layouts.keep(number, layout)
        return layout

    def _check(self, present: list[int]) -> None:
        """Raise WorkerError unless these are inputs that a batch of the model may have."""
        wanted = [
            index
            for index, spec in enumerate(self._specs)
            if not spec.optional or index in present
        ]
        if present != wanted:
            raise WorkerError(
                f"the batch was laid out with inputs {present} of a model that takes "
                f"{[spec.name for spec in self._specs]}; load the model again"
            )

    def _gather(self, segments: list[Segment]) -> SlotInputs:
        layout = self._layout()
        parts = [self._arrays(layout, segment)[0] for segment in segments]
        arrays = {
            item.name: (
                np.concatenate([part[item.name] for part in parts])
                if len(parts) > 1
                else parts[0][item.name].copy()
            )
            for item in layout.inputs
        }
        return SlotInputs(arrays, self._port.rows, None)

    def _arrays(
        self, layout: Layout, segment: Segment
    ) -> tuple[dict[str, Array], dict[str, Place]]:
        """Return a segment's tensors, and where those that are views lie."""
        offset, capacity, rows, room = segment
        arrays: dict[str, Array] = {}
        places: dict[str, Place] = {}
        for item in layout.inputs:
            shape = layout.shape(item, rows)
            if item.datatype == "BYTES":
                flat = unpack_elements(self._memory, offset, prod(shape))
                arrays[item.name] = flat.reshape(shape)
                size = room
            else:
                place = Place(offset, shape, NUMPY_TYPES[item.datatype])
                arrays[item.name] = self.show(place)
                places[item.name] = place
                size = item.row_bytes * capacity
            offset += aligned(size)
        return arrays, places


class SlotOutputs:
    """Where one batch's outputs go; see `runtime.backends.base.Outputs`.

    One object serves batch after batch. Outputs are laid down one behind the other in the
    memory that the batch was granted; when they do not fit, all of them move to a region
    that the worker makes and sends, and the front end grants more the next time.
    """

    def __init__(self, port: WorkerPort, signature: Signature, batched: bool) -> None:
        self._port = port
        self._specs = {spec.name: (i, spec) for i, spec in enumerate(signature.outputs)}
        self._batched = batched
        # Behind a text of any length nothing lies twice in the same place.
        self._sized = all(spec.datatype != "BYTES" for spec in signature.outputs)
        self._memory = port.outputs()
        self._views: ViewCache[Array] = ViewCache()
        self.begin()

    def begin(self) -> None:
        """Start the batch that the port has claimed."""
        port = self._port
        self._at = port.output_offset
        self._end = port.output_offset + port.output_capacity
        self._done: set[str] = set()
        self.placed: list[tuple[int, Array | bytes, tuple[int, ...]]] = []
        self.grown = False
        place = (port.output_offset, port.output_capacity)
        self.key: Hashable | None = place if self._sized else None

    def reserve(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return writable memory for one output."""
        index, spec = self._check(name, shape)
        if spec.datatype == "BYTES":
            raise ModelError(f"output {name!r} is BYTES, which has no fixed size; write it")
        return self._lay_down(index, spec, shape)

    def _lay_down(self, index: int, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
        """Return memory for a checked output that is not BYTES."""
        dtype = NUMPY_TYPES[spec.datatype]
        size = prod(shape) * dtype.itemsize
        if self._at + size > self._end or self.grown:
            # Laid down at the end, when the size of all outputs is known.
            self.key = None
            self.grown = True
            private: Array = np.empty(shape, dtype)
            self.placed.append((index, private, shape))
            return private
        offset = self._advance(size)
        key = (offset, shape, index)
        array = self._views.find(key)
        if array is None:
            array = np.frombuffer(self._memory, dtype, prod(shape), offset).reshape(shape)
            self._views.keep(key, array)
        self._port.set_output(index, offset, size, shape)
        self.placed.append((index, array, shape))
        return array

    def write(self, name: str, values: Array) -> None:
        """Copy one output into the reply."""
        index, spec = self._check(name, values.shape)
        if spec.datatype != "BYTES":
            self._lay_down(index, spec, values.shape)[...] = values
            return
        raw = pack_elements(values)
        self.placed.append((index, raw, values.shape))
        if self._at + len(raw) > self._end or self.grown:
            self.grown = True
            return
        offset = self._advance(len(raw))
        self._memory[offset : offset + len(raw)] = raw
        self._port.set_output(index, offset, len(raw), values.shape)

    def finish(self) -> int:
        """Check that every output is there and return how many there are."""
        if len(self._done) < len(self._specs):
            missing = ", ".join(repr(n) for n in self._specs if n not in self._done)
            raise ModelError(f"the model did not produce its outputs {missing}")
        if self.grown:
            self._move_to_own_region()
        return len(self._specs)

    def _advance(self, size: int) -> int:
        offset = self._at
        self._at = aligned(offset + size)
        return offset

    def _check(self, name: str, shape: tuple[int, ...]) -> tuple[int, TensorSpec]:
        if name not in self._specs:
            raise ModelError(f"the model produced {name!r}, which its signature lacks")
        if name in self._done:
            raise ModelError(f"output {name!r} was produced twice")
        index, spec = self._specs[name]
        if self._batched and (not shape or shape[0] != self._port.rows):
            raise ModelError(
                f"output {name!r} has shape {list(shape)}; its first dimension must be the "
                f"batch's {self._port.rows} rows"
            )
        if not admits(spec, shape):
            raise ModelError(
                f"output {name!r} has shape {list(shape)}, the model declares "
                f"{list(spec.shape)}"
            )
        self._done.add(name)
        return index, spec

    def _move_to_own_region(self) -> None:
        raws = [
            raw if isinstance(raw, bytes) else np.ascontiguousarray(raw).reshape(-1)
            for _, raw, _ in self.placed
        ]
        sizes = [len(raw) if isinstance(raw, bytes) else raw.nbytes for raw in raws]
        region = self._port.grow(sum(map(aligned, sizes)) or 1)
        offset = 0
        for (index, _, shape), raw, size in zip(self.placed, raws, sizes, strict=True):
            region[offset : offset + size] = (
                raw if isinstance(raw, bytes) else raw.view(np.uint8).data
            )
            self._port.set_output(index, offset, size, shape)
            offset += aligned(size)
