"""From what is written beside a model and the server's options to how it is served."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from runtime.backends.base import Signature
from runtime.backends.plan import LoadPlan
from runtime.config import Batching, Workers
from runtime.models import policy
from runtime.models.repository import ModelSource
from runtime.models.settings import ModelSettings
from runtime.workers.limits import Limits
from runtime.workers.process import LoadRequest

WEIGHTS = ".safetensors"
ALLOWED_MODULES = "allowed_modules"
"""The option of a model of weights that says which packages may make its module."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Common:
    """What all models share unless they say otherwise."""

    batching: Batching
    workers: Workers
    cache_dir: Path | None = None
    hidden: tuple[str, ...] = ()
    """Paths of the repository, which clients are not told."""


def batching_of(settings: ModelSettings, common: Batching) -> Batching:
    """Return how a model's requests become batches: its own word, then the server's."""
    return Batching(
        _first(settings.max_batch_size, common.max_batch_size),
        _chosen(settings.max_queue_delay_us, common.max_queue_delay_us),
        _chosen(settings.max_queue_size, common.max_queue_size),
        _chosen(settings.batch_timeout_s, common.batch_timeout_s),
    )


def workers_of(settings: ModelSettings, common: Workers) -> Workers:
    """Return how many workers a model gets, and how large."""
    return replace(
        common,
        instances=_chosen(settings.instances, common.instances),
        threads=_chosen(settings.threads, common.threads),
    )


def load_request(
    source: ModelSource, batching: Batching, workers: Workers, cache_dir: Path | None
) -> LoadRequest:
    """Return what the first worker of a version is asked to do.

    `batching` and `workers` are the model's, not only the server's.
    """
    settings = source.settings
    plan = LoadPlan(
        path=source.path,
        backend=settings.backend,
        device=settings.device,
        threads=workers.threads,
        cache_dir=cache_dir,
        inputs=settings.inputs,
        outputs=settings.outputs,
        max_batch_size=policy.requested_batch(batching.max_batch_size),
        must_batch=bool(settings.max_batch_size),
        measured=batching.max_batch_size is None and settings.close_rows is None,
        warmup=source.warmup,
        golden=source.golden,
        samples=settings.samples,
        tolerances=settings.tolerances,
        decoupled=settings.decoupled,
        options=options_of(source, workers.modules),
    )
    limits = Limits(workers.memory_bytes, workers.cpus)
    label = f"{source.name} version {source.version}"
    # What acts outside may not be asked again, not even by a version that is on trial.
    recorded_bytes = workers.recorded_bytes if settings.retry else 0
    return LoadRequest(label, plan, workers.load_timeout_s, limits, recorded_bytes)


@dataclass(frozen=True, slots=True)
class Succession:
    """In whose place a version comes: its signature, and what it was asked last.

    `recorded` is a descriptor that stays the caller's, or None. With `any_signature` it is
    only said what differs.
    """

    signature: Signature
    recorded: int | None = None
    any_signature: bool = False

    def of(self, request: LoadRequest) -> LoadRequest:
        """Return what the successor's first worker is asked to do."""
        plan = replace(
            request.plan,
            successor_of=self.signature,
            any_signature=self.any_signature,
        )
        return replace(request, plan=plan, recorded=self.recorded)


def options_of(source: ModelSource, modules: tuple[str, ...]) -> dict[str, str]:
    """Return the backend's options: the model's own, and what only the server may say."""
    options = dict(source.settings.options)
    if modules and source.path.suffix == WEIGHTS:
        options[ALLOWED_MODULES] = ",".join(modules)
    return options


def _first(own: int | None, common: int | None) -> int | None:
    return common if own is None else own


def _chosen(own: Value | None, common: Value) -> Value:
    return common if own is None else own
