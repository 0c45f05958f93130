"""A folder of models as TensorFlow Serving and Triton have it: MODEL/VERSION/files.

Versions are published by renaming a finished folder into place, so names that begin with a
dot are passed over, and a version without any file is one that is not finished.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from runtime.backends import FRAMEWORKS, suffix_of
from runtime.errors import ConfigError
from runtime.registry.layout import beside, of_version
from runtime.registry.manifest import MODEL_FOLDER
from runtime.registry.source import RegistryError

NUMBER = re.compile("0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file looks like without being read; differs after nearly every change."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int


def stamp_of(path: Path) -> Stamp:
    """Return a file's stamp; raises OSError."""
    status = path.stat()
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def is_name(name: str) -> bool:
    """Tell whether a name may be a model's or an alias's: one folder, and not hidden.

    Examples
    --------
    >>> [is_name(name) for name in ("fraud", "..", ".git", "a/b", "")]
    [True, False, False, False, False]
    """
    return bool(name) and name[0] != "." and "/" not in name and name.isprintable()


def is_number(name: str) -> bool:
    """Tell whether a folder's name is a version: decimal, no leading zeros, 63 bits.

    Examples
    --------
    >>> [is_number(name) for name in ("7", "0", "07", "v7", "", "9" * 19)]
    [True, True, False, False, False, False]
    """
    return NUMBER.fullmatch(name) is not None


def models_in(root: Path) -> list[str]:
    """Return the names of the models in a folder; raises OSError."""
    return sorted(
        entry.name for entry in os.scandir(root) if entry.is_dir() and is_name(entry.name)
    )


def model_folder(root: Path, model: str) -> Path:
    """Return a model's folder; RegistryError when there is none."""
    if is_name(model) and (root / model).is_dir():
        return root / model
    os.stat(root)  # Gone altogether: OSError.
    raise RegistryError(f"{root} has no folder of a model {model!r}")


def numbers_of(folder: Path) -> list[int]:
    """Return the numbers of a model's finished versions, the lowest first."""
    found = (name for name in os.listdir(folder) if is_number(name))
    return sorted(int(name) for name in found if has_a_file(folder / name))


def has_a_file(version: Path) -> bool:
    """Tell whether a version's folder has a file; an empty one is still to be filled."""
    if not version.is_dir():
        return False
    return any(True for _, _, names in os.walk(version) for name in names if name[0] != ".")


def version_folder(folder: Path, number: int) -> Path:
    """Return a version's folder; RegistryError when it is not there, or empty."""
    version = folder / str(number)
    if number < 0 or not has_a_file(version):
        raise RegistryError(f"{folder} has no version {number}")
    return version


def files_of(folder: Path, number: int) -> dict[str, Path]:
    """Return a version's files by their names in a manifest, and what lies beside it.

    Raises RegistryError where links lead out of the model's folder.
    """
    version = version_folder(folder, number)
    try:
        return dict(sorted({**of_version(version, folder), **beside_all(folder)}.items()))
    except ConfigError as error:
        raise RegistryError(str(error)) from error


def beside_all(folder: Path) -> dict[str, Path]:
    """Return what lies beside versions; a folder such as ``007`` is no version, nor that.

    Raises ConfigError where links lead out of the model's folder.
    """
    found = beside(folder)
    return {
        name: path
        for name, path in found.items()
        if not ("/" in name and name.partition("/")[0].isdecimal())
    }


def framework_of(names: list[str]) -> str:
    """Return the framework of a version's files, or ``unknown`` where none says one.

    Examples
    --------
    >>> framework_of(["leeboard.yaml", "model/model.onnx"])
    'onnx'
    """
    own = [Path(name) for name in names if name.startswith(f"{MODEL_FOLDER}/")]
    own.sort(key=lambda path: (path.stem != "model", len(path.parts), path.name))
    found = (FRAMEWORKS.get(suffix_of(path), "") for path in own)
    return next((framework for framework in found if framework), "unknown")
