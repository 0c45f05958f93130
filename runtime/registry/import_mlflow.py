"""What a registry of MLflow holds, as candidates for an import.

All versions of the chosen models are downloaded. Metrics, parameters and the digest of the
data set come from the run that made a version, its notes are MLflow's description.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path

from runtime.errors import ConfigError
from runtime.registry.folder_layout import framework_of
from runtime.registry.importing import Candidate, Found
from runtime.registry.layout import Laid
from runtime.registry.manifest import Lineage
from runtime.registry.mlflow_client import Known, MlflowRegistry, Training
from runtime.registry.mlflow_source import MlflowSource
from runtime.registry.records import Facts
from runtime.registry.source import DigestMismatch, RegistryError


def find(source: MlflowSource, names: Collection[str], scratch: Path) -> Found:
    """Return what a registry would bring; `names` chooses models, none of them all.

    Files are written below `scratch`. Raises ConfigError for a name that is not there.
    """
    registry = source.registry
    models = registry.models()
    if missing := set(names) - set(models):
        raise ConfigError(f"{source.place} has no model {', '.join(sorted(missing))}")
    chosen = [model for model in models if not names or model in names]
    candidates = tuple(
        candidate(source, known, scratch / f"{place}-{known.number}")
        for place, model in enumerate(chosen)
        for known in registry.versions(model)
    )
    return Found(candidates, {model: registry.model(model).aliases for model in chosen})


def candidate(source: MlflowSource, known: Known, folder: Path) -> Candidate:
    """Return one version with its files, or the reason why it cannot come."""
    label = f"{source.place} {known.model}/{known.number}"
    folder.mkdir()
    try:
        files = source.download(known.model, known.number, folder)[1]
        facts = facts_of(known, training_of(source.registry, known))
    except (RegistryError, DigestMismatch) as error:
        return Candidate(known.model, known.number, source=label, reason=str(error))
    laid = Laid(dict(files), framework_of(list(files)))
    return Candidate(known.model, known.number, laid, facts, label)


def training_of(registry: MlflowRegistry, known: Known) -> Training:
    """Return what the run of a version says; nothing where it was deleted."""
    if not known.run:
        return Training({}, {})
    try:
        return registry.training(known.run)
    except RegistryError:
        return Training({}, {})


def facts_of(known: Known, training: Training) -> Facts:
    """Return what is known of a version as a manifest says it."""
    lineage = Lineage(training.data, code=training.code, parameters=training.parameters)
    return {
        "lineage": lineage,
        "metrics": finite(training.metrics),
        "notes": known.description,
    }


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that are numbers: MLflow keeps NaN and infinity too.

    Examples
    --------
    >>> finite({"auc": 0.9, "loss": math.nan})
    {'auc': 0.9}
    """
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
