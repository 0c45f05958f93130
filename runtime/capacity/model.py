"""A model as its metadata describes it: what the load generator must know to ask it.

KServe's metadata does not say whether a model batches. One whose every input has a free
first dimension is taken to: that is how each server describes its batching models.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.backends.base import FREE
from runtime.messages import Message


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output. `dims` leaves out the batch dimension, which `batches` tells."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    batches: bool

    @property
    def declared(self) -> list[int]:
        """The shape as the server writes it."""
        return [FREE, *self.dims] if self.batches else list(self.dims)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a server."""

    name: str
    version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def batches(self) -> bool:
        """Whether one request may carry several rows."""
        return bool(self.inputs) and all(tensor.batches for tensor in self.inputs)


def has_free_front(tensors: Iterable[Message]) -> bool:
    """Whether the first dimension of each of these tensors is free."""
    return all(tensor.shape[:1] == [FREE] for tensor in tensors)


def make_tensor(tensor: Message, batches: bool) -> Tensor:
    """Return one tensor of a metadata message; `batches` says that its model does."""
    batches = batches and has_free_front([tensor])
    dims = tuple(tensor.shape[1:] if batches else tensor.shape)
    return Tensor(tensor.name, tensor.datatype, dims, batches)


def make_model(name: str, version: str, metadata: Message) -> Model:
    """Return the model that a ModelMetadataResponse describes, by the name it is asked."""
    batches = has_free_front(metadata.inputs)
    return Model(
        name,
        version,
        tuple(make_tensor(tensor, batches) for tensor in metadata.inputs),
        tuple(make_tensor(tensor, batches) for tensor in metadata.outputs),
    )
