"""What no manifest may say: paths that lead elsewhere, sizes and names out of bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from runtime.registry.manifest import (
    MODEL_FOLDER,
    File,
    Manifest,
    ManifestError,
    Signature,
    Tensor,
)

MOST_FILES = 10_000
MOST_TENSORS = 1_000
MOST_METRICS = 1_000
LARGEST_FILE = 1 << 50
LONGEST_PATH = 1_024
LONGEST_PART = 255
LONGEST_NAME = 256
LONGEST_NOTES = 64 << 10
LARGEST_DIM = 1 << 62
LARGEST_METRIC = 1.7e308

SHA256 = re.compile("[0-9a-f]{64}")
FRAMEWORK = re.compile("[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
DATATYPE = re.compile("[A-Z][A-Z0-9]{1,15}")


def check_kinds(manifest: Manifest) -> None:
    """Raise ManifestError where a person gave a value of another type than is due."""
    lineage = manifest.lineage
    texts: dict[str, object] = {
        "framework": manifest.framework,
        "notes": manifest.notes,
        "profile": manifest.profile,
        "lineage.data": lineage.data,
        "lineage.parent": lineage.parent,
        "lineage.code": lineage.code,
    }
    objects: dict[str, object] = {
        "metrics": manifest.metrics,
        "contract": manifest.contract,
        "lineage.parameters": lineage.parameters,
    }
    wrong: list[tuple[str, object, str]]
    wrong = [(n, v, "text") for n, v in texts.items() if not isinstance(v, str)]
    wrong += [(n, v, "a mapping") for n, v in objects.items() if not isinstance(v, Mapping)]
    seed = lineage.seed
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        wrong.append(("lineage.seed", seed, "a whole number"))
    for name, value, due in wrong:
        raise ManifestError(f"{name}: {value!r} is no {due.removeprefix('a ')}")


def check_manifest(manifest: Manifest) -> None:
    """Raise ManifestError, with the field and the bound, where one is broken."""
    check_files(manifest.files)
    if not FRAMEWORK.fullmatch(manifest.framework):
        raise ManifestError(
            f"framework: {manifest.framework!r} is no name such as 'onnx' or 'torch'"
        )
    check_signature(manifest.signature)
    for name, digest in (("data", manifest.lineage.data), ("code", manifest.lineage.code)):
        if len(digest) > LONGEST_NAME or not digest.isprintable():
            raise ManifestError(
                f"lineage.{name}: at most {LONGEST_NAME} printable characters"
            )
    for name, digest in (
        ("lineage.parent", manifest.lineage.parent),
        ("profile", manifest.profile),
    ):
        if digest and not SHA256.fullmatch(digest):
            raise ManifestError(f"{name}: {digest!r} is no SHA-256 in lower hex digits")
    _check_metrics(manifest)
    if len(manifest.notes.encode(errors="replace")) > LONGEST_NOTES:
        raise ManifestError(f"notes: longer than {LONGEST_NOTES} bytes")


def check_files(files: Iterable[File]) -> None:
    """Raise ManifestError where a file's path, size or digest may not be."""
    files = tuple(files)
    if len(files) > MOST_FILES:
        raise ManifestError(f"files: there are {len(files)}; {MOST_FILES} are the most")
    for file in files:
        _check_file(file)
    paths = {file.path for file in files}
    if len(paths) != len(files):
        raise ManifestError("files: one path is there twice")
    nested = [(parent, path) for path in paths for parent in _parents(path)]
    for parent, path in nested:
        if parent in paths:
            raise ManifestError(f"files: {parent!r} is a file, and {path!r} is in it")
    if not any(path.startswith(f"{MODEL_FOLDER}/") for path in paths):
        raise ManifestError(f"files: none is below {MODEL_FOLDER}/, so there is no model")


def _check_file(file: File) -> None:
    check_path(file.path)
    if isinstance(file.size, bool) or not 0 <= file.size <= LARGEST_FILE:
        raise ManifestError(f"files: {file.path!r} has a size of {file.size} bytes")
    if not SHA256.fullmatch(file.sha256):
        raise ManifestError(
            f"files: {file.path!r} has {file.sha256!r}, no SHA-256 in lower hex digits"
        )


def check_path(path: str) -> None:
    """Raise ManifestError where a path is none within a model's folder.

    Upper and lower case are two paths. A folder named by a number is another version's.
    """
    parts = path.split("/")
    wrong = (
        not path.isprintable()
        or len(path) > LONGEST_PATH
        or any(part in ("", ".", "..") for part in parts)
        or any(len(part.encode()) > LONGEST_PART for part in parts)
    )
    if wrong:
        raise ManifestError(f"files: {path!r} is no path within a model's folder")
    if parts[0].isascii() and parts[0].isdigit():
        raise ManifestError(
            f"files: {path!r} lies where version {parts[0]} would; this version's own "
            f"files are below {MODEL_FOLDER}/"
        )


def check_signature(signature: Signature) -> None:
    """Raise ManifestError where a tensor's name, datatype or shape may not be."""
    for way, tensors in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        names = [tensor.name for tensor in tensors]
        if len(set(names)) != len(names) or len(names) > MOST_TENSORS:
            raise ManifestError(
                f"signature.{way}: names repeat, or are over {MOST_TENSORS}"
            )
        for tensor in tensors:
            _check_tensor(way, tensor)


def _check_tensor(way: str, tensor: Tensor) -> None:
    name = f"signature.{way}: {tensor.name!r}"
    if not tensor.name or len(tensor.name) > LONGEST_NAME:
        raise ManifestError(f"{name} is no name of up to {LONGEST_NAME} characters")
    if not DATATYPE.fullmatch(tensor.datatype):
        raise ManifestError(f"{name} has {tensor.datatype!r}, no datatype such as 'FP32'")
    if len(tensor.shape) > LONGEST_PART or any(
        not -1 <= dim <= LARGEST_DIM for dim in tensor.shape
    ):
        raise ManifestError(f"{name} has no shape: {list(tensor.shape)}")


def _check_metrics(manifest: Manifest) -> None:
    if len(manifest.metrics) > MOST_METRICS:
        raise ManifestError(f"metrics: more than {MOST_METRICS}")
    for name, value in manifest.metrics.items():
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise ManifestError(f"metrics: {name!r} is no name")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ManifestError(f"metrics.{name}: {value!r} is no number")
        if not -LARGEST_METRIC < value < LARGEST_METRIC:
            raise ManifestError(f"metrics.{name}: {value} is no number to keep")


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
