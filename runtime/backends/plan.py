"""What a worker is asked to load, and how it proves itself: a message between processes.

Written by the control plane out of a model's settings and the server's options, read by
the worker. Both directions are plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runtime.backends.base import Signature, TensorSpec
from runtime.backends.declared import Declared, Fill, Sample, SampleTensor


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """One model file, how to open it, and what to check before it serves.

    `max_batch_size` 0 asks for no batching. With `must_batch` a model whose rows may not be
    joined is refused, else it serves without batching. The first worker of a version is
    `thorough`; those that follow only show that they can, with the same file: its `digest`
    must then be the one given. A `decoupled` model gives a request any number of responses.
    What takes the place of another version must be able to: of one that is served as
    `successor_of`. With `any_signature` it is only said what differs.
    """

    path: Path
    backend: str = ""
    device: str = "cpu"
    threads: int = 1
    cache_dir: Path | None = None
    inputs: tuple[Declared, ...] = ()
    outputs: tuple[Declared, ...] = ()
    max_batch_size: int = 0
    must_batch: bool = False
    thorough: bool = True
    measured: bool = False
    digest: str = ""
    warmup: Path | None = None
    golden: Path | None = None
    samples: tuple[Sample, ...] = ()
    tolerances: Mapping[str, float] = field(default_factory=dict)
    decoupled: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    successor_of: Signature | None = None
    any_signature: bool = False


def as_message(plan: LoadPlan) -> dict[str, Any]:
    """Return a plan as JSON values. Labels stay behind: no worker needs them."""
    message = asdict(plan)
    for name in ("path", "cache_dir", "warmup", "golden"):
        message[name] = str(message[name]) if message[name] else None
    for tensor in (*message["inputs"], *message["outputs"]):
        tensor["labels"] = ()
    for sample in message["samples"]:
        for tensor in sample["tensors"]:
            tensor["fill"] = tensor["fill"].value
            tensor["file"] = str(tensor["file"]) if tensor["file"] else None
    return message


def from_message(message: Mapping[str, Any]) -> LoadPlan:
    """Return the plan that `as_message` wrote."""
    values = dict(message)
    old = values["successor_of"]
    for name in ("cache_dir", "warmup", "golden"):
        values[name] = Path(values[name]) if values[name] else None
    return LoadPlan(
        **values
        | {
            "path": Path(values["path"]),
            "inputs": tuple(map(declared_from, values["inputs"])),
            "outputs": tuple(map(declared_from, values["outputs"])),
            "samples": tuple(map(sample_from, values["samples"])),
            "successor_of": None if old is None else signature_from(old),
        }
    )


def signature_from(message: Mapping[str, Any]) -> Signature:
    """Return the signature whose `dataclasses.asdict` came through JSON."""

    def specs(items: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
        return tuple(
            TensorSpec(
                item["name"], item["datatype"], tuple(item["shape"]), item["optional"]
            )
            for item in items
        )

    return Signature(
        message["platform"],
        specs(message["inputs"]),
        specs(message["outputs"]),
        message["batchable"],
        message["max_rows"],
        message["decoupled"],
    )


def declared_from(message: Mapping[str, Any]) -> Declared:
    """Return a declaration out of JSON values."""
    dims, reshape = message["dims"], message["reshape"]
    return Declared(
        message["name"],
        message["datatype"],
        None if dims is None else tuple(dims),
        None if reshape is None else tuple(reshape),
        message["optional"],
    )


def sample_from(message: Mapping[str, Any]) -> Sample:
    """Return a warm-up sample out of JSON values."""
    tensors = tuple(
        SampleTensor(
            tensor["name"],
            tensor["datatype"],
            tuple(tensor["dims"]),
            Fill(tensor["fill"]),
            Path(tensor["file"]) if tensor["file"] else None,
        )
        for tensor in message["tensors"]
    )
    return Sample(message["name"], message["rows"], tensors, message["count"])
