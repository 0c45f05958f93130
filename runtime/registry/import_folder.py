"""What a folder of Triton or TensorFlow Serving holds, as candidates for an import.

Settings come along without what only held there: the model's name, which is its folder's,
and a choice of versions by number, as numbers are others here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from runtime.errors import ConfigError
from runtime.registry.folder_aliases import names as alias_names
from runtime.registry.folder_aliases import read as read_alias
from runtime.registry.folder_layout import beside_all, is_number, models_in
from runtime.registry.importing import Candidate, Found
from runtime.registry.layout import SETTINGS, Laid, laid, of_version
from runtime.registry.source import RegistryError

FOREIGN = {
    "saved_model.pb": "a SavedModel of TensorFlow: convert it to ONNX, with tf2onnx",
    "saved_model.pbtxt": "a SavedModel of TensorFlow: convert it to ONNX, with tf2onnx",
    "model.savedmodel": "a SavedModel of TensorFlow: convert it to ONNX, with tf2onnx",
    "model.graphdef": "a GraphDef of TensorFlow: convert it to ONNX, with tf2onnx",
    "model.plan": "a plan of TensorRT, made for one GPU: export the model to ONNX",
    "model.xml": "a model of OpenVINO: export the model to ONNX",
    "model.keras": "a model of Keras: export it to ONNX",
}
"""What nobody here can serve, by the file that shows it."""

LARGEST_SETTINGS = 1 << 20


def find(root: Path, names: Collection[str], scratch: Path) -> Found:
    """Return what a folder of models, or one model's folder, would bring.

    `names` chooses models, none of them all. Settings that change on the way are written
    to `scratch`. Raises ConfigError for a folder that is not there, or a name that is not.
    """
    root = root.absolute()
    try:
        models = models_in(root)
        if is_one_model(root):
            root, models = root.parent, [root.name]
        if missing := set(names) - set(models):
            raise ConfigError(f"{root} has no model {', '.join(sorted(missing))}")
        chosen = [model for model in models if not names or model in names]
        if not chosen:
            raise ConfigError(f"{root} holds no model; expected {root}/MODEL/VERSION/...")
        candidates = [one for model in chosen for one in of_model(root / model, scratch)]
        aliases = {model: aliases_of(root / model) for model in chosen}
    except OSError as error:
        raise ConfigError(f"{root} cannot be read: {error}") from error
    return Found(tuple(candidates), aliases)


def is_one_model(folder: Path) -> bool:
    """Tell whether a folder is one model's own rather than a folder of models."""
    return any((folder / name).exists() for name in SETTINGS) or any(
        is_number(path.name) for path in folder.iterdir()
    )


def of_model(folder: Path, scratch: Path) -> Iterator[Candidate]:
    """Yield a model's versions; one that cannot come has its reason."""
    for path in sorted(folder.iterdir()):
        if not (is_number(path.name) and path.is_dir()):
            continue
        number = int(path.name)
        source = f"{folder}/{number}"
        try:
            yield Candidate(
                folder.name, number, laid_of(folder, path, scratch), source=source
            )
        except ConfigError as error:
            reason = foreign(path) or str(error)
            yield Candidate(folder.name, number, source=source, reason=reason)


def laid_of(folder: Path, version: Path, scratch: Path) -> Laid:
    """Return a version's files with settings that hold here; raises ConfigError."""
    found = laid(version, {**of_version(version, folder), **beside_all(folder)})
    files = dict(found.files)
    for name in set(SETTINGS) & set(files):
        path = files[name]
        text = without_numbers(name, read_text(path))
        if text is not None:
            files[name] = scratch / f"{folder.name}.{name}"
            files[name].write_text(text)
    return Laid(files, found.framework)


def foreign(version: Path) -> str:
    """Return why nobody here can serve what a version's folder holds; empty: unknown."""
    for name, reason in FOREIGN.items():
        if (version / name).exists():
            return reason
    return "" if any(version.iterdir()) else "its folder is empty"


def aliases_of(folder: Path) -> dict[str, int]:
    """Return the aliases that lie beside a model; a file without a number is no alias."""
    found = {}
    for alias in alias_names(folder):
        try:
            said = read_alias(folder, alias)
        except RegistryError:
            continue
        if said is not None:
            found[alias] = said.number
    return found


def read_text(path: Path) -> str:
    """Return what a settings file says; raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_SETTINGS).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def without_numbers(name: str, text: str) -> str | None:
    """Return settings without a model's name and numbers of versions; None: as they are.

    Examples
    --------
    >>> without_numbers("leeboard.yaml", "threads: 2") is None
    True
    >>> without_numbers("leeboard.yaml", "versions: [3, 4]")
    ''
    """
    if name == "config.pbtxt":
        return without_fields(text)
    block = re.compile(r"^versions[ \t]*:.*\n?(?:[ \t]+.*\n?|-.*\n?)*", re.MULTILINE)
    return block.sub("", text) if block.search(text) else None


def without_fields(text: str) -> str | None:
    """Return a config.pbtxt without its name and version policy; None: it has neither.

    One that cannot be read stays as it is, for whoever loads it to say so.
    """
    from google.protobuf import text_format

    from runtime.messages import POOL, ModelConfig

    config = ModelConfig()
    try:
        text_format.Parse(text, config, descriptor_pool=POOL)
    except (text_format.ParseError, ValueError, TypeError, RecursionError):
        return None
    if not (config.name or config.HasField("version_policy")):
        return None
    config.ClearField("name")
    config.ClearField("version_policy")
    return str(text_format.MessageToString(config))
