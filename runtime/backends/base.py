"""What a backend is: the part of a worker that knows a model format.

A backend lives in a worker process and is called by one thread only. It is given views of
shared memory and runs whole batches; it never sees a request, a client or a queue.
Backends are found through the entry-point group ``runtime.backends``; our own register the
same way. `runtime.testing.conformance` checks any of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]

FREE = -1
"""A dimension whose size the model leaves to the request."""

UNSTATED = (-2,)
"""The shape of a declared tensor whose dims are left to the file."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor's name, KServe datatype (``"FP32"``) and shape; `FREE` marks free dims.

    The shape is the model's own and includes the batch dimension where there is one. An
    input that is `optional` may be missing from a request, and then from its batch.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model, in the model's order.

    `batchable` says that the first dimension of every tensor may be the batch, as far as
    the file tells; the load check proves it by running two sizes. `max_rows` is the largest
    batch that the file allows; None where it sets no limit. A `decoupled` model gives each
    request any number of responses; its `run` is given `Responses`.
    """

    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batchable: bool
    max_rows: int | None = None
    decoupled: bool = False


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model: threads of one instance, and the cache for prepared files.

    `inputs` and `outputs` are what a person declared, for formats that do not say it
    themselves; empty where nobody did. What is left to the file has an `UNSTATED` shape
    and an empty datatype. `decoupled` asks for a model that gives each request any number
    of responses: a backend that can says so in its signature. `extra` are the backend's
    own options: it refuses those that it does not know.
    """

    threads: int = 1
    cache_dir: Path | None = None
    device: str = "cpu"
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    decoupled: bool = False
    extra: dict[str, str] = field(default_factory=dict)


class Inputs(Protocol):
    """One batch's input tensors, read-only; valid until `run` returns.

    BF16 tensors are uint16 arrays (the bits), BYTES tensors are object arrays of `bytes`.
    An optional input that the batch's requests left out is not among them.
    """

    @property
    def rows(self) -> int:
        """Rows in the batch; 1 for a model that does not batch."""

    @property
    def key(self) -> Hashable | None:
        """Equal keys mean the same memory, dtypes and shapes: what was bound to it once
        stays bound. None when the batch had to be gathered into private memory.
        """

    def __getitem__(self, name: str) -> Array: ...
    def __iter__(self) -> Iterator[str]: ...

    def fresh(self, name: str) -> Array:
        """Return a tensor as a new array object that nothing else refers to.

        For a model that might keep what it is given: whoever made the array can see by
        its references whether the model did, and then calls `detach`.
        """

    def detach(self) -> None:
        """Make the memory of this batch's arrays private, so that they stay as they are.

        Later batches lie elsewhere. Dear (the mapping is replaced); called within `run`.
        """


class Outputs(Protocol):
    """Where a batch's outputs go; each output exactly once."""

    @property
    def key(self) -> Hashable | None:
        """Equal keys mean that `reserve` with equal arguments, called in the same order,
        returns the same memory. None when that cannot be promised.
        """

    def reserve(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return writable memory of the reply for a tensor that is not BYTES.

        The dtype is the signature's. The first dimension of a batched model's output must
        equal the batch's rows; anything else fails the batch with a clear error.
        """

    def write(self, name: str, values: Array) -> None:
        """Copy `values` into the reply; the way for BYTES and for shapes known late."""


class Responses(Outputs, Protocol):
    """Where the responses of a decoupled model's batch go, one after another.

    The batch is one request. For each response: `ready`, every output once, `send`. A
    response's first dimension is any number of rows where the model batches.
    """

    def ready(self) -> bool:
        """Wait until the next response may be filled; False: nobody wants another.

        Then `run` closes what it computes with and returns.
        """

    def send(self) -> bool:
        """Give what was filled as one response; False: nobody wants another."""


class Backend(Protocol):
    """Loads one model file and runs batches. One instance, one thread, one model."""

    def load(self, path: Path, options: LoadOptions) -> None:
        """Open the model. Raises ModelError with the file, the state and the remedy."""

    def signature(self) -> Signature:
        """Return the signature read from the loaded file."""

    def run(self, inputs: Inputs, outputs: Outputs) -> None:
        """Run one batch and fill every output. Raises ModelError when the model fails.

        Where the signature is decoupled, `outputs` are `Responses`.
        """

    def close(self) -> None:
        """Free what `load` took; nothing may be called afterwards."""
