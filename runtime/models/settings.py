"""How one model is served: what a person wrote beside it, whatever the format.

``leeboard.yaml`` and Triton's ``config.pbtxt`` are both read into these; what is None or
empty is left to the model's file, and then to the server's options.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.backends.declared import Declared, Sample


@dataclass(frozen=True, slots=True)
class Versions:
    """Which version folders of a model are served: the highest few, all, or named ones."""

    latest: int = 1  # 0: all of them.
    named: tuple[str, ...] = ()  # Wins over `latest`.


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """What becomes of requests that wait.

    A request that has waited for `timeout_us` (0: no limit) without having been given to
    a worker is refused, or, where `delays`, may wait on behind all others. A request's own
    ``timeout`` may shorten it where `override` says so.
    """

    timeout_us: int = 0
    delays: bool = False
    override: bool = False


NO_POLICY = QueuePolicy()


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Everything that may be said of one model."""

    origin: str = ""  # The file that said it, for messages.
    backend: str = ""  # A name of `runtime.backends`; empty: by the file's suffix.
    file: str = ""  # Within the version's folder; empty: the model file found there.
    inputs: tuple[Declared, ...] = ()
    outputs: tuple[Declared, ...] = ()
    max_batch_size: int | None = None
    close_rows: int | None = None
    max_queue_delay_us: int | None = None
    max_queue_size: int | None = None
    batch_timeout_s: float | None = None
    queue: QueuePolicy = NO_POLICY
    instances: int | None = None
    threads: int | None = None
    device: str = "cpu"
    versions: Versions = Versions()
    samples: tuple[Sample, ...] = ()
    tolerances: Mapping[str, float] = field(default_factory=dict)  # By datatype.
    retry: bool = True
    decoupled: bool = False  # A request has any number of responses.
    interpreter: Path | None = None  # A Python of another virtual environment.
    options: Mapping[str, str] = field(default_factory=dict)  # The backend's own.
    notes: tuple[str, ...] = ()  # What was read and means nothing here; logged once.


NO_SETTINGS = ModelSettings()
