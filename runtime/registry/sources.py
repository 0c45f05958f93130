"""Opens a registry by the words that a person writes: a folder, ``folder:DIR``, a URI.

Others come as entry points of the group ``runtime.registries``: the name before the colon,
and a function that makes a `Source` of what stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.errors import ConfigError

if TYPE_CHECKING:
    from runtime.registry.folder_source import FolderSource
    from runtime.registry.mlflow_source import MlflowSource
    from runtime.registry.source import Source
    from runtime.registry.store_source import StoreSource

GROUP = "runtime.registries"

OURS = {
    "store": "runtime.registry.store_source:StoreSource",
    "folder": "runtime.registry.sources:folder_source",
    "mlflow": "runtime.registry.sources:mlflow_source",
}
HTTP = ("http", "https")


def open_source(text: str, namespace: str = "default", actor: str = "") -> Source:
    """Return the registry that some text names, not yet asked.

    ``DIR`` and ``store:DIR`` are a store's folder, ``folder:DIR`` a folder of models as
    Triton has it, ``mlflow:URI`` and ``http://...`` a registry of MLflow. Only a store has
    namespaces, and an audit log that names an actor where nobody else is named. Raises
    ConfigError for a name that nobody knows, or what its source cannot be opened with.
    """
    kind, place = parsed(text)
    known = OURS if kind in OURS else registered()
    if kind not in known:
        raise ConfigError(
            f"{text}: no registry is called {kind!r}; known: {', '.join(sorted(known))}; "
            f"a folder of that name is ./{text}"
        )
    if kind == "store":
        return store_source(place, namespace, actor)
    module, _, attribute = known[kind].partition(":")
    try:
        make: Callable[[str], Source] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"registry {kind!r} cannot be imported: {error}") from error
    return make(place)


def parsed(text: str) -> tuple[str, str]:
    """Return the kind of a registry and its place; ConfigError where there is no place.

    Examples
    --------
    >>> parsed("folder:models/"), parsed("registry/"), parsed("https://mlflow.example")
    (('folder', 'models/'), ('store', 'registry/'), ('mlflow', 'https://mlflow.example'))
    """
    kind, colon, place = text.partition(":")
    if colon and kind in HTTP:
        return "mlflow", text
    if not colon or "/" in kind:
        kind, place = "store", text
    if not place:
        raise ConfigError(f"{text!r} names no registry: give DIR, folder:DIR or mlflow:URI")
    return kind, place


def registered() -> dict[str, str]:
    """Return each kind's name and where it is made; of two with one name, ours stays."""
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return {**found, **OURS}


def store_source(place: str, namespace: str, actor: str) -> StoreSource:
    """Return the registry in a store's folder."""
    from runtime.registry.actors import actor_here
    from runtime.registry.store_source import StoreSource

    return StoreSource(Path(place), actor or actor_here(), namespace)


def folder_source(place: str) -> FolderSource:
    """Return the registry that a folder of models is."""
    from runtime.registry.folder_source import FolderSource

    return FolderSource(Path(place))


def mlflow_source(place: str) -> MlflowSource:
    """Return a registry of MLflow; ConfigError where its client is not installed."""
    from runtime.registry.mlflow_source import MlflowSource

    return MlflowSource(place)
