"""What an ONNX file says of its tensors, in our words, and what may be believed of it.

The file names dimensions (``[batch, 3, seq]``). Equal names mean equal sizes, so an
output's shape often follows from the inputs' and its memory can be bound before the run.
Exporters are careless with names, so a prediction is trusted only after it came true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runtime.backends.base import FREE, Signature, TensorSpec
from runtime.errors import ModelError

PLATFORM = "onnxruntime_onnx"

ELEMENTS: dict[str, tuple[str, int]] = {
    "tensor(float)": ("FP32", 1),
    "tensor(uint8)": ("UINT8", 2),
    "tensor(int8)": ("INT8", 3),
    "tensor(uint16)": ("UINT16", 4),
    "tensor(int16)": ("INT16", 5),
    "tensor(int32)": ("INT32", 6),
    "tensor(int64)": ("INT64", 7),
    "tensor(string)": ("BYTES", 8),
    "tensor(bool)": ("BOOL", 9),
    "tensor(float16)": ("FP16", 10),
    "tensor(double)": ("FP64", 11),
    "tensor(uint32)": ("UINT32", 12),
    "tensor(uint64)": ("UINT64", 13),
    "tensor(bfloat16)": ("BF16", 16),
}
"""ONNX Runtime's name of a type -> KServe datatype and ONNX element number."""

ELEMENT_NUMBERS = dict(ELEMENTS.values())

BATCH = "\0batch"
"""Stands for the name of the batch dimension, whatever the file calls it on each tensor."""

Dim = int | str | None
Shape = tuple[int, ...]


class Node(Protocol):
    """One declared input or output as ONNX Runtime shows it."""

    @property
    def name(self) -> str:
        """The tensor's name."""

    @property
    def type(self) -> str:
        """For example ``tensor(float)``."""

    @property
    def shape(self) -> Sequence[Dim]:
        """A size, a name, or None for each dimension."""


def spec_of(node: Node, role: str) -> TensorSpec:
    """Translate one declaration, or refuse a type that a request cannot carry."""
    if node.type not in ELEMENTS:
        raise ModelError(
            f"{role} {node.name!r} is a {node.type}; only tensors of numbers, booleans and "
            "strings can be served: export the model with tensors at its edges"
        )
    shape = tuple(dim if isinstance(dim, int) and dim >= 0 else FREE for dim in node.shape)
    return TensorSpec(node.name, ELEMENTS[node.type][0], shape)


def refuse_repeated(names: Iterable[str], role: str) -> None:
    """Raise when two tensors have one name."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ModelError(f"the file declares {role} {repeated[0]!r} more than once")


def first_dims_may_be_batch(inputs: Sequence[Node], outputs: Sequence[Node]) -> bool:
    """Tell whether every tensor's first dimension is free and nothing denies it is one.

    Inputs must agree on its name where they give one. An output may use a name of its own
    (exporters invent them) but not the name of another input dimension.
    """
    nodes = [*inputs, *outputs]
    if not inputs or any(not n.shape or isinstance(n.shape[0], int) for n in nodes):
        return False
    names = {node.shape[0] for node in inputs if node.shape[0]}
    others = {dim for node in inputs for dim in node.shape[1:] if isinstance(dim, str)}
    return len(names) <= 1 and not any(n.shape[0] in others for n in nodes if n.shape[0])


def read_signature(inputs: Sequence[Node], outputs: Sequence[Node]) -> Signature:
    """Translate a file's declarations; raises ModelError for what cannot be served."""
    refuse_repeated((node.name for node in inputs), "input")
    refuse_repeated((node.name for node in outputs), "output")
    types = {node.type for node in [*inputs, *outputs]}
    if types >= {"tensor(string)", "tensor(bfloat16)"}:
        raise ModelError("ONNX Runtime cannot pass text and BF16 to the same model")
    return Signature(
        platform=PLATFORM,
        inputs=tuple(spec_of(node, "input") for node in inputs),
        outputs=tuple(spec_of(node, "output") for node in outputs),
        batchable=first_dims_may_be_batch(inputs, outputs),
    )


def named_dims(node: Node, batchable: bool) -> tuple[Dim, ...]:
    """Return a declaration's dims with the batch dimension under its one name."""
    dims = tuple(None if dim == "?" else dim for dim in node.shape)
    return (BATCH, *dims[1:]) if batchable else dims


@dataclass
class OutputShapes:
    """Predicts output shapes from input shapes, and learns whom to believe.

    An output is trusted after its prediction came true for two different input shapes (one,
    where the inputs can only have one), and never again after it came out wrong.
    """

    inputs: Mapping[str, tuple[Dim, ...]]
    outputs: Mapping[str, tuple[Dim, ...]]
    _proofs: dict[str, set[tuple[Shape, ...]]] = field(default_factory=dict)
    _liars: set[str] = field(default_factory=set)

    @classmethod
    def declared(
        cls, inputs: Sequence[Node], outputs: Sequence[Node], batchable: bool
    ) -> OutputShapes:
        """Build from a file's declarations."""
        return cls(
            {node.name: named_dims(node, batchable) for node in inputs},
            {node.name: named_dims(node, batchable) for node in outputs},
        )

    def predict(self, name: str, given: Mapping[str, Shape]) -> Shape | None:
        """Return an output's shape for these input shapes; None where names do not tell."""
        sizes: dict[str, int] = {}
        for tensor, dims in self.inputs.items():
            sizes.update(
                (dim, size)
                for dim, size in zip(dims, given[tensor], strict=False)
                if isinstance(dim, str)
            )
        wanted = [sizes.get(d) if isinstance(d, str) else d for d in self.outputs[name]]
        known = [size for size in wanted if size is not None]
        return tuple(known) if len(known) == len(wanted) else None

    def trusted(self, name: str, given: Mapping[str, Shape]) -> Shape | None:
        """Return a prediction that may be bound to memory before the run, or None."""
        free = any(
            not isinstance(dim, int) for dims in self.inputs.values() for dim in dims
        )
        if name in self._liars or len(self._proofs.get(name, ())) < (2 if free else 1):
            return None
        return self.predict(name, given)

    def is_settled(self, name: str, given: Mapping[str, Shape]) -> bool:
        """Tell whether an output that is not trusted will never be, for these shapes."""
        return name in self._liars or self.predict(name, given) is None

    def observe(self, name: str, given: Mapping[str, Shape], came: Shape) -> None:
        """Note the shape that an output had."""
        predicted = self.predict(name, given)
        if predicted != came:
            self._liars.add(name)
            return
        proofs = self._proofs.setdefault(name, set())
        if len(proofs) < 2:
            proofs.add(tuple(given[tensor] for tensor in self.inputs))
