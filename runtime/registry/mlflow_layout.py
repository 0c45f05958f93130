"""What a model that MLflow logged becomes here: its files by their names in a manifest.

Taken are ONNX models, and folders that hold one file of a format which is data alone. What
must be unpickled, and with it could run anything, is refused with what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from runtime.errors import ConfigError
from runtime.registry.manifest import MODEL_FOLDER
from runtime.registry.onnx_files import beside_onnx
from runtime.registry.source import RegistryError

MLMODEL = "MLmodel"
MOST_BYTES = 1 << 20

BESIDE_MODEL = ("warmup.npz", "golden.npz", "reference.json", "contract.json")
BESIDE_VERSIONS = ("leeboard.yaml", "config.pbtxt", "labels.txt")
DATA_ALONE = (".onnx", ".pt2", ".ts")
"""Formats that a stranger's file may be opened in: without pickles, and without code."""

INSTEAD = {
    "sklearn": "push the estimator with runtime.registry.push, or log it with mlflow.onnx",
    "pytorch": "push the module with runtime.registry.push, or log it with mlflow.onnx",
}
"""By flavour: what makes a model of it that can be served."""


def files_in(folder: Path) -> dict[str, Path]:
    """Return the files of a downloaded model by their names in a manifest.

    Raises RegistryError with what to do where the model cannot be served.
    """
    model = _model_file(folder)
    found = {f"{MODEL_FOLDER}/model{model.suffix.lower()}": model}
    own = (folder / name for name in BESIDE_MODEL)
    found |= {f"{MODEL_FOLDER}/{path.name}": path for path in own if path.is_file()}
    others = (folder / name for name in BESIDE_VERSIONS)
    found |= {path.name: path for path in others if path.is_file()}
    if model.suffix.lower() == ".onnx":
        found |= _external_data(model)
    return {name: _inside(path, folder) for name, path in sorted(found.items())}


def _model_file(folder: Path) -> Path:
    if not (folder / MLMODEL).is_file():
        return _lone_file(folder)
    flavors = _flavors(folder / MLMODEL)
    onnx = flavors.get("onnx")
    if isinstance(onnx, Mapping):
        return _named(folder, str(onnx.get("data", "model.onnx")))
    named = sorted(name for name in flavors if name != "python_function")
    words = [INSTEAD[name] for name in named if name in INSTEAD]
    raise RegistryError(
        f"a model of the flavour {', '.join(named) or 'python_function'} would have to be "
        f"unpickled; {words[0] if words else 'log it with mlflow.onnx'}"
    )


def _flavors(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        with path.open("rb") as file:
            said = yaml.safe_load(file.read(MOST_BYTES))
    except yaml.YAMLError as error:
        raise RegistryError(f"its {MLMODEL} is no YAML") from error
    flavors = said.get("flavors") if isinstance(said, Mapping) else None
    if not isinstance(flavors, Mapping):
        raise RegistryError(f"its {MLMODEL} names no flavours")
    return flavors


def _named(folder: Path, name: str) -> Path:
    """Return the file of an ONNX flavour: it is named, or is `model.onnx` in a folder."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise RegistryError(f"its {MLMODEL} names {name!r}, which is outside of the model")
    path = folder / relative
    if path.is_dir():
        path = path / "model.onnx"
    if not path.is_file():
        raise RegistryError(f"its {MLMODEL} names {name!r}, which is not there")
    return path


def _lone_file(folder: Path) -> Path:
    if folder.is_file():
        folder = folder.parent
    names = sorted(p for p in folder.iterdir() if p.suffix.lower() in DATA_ALONE)
    whole = [path for path in names if path.stem == "model"] or names
    if len(whole) != 1:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:10])
        raise RegistryError(
            f"its artifacts are no model with an {MLMODEL}, nor one file that ends with "
            f"{' '.join(DATA_ALONE)}; there is: {there or 'nothing'}"
        )
    return whole[0]


def _external_data(model: Path) -> dict[str, Path]:
    """Return the files that an ONNX file keeps weights in."""
    try:
        weights = beside_onnx(model)
    except ConfigError as error:
        raise RegistryError(str(error)) from error
    return {f"{MODEL_FOLDER}/{name}": path for name, path in weights.items()}


def _inside(path: Path, folder: Path) -> Path:
    root = (folder.parent if folder.is_file() else folder).resolve()
    if not path.resolve().is_relative_to(root):
        raise RegistryError(f"{path.name} leads out of the model's artifacts")
    return path
