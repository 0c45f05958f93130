"""Proves what is to be pushed into a registry as this server would serve it."""

from __future__ import annotations

from pathlib import Path

from runtime.config import Batching, Workers
from runtime.errors import ConfigError
from runtime.models.declaration import read_settings
from runtime.models.model_folder import ModelFolder
from runtime.models.plans import batching_of, load_request, workers_of
from runtime.models.policy import DEFAULT_BATCH
from runtime.models.repository import ModelSource, read_version
from runtime.registry.check import NUMBER, TIMEOUT_S, Proof, Trial, prove
from runtime.registry.layout import Laid


def prove_as_served(
    laid: Laid, timeout_s: float = TIMEOUT_S, modules: tuple[str, ...] = ()
) -> Proof:
    """Load and run what is to be pushed, with the settings that lie beside it.

    `modules` are the packages whose factories may make a model's module. Raises as
    `runtime.registry.check.prove` does, and ConfigError for settings that are wrong.
    """

    def trying(folder: Path, limit_s: float) -> Trial:
        return trial_of(folder, Workers(load_timeout_s=limit_s, modules=modules))

    return prove(laid, timeout_s, trying)


def trial_of(path: Path, workers: Workers) -> Trial:
    """Return what a server's first worker of a folder's version would be asked to do."""
    folder = ModelFolder(path, path.parent)
    settings = read_settings(folder)
    source = read_version(folder, path / str(NUMBER), settings)
    if not isinstance(source, ModelSource):
        raise ConfigError(source.reason if source else f"{path} holds no model file")
    # Which batch size runs best is for the machine that serves to find out.
    batching = batching_of(settings, Batching(max_batch_size=DEFAULT_BATCH))
    request = load_request(source, batching, workers_of(settings, workers), None)
    return Trial(request, settings.interpreter)
