"""What of a version is watched: its tensors, and what their values are called.

A tensor with few values a row is watched value by value; a longer one, or one of any
length, by what its rows come to. Texts (BYTES) are not watched and said to be so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from runtime.backends.base import Signature, TensorSpec
from runtime.monitor.settings import ModelWatch
from runtime.monitor.signals import Kind

SUMMARY = ("mean", "deviation", "least", "largest", "not finite")
"""What a long row comes to, in the order of the data plane's summaries."""

KINDS = {
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32",
    "UINT64": "uint64", "INT8": "int8", "INT16": "int16", "INT32": "int32",
    "INT64": "int64", "FP16": "float16", "BF16": "bfloat16", "FP32": "float32",
    "FP64": "float64",
}  # fmt: skip
"""KServe's datatypes that are watched, as profiles call them."""

WHOLE = frozenset(name for name, kind in KINDS.items() if "float" not in kind)


@dataclass(frozen=True, slots=True)
class WatchedTensor:
    """One tensor: `index` is its place among the inputs or outputs of the signature.

    `features` name a row's values in order, or what a row `is_summary` comes to.
    """

    kind: Kind
    index: int
    name: str
    datatype: str
    features: tuple[str, ...]
    is_summary: bool

    @property
    def is_output(self) -> bool:
        """Whether it is an output."""
        return self.kind is Kind.OUTPUT

    @property
    def value_kind(self) -> str:
        """The type of the values in its profile."""
        return "float64" if self.is_summary else KINDS[self.datatype]


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What is watched, and what is not and why."""

    tensors: tuple[WatchedTensor, ...]
    unwatched: tuple[str, ...]

    @property
    def features(self) -> int:
        """How many features there are in all."""
        return sum(len(tensor.features) for tensor in self.tensors)


def plan_of(signature: Signature, batches: bool, settings: ModelWatch) -> WatchPlan:
    """Return what is watched of a model whose first dimension is the batch, or not.

    Raises ValueError when the settings name another number of features than it has.
    """
    tensors: list[WatchedTensor] = []
    unwatched: list[str] = []
    for kind, specs in ((Kind.INPUT, signature.inputs), (Kind.OUTPUT, signature.outputs)):
        for index, spec in enumerate(specs):
            if spec.datatype not in KINDS:
                unwatched.append(
                    f"{kind.value} {spec.name} has the datatype {spec.datatype}"
                )
                continue
            tensors.append(_tensor(kind, index, spec, batches, settings))
    return WatchPlan(_named(tensors, settings.features), tuple(unwatched))


def _tensor(
    kind: Kind, index: int, spec: TensorSpec, batches: bool, settings: ModelWatch
) -> WatchedTensor:
    dims = spec.shape[1:] if batches else spec.shape
    values = prod(dims) if all(dim >= 0 for dim in dims) else 0
    if not 0 < values <= settings.max_features:
        names = tuple(f"{spec.name}: {what}" for what in SUMMARY)
        return WatchedTensor(kind, index, spec.name, spec.datatype, names, is_summary=True)
    names = _places(spec.name, dims)
    return WatchedTensor(kind, index, spec.name, spec.datatype, names, is_summary=False)


def _places(name: str, dims: Sequence[int]) -> tuple[str, ...]:
    """Return the names of a row's values.

    Examples
    --------
    >>> _places("x", (2,)), _places("y", (1,)), _places("z", (1, 2))
    (('x[0]', 'x[1]'), ('y',), ('z[0,0]', 'z[0,1]'))
    """
    if prod(dims) == 1:
        return (name,)
    places = [""]
    for dim in dims:
        places = [f"{place},{i}" for place in places for i in range(dim)]
    return tuple(f"{name}[{place[1:]}]" for place in places)


def _named(
    tensors: Sequence[WatchedTensor], names: Sequence[str]
) -> tuple[WatchedTensor, ...]:
    """Give the inputs' values the names that a person chose, in order."""
    if not names:
        return tuple(tensors)
    plain = [t for t in tensors if t.kind is Kind.INPUT and not t.is_summary]
    wanted = sum(len(tensor.features) for tensor in plain)
    if len(names) != wanted or len(set(names)) != len(names):
        raise ValueError(
            f"features names {len(set(names))} different values; the inputs that are "
            f"watched value by value have {wanted}"
        )
    rest, named = list(names), []
    for tensor in tensors:
        if tensor in plain:
            chosen, rest = rest[: len(tensor.features)], rest[len(tensor.features) :]
            named.append(replace(tensor, features=tuple(chosen)))
        else:
            named.append(tensor)
    return tuple(named)
