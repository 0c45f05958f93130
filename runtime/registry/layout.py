"""What a file or a folder that somebody pushes becomes in a manifest, and back.

A manifest's ``model/`` is one version's folder as a server knows it: the model file is
``model.onnx`` or has another suffix, with ``warmup.npz``, ``golden.npz``,
``reference.json`` and ``contract.json`` beside it.
Settings (``leeboard.yaml``, ``config.pbtxt``), labels and samples lie beside versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.backends import framework_of, registered, suffix_of
from runtime.errors import ConfigError
from runtime.registry.manifest import MODEL_FOLDER
from runtime.registry.onnx_files import beside_onnx

SETTINGS = ("leeboard.yaml", "config.pbtxt")
WARMUP = "warmup.npz"
SAMPLES = (WARMUP, "golden.npz")
REFERENCE = "reference.json"
OF_VERSION = (*SAMPLES, REFERENCE, "contract.json")
DEEPEST = 32
MOST_FILES = 10_000

IGNORED = frozenset({"__pycache__"})


@dataclass(frozen=True, slots=True)
class Laid:
    """Files by their path in a manifest, and the framework that opens the model's."""

    files: Mapping[str, Path]
    framework: str


def lay_out(path: Path, warmup: Path | None = None) -> Laid:
    """Return what a model file, a version's folder or a model's folder becomes.

    Links are followed and may not lead out of the folder. Hidden files stay behind.
    `warmup` is a file of inputs to go along. Raises ConfigError for anything else, with
    what would do.
    """
    laid = of_path(path.absolute())
    if warmup is None:
        return laid
    if not warmup.is_file():
        raise ConfigError(f"{warmup} is no file of inputs")
    name = f"{MODEL_FOLDER}/{WARMUP}"
    return replace(laid, files={**laid.files, name: warmup.resolve()})


def of_path(path: Path) -> Laid:
    """Return what a path becomes, whichever of the three it is."""
    if path.is_file():
        return of_file(path)
    if not path.is_dir():
        raise ConfigError(f"{path} does not exist; give a model file or its folder")
    versions = [entry for entry in visible(path) if is_version(entry)]
    if versions:
        return of_model_folder(path, versions)
    if is_version(path) and any((path.parent / name).exists() for name in SETTINGS):
        return laid(path, {**of_version(path, path.parent), **beside(path.parent)})
    if any((path / name).exists() for name in SETTINGS):
        return of_flat_folder(path)
    return laid(path, of_version(path, path))


def of_file(path: Path) -> Laid:
    """Return a lone model file under the name that servers look for, with its weights."""
    suffix = suffix_of(path)
    if suffix not in registered():
        known = ", ".join(f".{name}" for name in sorted(registered()))
        raise ConfigError(f"{path}: no backend opens such files; known: {known}")
    files = {f"{MODEL_FOLDER}/model.{suffix}": path.resolve()}
    if suffix == "onnx":
        for name, weights in beside_onnx(path).items():
            files[f"{MODEL_FOLDER}/{name}"] = weights
    return Laid(files, framework_of(path) or suffix)


def of_model_folder(path: Path, versions: list[Path]) -> Laid:
    """Return a model's folder with its only version."""
    if len(versions) > 1:
        names = sorted((entry.name for entry in versions), key=int)
        raise ConfigError(
            f"{path} holds the versions {', '.join(names)}; push one of them, as "
            f"{path / names[-1]}, or all by `leeboard registry import`"
        )
    return laid(path, {**of_version(versions[0], path), **beside(path)})


def of_flat_folder(path: Path) -> Laid:
    """Return a folder that has settings and the model side by side.

    A file that is neither might be asked for from either place: it is in both, which
    costs a store nothing.
    """
    files: dict[str, Path] = {}
    for name, file in walk(path, path):
        if name not in SETTINGS:
            files[f"{MODEL_FOLDER}/{name}"] = file
        if not is_model(name) and name not in OF_VERSION:
            files[name] = file
    return laid(path, files)


def of_version(folder: Path, root: Path) -> dict[str, Path]:
    """Return all files of a version's folder by their paths in a manifest."""
    return {f"{MODEL_FOLDER}/{name}": file for name, file in walk(folder, root)}


def beside(folder: Path) -> dict[str, Path]:
    """Return the files of a model's folder that lie in no version's."""
    return {
        name: file
        for name, file in walk(folder, folder)
        if not is_version(folder / name.partition("/")[0])
    }


def laid(path: Path, files: dict[str, Path]) -> Laid:
    """Return files with the framework of the model among them; ConfigError for none."""
    own = [
        Path(name).relative_to(MODEL_FOLDER)
        for name in sorted(files)
        if name.startswith(f"{MODEL_FOLDER}/")
    ]
    models = [name for name in own if is_model(str(name))]
    named = [name for name in own if suffix_of(name) in registered()]
    # Beside a program, weights are its data.
    found = sorted(models or named, key=lambda name: name.suffix == ".safetensors")
    if not found:
        raise ConfigError(
            f"{path} holds no model: expected model.onnx or another model file in it, in "
            "a folder named by a number, or beside a leeboard.yaml"
        )
    return Laid(files, framework_of(found[0]) or suffix_of(found[0]))


def walk(folder: Path, root: Path, depth: int = 0) -> Iterator[tuple[str, Path]]:
    """Yield visible files below a folder: their paths in it, and where they lie.

    Raises ConfigError where a link leads out of `root`, or something is no file.
    """
    if depth > DEEPEST:
        raise ConfigError(f"{folder}: folders are more than {DEEPEST} deep, or a loop")
    for entry in visible(folder):
        real = resolved(entry, root)
        if real.is_dir():
            for name, file in walk(entry, root, depth + 1):
                yield f"{entry.name}/{name}", file
        elif real.is_file():
            yield entry.name, real
        else:
            raise ConfigError(f"{entry} is no file and no folder, or cannot be read")


def visible(folder: Path) -> list[Path]:
    """Return what a folder holds, by name, without what is hidden or made by Python."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ConfigError(f"{folder} cannot be read: {error.strerror}") from error
    if len(entries) > MOST_FILES:
        raise ConfigError(f"{folder} holds {len(entries)} files; is it one model's folder?")
    return [e for e in entries if e.name[0] != "." and e.name not in IGNORED]


def resolved(entry: Path, root: Path) -> Path:
    """Return a path with its links followed; raises ConfigError where it leaves `root`."""
    try:
        real = entry.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{entry} leads nowhere: {error}") from error
    if not real.is_relative_to(root.resolve()):
        raise ConfigError(f"{entry} leads to {real}, out of {root}; copy it inside")
    return real


def is_version(path: Path) -> bool:
    """Tell whether a path is a folder named by a number without leading zeros."""
    name = path.name
    number = name.isascii() and name.isdigit() and (name == "0" or name[0] != "0")
    return number and path.is_dir()


def is_model(name: str) -> bool:
    """Tell whether a file's name is one that servers look for."""
    stem, _, suffix = name.rpartition(".")
    return stem == "model" and suffix in registered()


def place_of(path: str, number: int) -> str:
    """Return where a manifest's file lies in a model's folder with numbered versions.

    Examples
    --------
    >>> place_of("model/model.onnx", 3), place_of("leeboard.yaml", 3)
    ('3/model.onnx', 'leeboard.yaml')
    """
    folder, _, rest = path.partition("/")
    return f"{number}/{rest}" if folder == MODEL_FOLDER and rest else path
