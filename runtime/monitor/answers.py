"""Which answers the data plane keeps one by one, and what is read out of its records.

The layout of a record is that of csrc/batch/watch.h. Outputs become flat rows of doubles;
groups are texts: those of an input of their own, or of one value of a larger one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from runtime.backends.base import Signature
from runtime.monitor.plan import KINDS, WatchPlan
from runtime.monitor.predictions import Prediction, Values
from runtime.monitor.settings import ModelWatch, Task
from runtime.monitor.signals import Kind
from runtime.native.records import WatchJournal

HEAD = struct.Struct("<IQII")
SIZE = struct.Struct("<I")
LEFT_OUT = 0xFFFF_FFFF
NS = 1e-9
BYTES = "BYTES"


@dataclass(frozen=True, slots=True)
class Kept:
    """A tensor that is kept of each row: its place in the signature, name and datatype."""

    index: int
    name: str
    datatype: str


@dataclass(frozen=True, slots=True)
class Group:
    """What tells groups apart: one value of one of the inputs that are kept."""

    name: str
    place: int
    column: int


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What is kept of each answered row; nothing without a `share`."""

    share: float
    outputs: tuple[Kept, ...]
    inputs: tuple[Kept, ...]
    groups: tuple[Group, ...]

    def journal(self) -> WatchJournal:
        """Return it as the data plane takes it."""
        return WatchJournal(
            self.share,
            tuple(each.index for each in self.outputs),
            tuple(each.index for each in self.inputs),
        )


NOTHING = AnswerPlan(0.0, (), (), ())


def answer_plan(signature: Signature, plan: WatchPlan, settings: ModelWatch) -> AnswerPlan:
    """Return what is kept of a model's answers: nothing while its task is not known.

    Raises ValueError where a group is neither an input nor one of the watched values.
    """
    if settings.task is Task.NONE or not settings.labels.share:
        return NOTHING
    outputs = tuple(
        Kept(index, spec.name, spec.datatype)
        for index, spec in enumerate(signature.outputs)
        if spec.datatype in KINDS
    )
    inputs: list[Kept] = []
    groups = []
    for name in settings.groups:
        index, column = _place_of(name, signature, plan)
        spec = signature.inputs[index]
        kept = Kept(index, spec.name, spec.datatype)
        if kept not in inputs:
            inputs.append(kept)
        groups.append(Group(name, inputs.index(kept), column))
    return AnswerPlan(settings.labels.share, outputs, tuple(inputs), tuple(groups))


def _place_of(name: str, signature: Signature, plan: WatchPlan) -> tuple[int, int]:
    for tensor in plan.tensors:
        if tensor.kind is Kind.INPUT and not tensor.is_summary and name in tensor.features:
            return tensor.index, tensor.features.index(name)
    for index, spec in enumerate(signature.inputs):
        if spec.name == name:
            return index, 0
    raise ValueError(
        f"the group {name!r} is neither an input nor one of the inputs' values"
    )


def predictions_of(
    records: bytes, plan: AnswerPlan, model: str, version: int
) -> Iterator[Prediction]:
    """Yield the rows that were kept, in the order in which they were answered."""
    at = 0
    while at < len(records):
        size, time_ns, row, id_size = HEAD.unpack_from(records, at)
        end = at + SIZE.size + size
        at += HEAD.size
        request_id = records[at : at + id_size].decode(errors="backslashreplace")
        at += id_size
        outputs: dict[str, Values] = {}
        for kept in plan.outputs:
            at, raw = _tensor(records, at)
            if raw is not None:
                outputs[kept.name] = values_of(raw, kept.datatype)
        inputs: list[bytes | None] = []
        for _ in plan.inputs:
            at, raw = _tensor(records, at)
            inputs.append(raw)
        yield Prediction(
            model, version, request_id, row, time_ns * NS, outputs, _groups(inputs, plan)
        )
        at = end


def _tensor(records: bytes, at: int) -> tuple[int, bytes | None]:
    (size,) = SIZE.unpack_from(records, at)
    at += SIZE.size
    if size == LEFT_OUT:
        return at, None
    return at + size, records[at : at + size]


def values_of(raw: bytes, datatype: str) -> Values:
    """Return a row's values as doubles, whatever their type."""
    if datatype == "BF16":
        halves = np.frombuffer(raw, dtype=np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).astype(np.float64)
    return np.frombuffer(raw, dtype=KINDS[datatype]).astype(np.float64)


def _groups(inputs: list[bytes | None], plan: AnswerPlan) -> Mapping[str, str]:
    found = {}
    for group in plan.groups:
        raw = inputs[group.place]
        if raw is not None:
            found[group.name] = _text(raw, plan.inputs[group.place].datatype, group.column)
    return found


def _text(raw: bytes, datatype: str, column: int) -> str:
    """Return one value as a text: BYTES as they are, whole numbers with all digits."""
    if datatype == BYTES:
        (size,) = SIZE.unpack_from(raw)
        return raw[SIZE.size : SIZE.size + size].decode(errors="backslashreplace")
    value = float(values_of(raw, datatype)[column])
    if not np.isfinite(value):
        return "missing"
    return f"{value:.0f}" if value == int(value) else f"{value:g}"
