"""What the data plane's queue of a version is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.backends.base import Signature
from runtime.config import Batching
from runtime.models.describe import row_dims
from runtime.models.repository import ModelSource
from runtime.models.settings import NO_POLICY, QueuePolicy


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """What the native queue of a version is made from."""

    model: str
    version: str
    max_batch_size: int
    close_rows: int
    max_queue_delay_us: int
    max_queue_size: int
    batch_timeout_s: float
    input_bytes: int
    inputs: list[tuple[str, str, tuple[int, ...]]]
    outputs: list[tuple[str, str, tuple[int, ...]]]
    optional: tuple[str, ...] = ()  # Inputs that requests may leave out.
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # By output.
    retry: bool = True  # False: no request is ever run twice.
    decoupled: bool = False  # A request has any number of responses.
    policy: QueuePolicy = NO_POLICY


def queue_options(
    source: ModelSource,
    signature: Signature,
    rows: tuple[int, int],
    batching: Batching,
    input_bytes: int,
) -> QueueOptions:
    """Return a version's queue; `rows` are its largest batch and the usual one."""
    largest, usual = rows
    settings = source.settings
    return QueueOptions(
        source.name,
        source.version,
        largest,
        usual,
        batching.max_queue_delay_us,
        batching.max_queue_size,
        batching.batch_timeout_s,
        input_bytes,
        [(s.name, s.datatype, row_dims(s, largest > 0)) for s in signature.inputs],
        [(s.name, s.datatype, row_dims(s, largest > 0)) for s in signature.outputs],
        tuple(s.name for s in signature.inputs if s.optional),
        {d.name: d.labels for d in settings.outputs if d.labels},
        settings.retry,
        signature.decoupled,
        settings.queue,
    )
