"""A backend under the names and shapes that a person declared for its tensors.

Declarations narrow what a file says (``[N, -1]`` to ``[N, 16]``), leave outputs out, change
the order, or reshape rows on their way in and out. Where nothing of that is asked the
backend runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import cast

import numpy as np

from runtime.backends.base import (
    FREE,
    UNSTATED,
    Array,
    Backend,
    Inputs,
    LoadOptions,
    Outputs,
    Responses,
    Signature,
    TensorSpec,
)
from runtime.backends.datatypes import NUMPY_TYPES
from runtime.backends.declared import Declared
from runtime.errors import ModelError

Shape = tuple[int, ...]


def model_shape(declared: Declared, batched: bool) -> Shape | None:
    """Return the whole shape that the model sees; None is the file's."""
    return whole(declared.dims if declared.reshape is None else declared.reshape, batched)


def wire_shape(declared: Declared, batched: bool) -> Shape | None:
    """Return the whole shape that requests and answers carry; None is the file's."""
    return whole(declared.dims, batched)


def whole(dims: Shape | None, batched: bool) -> Shape | None:
    """Return a tensor's shape out of its declared dims."""
    return (FREE, *dims) if batched and dims is not None else dims


def as_model_specs(tensors: Sequence[Declared], batched: bool) -> tuple[TensorSpec, ...]:
    """Return declarations as a backend takes them: with the shapes that the model sees."""
    shapes = ((tensor, model_shape(tensor, batched)) for tensor in tensors)
    return tuple(
        TensorSpec(
            tensor.name,
            tensor.datatype,
            UNSTATED if shape is None else shape,
            tensor.optional,
        )
        for tensor, shape in shapes
    )


def is_narrower(shape: tuple[int, ...], than: tuple[int, ...]) -> bool:
    """Tell whether every tensor of a shape also has the other one."""
    return len(shape) == len(than) and all(
        wide in (FREE, size) for size, wide in zip(shape, than, strict=True)
    )


def served_spec(
    declared: Declared, spec: TensorSpec, batched: bool, what: str
) -> TensorSpec:
    """Return a tensor as it is served; raises ModelError unless the file allows it."""
    seen = model_shape(declared, batched)
    if declared.datatype and declared.datatype != spec.datatype:
        raise ModelError(
            f"{what} {declared.name!r} is declared {declared.datatype}, the file has "
            f"{spec.datatype}; correct its datatype"
        )
    if seen is not None and not is_narrower(seen, spec.shape):
        hint = "dims are one row's, without the batch" if batched else "dims are the whole"
        raise ModelError(
            f"{what} {declared.name!r} is declared as {list(seen)}, the file has "
            f"{list(spec.shape)}; correct its dims ({hint})"
        )
    refuse_other_size(declared, what)
    shape = wire_shape(declared, batched)
    return TensorSpec(
        declared.name,
        spec.datatype,
        spec.shape if shape is None else shape,
        declared.optional,
    )


def refuse_other_size(declared: Declared, what: str) -> None:
    """Raise ModelError when a reshape would change how many values there are."""
    dims, reshape = declared.dims, declared.reshape
    if dims is None or reshape is None:
        return
    if dims.count(FREE) != reshape.count(FREE):
        raise ModelError(
            f"{what} {declared.name!r}: {list(dims)} cannot be reshaped to "
            f"{list(reshape)}, which has another number of free dims"
        )
    if FREE in dims:
        return
    if prod(dims) != prod(reshape):
        raise ModelError(
            f"{what} {declared.name!r}: {list(dims)} cannot be reshaped to "
            f"{list(reshape)}, which has another number of values"
        )


def find_specs(
    tensors: Sequence[Declared], specs: Sequence[TensorSpec], batched: bool, what: str
) -> tuple[TensorSpec, ...]:
    """Return all declared tensors as they are served."""
    known = {spec.name: spec for spec in specs}
    unknown = [t.name for t in tensors if t.name not in known]
    if unknown:
        raise ModelError(
            f"{what} {unknown[0]!r} is declared, but the file has only "
            f"{', '.join(map(repr, known))}"
        )
    return tuple(served_spec(t, known[t.name], batched, what) for t in tensors)


def served_signature(
    own: Signature,
    inputs: Sequence[Declared],
    outputs: Sequence[Declared],
    batched: bool,
) -> Signature:
    """Return what requests must look like: the file's signature as declarations narrow it.

    Raises ModelError naming the tensor, what was declared and what the file has. Every
    input of the file must be declared when one is; outputs may be left out.
    """
    served_in = find_specs(inputs, own.inputs, batched, "input") if inputs else own.inputs
    missing = {s.name for s in own.inputs if not s.optional} - {s.name for s in served_in}
    if missing:
        raise ModelError(
            f"input {min(missing)!r} of the file is not declared; declare all or none"
        )
    served_out = (
        find_specs(outputs, own.outputs, batched, "output") if outputs else own.outputs
    )
    first_is_free = all(s.shape[:1] == (FREE,) for s in (*served_in, *served_out))
    return replace(
        own,
        inputs=served_in,
        outputs=served_out,
        batchable=own.batchable and first_is_free,
    )


@dataclass(frozen=True, slots=True)
class AdaptedInputs:
    """A batch's inputs as the model sees them; see `runtime.backends.base.Inputs`."""

    given: Inputs
    shapes: dict[str, Reshape]

    @property
    def rows(self) -> int:
        """Rows in the batch."""
        return self.given.rows

    @property
    def key(self) -> Hashable | None:
        """The batch's own key: reshaping moves nothing."""
        return self.given.key

    def __getitem__(self, name: str) -> Array:
        return self._reshaped(name, self.given[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def fresh(self, name: str) -> Array:
        """Return a tensor as a new array object; a reshaped one is a copy."""
        fresh = self.given.fresh(name)
        return self._reshaped(name, fresh).copy() if name in self.shapes else fresh

    def detach(self) -> None:
        """Make the memory of this batch's arrays private."""
        self.given.detach()

    def _reshaped(self, name: str, values: Array) -> Array:
        reshape = self.shapes.get(name)
        return values if reshape is None else values.reshape(reshape.of(values.shape))


@dataclass(frozen=True, slots=True)
class Reshape:
    """Two declared shapes of one tensor with as many free dims each, in the same order.

    Examples
    --------
    >>> Reshape((-1, 1, -1), (-1, -1)).of((8, 1, 5))
    (8, 5)
    """

    source: Shape
    target: Shape

    def of(self, shape: Shape) -> Shape:
        """Return what a shape of the first kind is of the second."""
        free = iter(
            size for size, dim in zip(shape, self.source, strict=True) if dim == FREE
        )
        return tuple(next(free) if dim == FREE else dim for dim in self.target)


@dataclass
class AdaptedOutputs:
    """Where a batch's outputs go; what is not served goes nowhere."""

    given: Outputs
    shapes: dict[str, Reshape]
    unserved: dict[str, str]  # Datatypes by name.
    key: Hashable | None = field(init=False)

    def __post_init__(self) -> None:
        self.key = None if self.unserved else self.given.key

    def reserve(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return memory of the reply, shaped as the model has it."""
        if name in self.unserved:
            return np.empty(shape, NUMPY_TYPES[self.unserved[name]])
        return self.given.reserve(name, self._on_wire(name, shape)).reshape(shape)

    def write(self, name: str, values: Array) -> None:
        """Copy values into the reply."""
        if name not in self.unserved:
            self.given.write(name, values.reshape(self._on_wire(name, values.shape)))

    def _on_wire(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        reshape = self.shapes.get(name)
        return shape if reshape is None else reshape.of(shape)


@dataclass
class AdaptedResponses(AdaptedOutputs):
    """The same for a decoupled model's responses."""

    given: Responses

    def ready(self) -> bool:
        """Wait until the next response may be filled."""
        return self.given.ready()

    def send(self) -> bool:
        """Give what was filled as one response."""
        return self.given.send()


class Adapted:
    """A loaded backend under a served signature; see `runtime.backends.base.Backend`."""

    run: Callable[[Inputs, Outputs], None]

    def __init__(
        self,
        backend: Backend,
        signature: Signature,
        input_shapes: dict[str, Reshape],
        output_shapes: dict[str, Reshape],
    ) -> None:
        self._backend = backend
        self._signature = signature
        self._input_shapes = input_shapes
        self._output_shapes = output_shapes
        served = {spec.name for spec in signature.outputs}
        own = backend.signature().outputs
        self._unserved = {s.name: s.datatype for s in own if s.name not in served}
        is_plain = not (input_shapes or output_shapes or self._unserved)
        self.run = backend.run if is_plain else self._run_adapted

    def load(self, path: Path, options: LoadOptions) -> None:
        """Refuse: an adapted backend is loaded already."""
        raise ModelError(f"{path}: this backend is loaded already")

    def signature(self) -> Signature:
        """Return the served signature."""
        return self._signature

    def _run_adapted(self, inputs: Inputs, outputs: Outputs) -> None:
        about = self._output_shapes, self._unserved
        adapted = (
            AdaptedResponses(cast(Responses, outputs), *about)
            if self._signature.decoupled
            else AdaptedOutputs(outputs, *about)
        )
        self._backend.run(AdaptedInputs(inputs, self._input_shapes), adapted)

    def close(self) -> None:
        """Free what the backend took."""
        self._backend.close()


def adapt(
    backend: Backend,
    inputs: Sequence[Declared],
    outputs: Sequence[Declared],
    batched: bool,
) -> Backend:
    """Return a loaded backend as declarations have it; itself where nothing is declared.

    Raises ModelError when the file does not allow what is declared.
    """
    if not inputs and not outputs:
        return backend
    signature = served_signature(backend.signature(), inputs, outputs, batched)
    return Adapted(
        backend,
        signature,
        {t.name: Reshape(*shapes_of(t, batched)) for t in inputs if is_reshaped(t)},
        {t.name: Reshape(*shapes_of(t, batched)[::-1]) for t in outputs if is_reshaped(t)},
    )


def is_reshaped(declared: Declared) -> bool:
    """Tell whether the model sees other dims than requests have."""
    return declared.reshape is not None and declared.dims is not None


def shapes_of(declared: Declared, batched: bool) -> tuple[Shape, Shape]:
    """Return the shape on the wire and the one that the model sees."""
    return whole(declared.dims, batched) or (), whole(declared.reshape, batched) or ()
