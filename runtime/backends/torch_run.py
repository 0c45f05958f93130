"""Runs batches on a PyTorch model, whatever file it came from.

Inputs are tensors on the batch's own memory, made once for each place. When a place is new,
its arrays' references tell after the run whether the model keeps its inputs; such a model
is given copies from then on. Outputs are copied into the reply. Inference mode is on for as
long as the model is loaded, in the thread that loaded it, and in any other from its first
batch on.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from runtime.backends.base import Array, Inputs, LoadOptions, Outputs, Signature, TensorSpec
from runtime.backends.options import OFF, ON, choice, refuse_device, refuse_unknown
from runtime.backends.python_values import UNSHARED, references
from runtime.backends.torch_types import (
    INFERENCE,
    dtype_of,
    import_torch,
    refuse_not_finite,
    shown,
    use_threads,
    view,
)
from runtime.errors import LeeboardError, ModelError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

MOST_VIEWS = 256
DTYPE, FORMAT, COPY, ALLOWED = "dtype", "memory_format", "copy_inputs", "allowed_modules"
COMMON = (DTYPE, FORMAT, COPY, ALLOWED)
"""Options of every PyTorch format; `ALLOWED` is the server's and means something to one."""

NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
SCRIPT_TRACE = "The following operation failed in the TorchScript interpreter"

Tensors: TypeAlias = "Sequence[torch.Tensor]"
Call: TypeAlias = "Callable[..., Sequence[torch.Tensor]]"


@dataclass(frozen=True, slots=True)
class Precision:
    """How a model computes: `dtype` in place of its floats, images channels last."""

    dtype: torch.dtype | None
    channels_last: bool

    def weight(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a weight as the model is to hold it."""
        import torch

        if self.dtype is not None and tensor.is_floating_point():
            tensor = tensor.to(self.dtype)
        if self.channels_last and tensor.dim() == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor


def ready_weights(module: torch.nn.Module, precision: Precision) -> None:
    """Check a module's weights and lay them down as it is to hold them.

    Raises ModelError for a weight that is not finite, and for a buffer that is NaN.
    """
    for name, parameter in module.named_parameters():
        refuse_not_finite(name, parameter, is_parameter=True)
        parameter.data = precision.weight(parameter.data)
    for name, buffer in module.named_buffers():
        refuse_not_finite(name, buffer, is_parameter=False)
        buffer.data = precision.weight(buffer.data)


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that is ready to be called.

    `call` takes the signature's inputs in order (None for an absent optional one) and
    returns its outputs in order. `check` is told input shapes that were not seen before and
    raises ModelError for those that the model does not take. `copies` says that the model
    writes to its inputs.
    """

    signature: Signature
    call: Call
    check: Callable[[Tensors], None] | None = None
    copies: bool = False


Opener: TypeAlias = Callable[[Path, LoadOptions, Precision], Opened]


def precision_of(options: LoadOptions) -> Precision:
    """Read the options that say how to compute."""
    import torch

    name = choice(options, DTYPE, ("", "bfloat16", "float16"))
    channels = choice(options, FORMAT, ("contiguous", "channels_last"))
    return Precision(getattr(torch, name) if name else None, channels == "channels_last")


@dataclass(frozen=True, slots=True)
class Expected:
    """One output as the reply wants it."""

    name: str
    dtype: torch.dtype
    is_bits: bool


class TorchBackend:
    """One PyTorch model; see `runtime.backends.base.Backend`.

    `opener` turns a file into something to call and may know more options than `COMMON`.
    """

    def __init__(self, opener: Opener, options: Sequence[str] = ()) -> None:
        self._opener = opener
        self._known = (*COMMON, *options)
        self._opened: Opened | None = None
        self._bound: OrderedDict[Hashable, list[torch.Tensor | None]] = OrderedDict()
        self._targets: OrderedDict[int, tuple[Array, torch.Tensor]] = OrderedDict()

    def load(self, path: Path, options: LoadOptions) -> None:
        """Open the model. Raises ModelError with the file, the state and the remedy."""
        torch = import_torch()
        refuse_unknown("torch", options, self._known)
        refuse_device(options)
        self._name = path.name
        self._is_inference = torch.is_inference_mode_enabled
        use_threads(options.threads)
        INFERENCE.enter()
        try:
            precision = precision_of(options)
            opened = self._opener(path, options, precision)
            self._read(opened, precision, options)
        except LeeboardError as error:
            INFERENCE.leave()
            if str(path) in str(error):
                raise
            raise ModelError(f"{path}: {error}") from error
        except BaseException:
            INFERENCE.leave()
            raise
        self._opened = opened

    def signature(self) -> Signature:
        """Return the signature, from the file or as declared."""
        return self._model().signature

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Run one batch and fill every output. Raises ModelError when the model fails."""
        if not self._is_inference():
            INFERENCE.enter()
        key = inputs.key
        tensors = self._bound.get(key) if key is not None else None
        if tensors is not None:
            self._run_on(tensors, outputs)
            return
        arrays = self._shown(inputs)
        self._run_on(self._bind(arrays), outputs)
        if keeps(arrays):
            logger.warning("%s keeps its inputs: it is given copies of them", self._name)
            self._copies = self._changes = True
            inputs.detach()
        elif key is not None:
            self._bound[key] = self._bind(arrays)
            if len(self._bound) > MOST_VIEWS:
                self._bound.popitem(last=False)

    def close(self) -> None:
        """Free what `load` took; nothing may be called afterwards."""
        self._bound.clear()
        self._targets.clear()
        if self._opened is not None:
            self._opened = None
            del self._call, self._check
            INFERENCE.leave()

    def _run_on(self, tensors: Sequence[torch.Tensor | None], outputs: Outputs) -> None:
        """Call the model and copy its results into the reply."""
        try:
            if self._changes:
                tensors = [self._changed(tensor) for tensor in tensors]
            values = self._call(*tensors)
        except LeeboardError:
            raise
        except Exception as error:
            # The model's code is the user's: whatever it raises is its batch's failure.
            raise failure(self._name, error) from error
        if len(values) != len(self._expected):
            raise ModelError(
                f"{self._name} gave {len(values)} outputs; declared are "
                f"{len(self._expected)}: correct the declaration"
            )
        for expected, value in zip(self._expected, values, strict=True):
            self._put(expected, value, outputs)

    def _model(self) -> Opened:
        if self._opened is None:
            raise ModelError("the backend has no model; load one first")
        return self._opened

    def _read(self, opened: Opened, precision: Precision, options: LoadOptions) -> None:
        """Take from an opened model what every batch needs."""
        signature = opened.signature
        refuse_text(signature.inputs)
        copy = choice(options, COPY, (OFF, ON)) == ON
        self._copies = opened.copies or copy
        self._precision = precision
        self._changes = self._copies or precision != Precision(None, False)
        self._call, self._check = opened.call, opened.check
        self._inputs = [(spec.name, spec.datatype) for spec in signature.inputs]
        self._expected = [
            Expected(spec.name, dtype_of(spec.name, spec.datatype), spec.datatype == "BF16")
            for spec in signature.outputs
        ]

    def _shown(self, inputs: Inputs) -> list[Array | None]:
        """Return a batch's inputs as arrays that only the list refers to."""
        given = set(inputs)
        return [shown(inputs[name]) if name in given else None for name, _ in self._inputs]

    def _bind(self, arrays: Sequence[Array | None]) -> list[torch.Tensor | None]:
        """Return tensors on arrays, of shapes that the model takes."""
        tensors = [
            None if array is None else view(array, datatype)
            for array, (_, datatype) in zip(arrays, self._inputs, strict=True)
        ]
        if self._check is not None:
            self._check([tensor for tensor in tensors if tensor is not None])
        return tensors

    def _changed(self, tensor: torch.Tensor | None) -> torch.Tensor | None:
        """Return an input as the options want it, never on the batch's memory if copied."""
        if tensor is None:
            return None
        made = self._precision.weight(tensor)
        return tensor.clone() if made is tensor and self._copies else made

    def _put(self, expected: Expected, value: torch.Tensor, outputs: Outputs) -> None:
        """Copy one output into the reply."""
        if not hasattr(value, "data_ptr"):
            raise ModelError(
                f"output {expected.name!r} is a {type(value).__name__}, not a tensor"
            )
        if value.dtype is not expected.dtype and not self._was_lowered(expected, value):
            raise ModelError(
                f"output {expected.name!r} is {value.dtype}, declared {expected.dtype}; "
                "correct the declaration"
            )
        memory = outputs.reserve(expected.name, tuple(value.shape))
        self._target(memory, expected).copy_(value)

    def _was_lowered(self, expected: Expected, value: torch.Tensor) -> bool:
        """Whether a float differs from its declaration because of the option dtype."""
        lowered = value.dtype is self._precision.dtype
        return lowered and expected.dtype.is_floating_point

    def _target(self, memory: Array, expected: Expected) -> torch.Tensor:
        """Return reply memory as a tensor; the same array gives the same tensor."""
        kept = self._targets.get(id(memory))
        if kept is not None and kept[0] is memory and kept[1].dtype is expected.dtype:
            return kept[1]
        tensor = view(memory, "BF16" if expected.is_bits else "")
        self._targets[id(memory)] = (memory, tensor)
        if len(self._targets) > MOST_VIEWS:
            self._targets.popitem(last=False)
        return tensor


def keeps(arrays: Sequence[Array | None]) -> bool:
    """Whether anything but the sequence refers to one of its arrays."""
    counts = references(arrays)
    return any(
        count > UNSHARED and arrays[place] is not None for place, count in enumerate(counts)
    )


def refuse_text(specs: Sequence[TensorSpec]) -> None:
    """Raise ModelError for an input that PyTorch has no type for."""
    for spec in specs:
        dtype_of(spec.name, spec.datatype)


def failure(name: str, error: Exception) -> Exception:
    """Return what a model's error is to a batch: out of memory, or a ModelError."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    words = lines[0] if lines else type(error).__name__
    if words.startswith(SCRIPT_TRACE):
        words = lines[-1].removeprefix("RuntimeError: ")
    if isinstance(error, MemoryError) or any(sign in words for sign in NO_MEMORY):
        return MemoryError(words)
    return ModelError(f"{name} failed: {type(error).__name__}: {words}")
