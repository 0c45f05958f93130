"""Runs ONNX models with ONNX Runtime on the CPU.

A batch whose memory was seen before runs through an I/O binding made once: no tensor is
described to ONNX Runtime again. Outputs whose shape follows from the inputs are computed
straight into the reply; the others are copied into it. `onnxruntime` is imported by `load`,
with its telemetry off.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime.backends.base import Array, Inputs, LoadOptions, Outputs, Signature
from runtime.backends.onnx_session import (
    CACHE_OPTION,
    SessionMaker,
    errors_of,
    first_line,
    import_onnxruntime,
)
from runtime.backends.onnx_types import ELEMENT_NUMBERS, OutputShapes, Shape, read_signature
from runtime.backends.onnx_values import as_bytes, as_text, from_ort
from runtime.backends.options import refuse_device, refuse_unknown
from runtime.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

MOST_BINDINGS = 256


@dataclass(slots=True)
class Bound:
    """Tensors bound to memory: what to reserve before a run and to copy out after it."""

    binding: onnxruntime.IOBinding
    reserved: tuple[tuple[str, Shape], ...]
    late: tuple[tuple[int, str], ...]


OUT_OF_MEMORY = ("bad_alloc", "bad allocation", "Failed to allocate memory")
"""How ONNX Runtime says that it got no memory; it has no code for it."""


class OnnxBackend:
    """One ONNX model in one session; see `runtime.backends.base.Backend`.

    `LoadOptions.extra` knows ``cache: off``: neither read nor write prepared copies.
    """

    _session: onnxruntime.InferenceSession

    def __init__(self) -> None:
        self._bindings: OrderedDict[Hashable, Bound] = OrderedDict()

    def load(self, path: Path, options: LoadOptions) -> None:
        """Open the model. Raises ModelError with the file, the state and the remedy."""
        refuse_unknown("onnx", options, (CACHE_OPTION,))
        refuse_device(options)
        if not path.is_file():
            raise ModelError(f"{path} is not a file; an ONNX model is one .onnx file")
        self._ort = import_onnxruntime()
        self._errors = errors_of(self._ort)
        self._path = path
        self._session = SessionMaker(self._ort, self._errors, path, options).open()
        self._scratch = self._session.io_binding()
        self._read_declarations()

    def signature(self) -> Signature:
        """Return the signature read from the loaded file."""
        return self._signature

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Run one batch and fill every output. Raises ModelError when the model fails."""
        if self._has_text:
            self._run_text(inputs, outputs)
            return
        key = (inputs.key, outputs.key)
        bound = self._bindings.get(key)
        if bound is None:
            self._run_unbound(key, inputs, outputs)
            return
        self._bindings.move_to_end(key)
        for name, shape in bound.reserved:
            outputs.reserve(name, shape)
        self._run_bound(bound, inputs, outputs)

    def close(self) -> None:
        """Free what `load` took; nothing may be called afterwards."""
        self._bindings.clear()
        for name in ("_scratch", "_session"):
            vars(self).pop(name, None)

    def _read_declarations(self) -> None:
        """Take names, types and shapes from the session."""
        nodes = self._session.get_inputs(), self._session.get_outputs()
        try:
            self._signature = read_signature(*nodes)
        except ModelError as error:
            raise ModelError(f"{self._path}: {error}") from error
        self._shapes = OutputShapes.declared(*nodes, batchable=self._signature.batchable)
        specs = [*self._signature.inputs, *self._signature.outputs]
        self._has_text = any(spec.datatype == "BYTES" for spec in specs)
        self._input_numbers = {
            s.name: ELEMENT_NUMBERS[s.datatype] for s in self._signature.inputs
        }
        self._output_types = {s.name: s.datatype for s in self._signature.outputs}

    def _run_unbound(
        self, key: tuple[Hashable, Hashable], inputs: Inputs, outputs: Outputs
    ) -> None:
        """Bind this batch's memory, run, and keep the binding if the memory comes again."""
        given = {name: inputs[name] for name in self._input_numbers}
        held = {name: np.asarray(values, order="C") for name, values in given.items()}
        shapes = {name: values.shape for name, values in given.items()}
        is_lasting = None not in key and all(held[name] is given[name] for name in given)
        binding = self._session.io_binding() if is_lasting else self._scratch
        self._bind_inputs(binding, held)
        bound = self._bind_outputs(binding, shapes, outputs)
        self._run_bound(bound, inputs, outputs)
        if is_lasting and all(
            self._shapes.is_settled(name, shapes) for _, name in bound.late
        ):
            self._bindings[key] = bound
            if len(self._bindings) > MOST_BINDINGS:
                self._bindings.popitem(last=False)

    def _bind_inputs(self, binding: onnxruntime.IOBinding, held: dict[str, Array]) -> None:
        """Describe input memory to ONNX Runtime; it must outlive the binding's use."""
        for name, values in held.items():
            number, address = self._input_numbers[name], values.ctypes.data
            binding.bind_input(name, "cpu", 0, number, values.shape, address)

    def _bind_outputs(
        self, binding: onnxruntime.IOBinding, shapes: dict[str, Shape], outputs: Outputs
    ) -> Bound:
        """Describe output memory; reserves the outputs whose shape is known."""
        reserved, late = [], []
        for place, (name, datatype) in enumerate(self._output_types.items()):
            shape = self._shapes.trusted(name, shapes)
            if shape is None:
                binding.bind_output(name, "cpu")
                late.append((place, name))
                continue
            address = outputs.reserve(name, shape).ctypes.data
            binding.bind_output(name, "cpu", 0, ELEMENT_NUMBERS[datatype], shape, address)
            reserved.append((name, shape))
        return Bound(binding, tuple(reserved), tuple(late))

    def _run_bound(self, bound: Bound, inputs: Inputs, outputs: Outputs) -> None:
        try:
            self._session.run_with_iobinding(bound.binding)
        except self._errors as error:
            self._unlearn_wrong_shapes(inputs)
            raise self._failure(error) from error
        if bound.late:
            self._copy_late(bound, inputs, outputs)

    def _copy_late(self, bound: Bound, inputs: Inputs, outputs: Outputs) -> None:
        """Copy what ONNX Runtime allocated into the reply, and learn its shape."""
        given = self._shapes_of(inputs)
        values = bound.binding.get_outputs()
        for place, name in bound.late:
            array = from_ort(values[place], self._output_types[name])
            self._shapes.observe(name, given, array.shape)
            outputs.write(name, array)
            bound.binding.bind_output(name, "cpu")

    def _unlearn_wrong_shapes(self, inputs: Inputs) -> None:
        """After a failure, run once more bound to no output: was a shape wrong?"""
        self._bindings.clear()
        held = {name: np.asarray(inputs[name], order="C") for name in self._input_numbers}
        binding = self._session.io_binding()
        self._bind_inputs(binding, held)
        for name in self._output_types:
            binding.bind_output(name, "cpu")
        try:
            self._session.run_with_iobinding(binding)
        except self._errors:
            return
        given = self._shapes_of(inputs)
        for name, value in zip(self._output_types, binding.get_outputs(), strict=True):
            self._shapes.observe(name, given, tuple(value.shape()))

    def _run_text(self, inputs: Inputs, outputs: Outputs) -> None:
        """Run a model with BYTES tensors, which ONNX Runtime cannot bind."""
        feed = {name: inputs[name] for name in self._input_numbers}
        feed |= {n: as_text(n, v) for n, v in feed.items() if v.dtype == object}
        try:
            values = self._session.run(None, feed)
        except self._errors as error:
            raise self._failure(error) from error
        for (name, datatype), value in zip(self._output_types.items(), values, strict=True):
            outputs.write(name, as_bytes(value) if datatype == "BYTES" else value)

    def _shapes_of(self, inputs: Inputs) -> dict[str, Shape]:
        return {name: inputs[name].shape for name in self._input_numbers}

    def _failure(self, error: Exception) -> Exception:
        words = first_line(error)
        if any(sign in words for sign in OUT_OF_MEMORY):
            return MemoryError(words)
        return ModelError(f"{self._path.name} failed: {words}")
