"""Pushes a model out of the program that trained it: an object or a file, one call.

What an object becomes is loaded and run in a process of its own before it is registered,
as a server would do it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from runtime.backends.plan import LoadPlan
from runtime.errors import ConfigError
from runtime.profiles import Reference
from runtime.profiles.contract import contract_of
from runtime.registry import from_onnx, from_sklearn, from_torch
from runtime.registry.actors import actor_here
from runtime.registry.check import ROWS, Proof, Trial, plain_trial, prove
from runtime.registry.conversion import Converted, named, with_warmup
from runtime.registry.layout import Laid, lay_out
from runtime.registry.manifest import MODEL_FOLDER, Lineage, Signature
from runtime.registry.records import Facts, Pushed
from runtime.registry.references import check_alias, check_name
from runtime.registry.referring import with_reference
from runtime.workers.process import LoadRequest

VARIABLE = "LEEBOARD_REGISTRY"
CHUNK = 1 << 20

Check = Callable[[Laid], Proof]


class Details(TypedDict, total=False):
    """What may be said of a version that is pushed.

    `data` is the digest of its training data, or a file or folder whose digest is taken.
    `parent` is the version that it was made from: a number, ``@champion``, a digest.
    `contract` is what rows must look like (`runtime.profiles.contract`), `reference` what
    they look like: a `runtime.profiles.Reference` or a file of one. With `any_signature`
    the alias may move though the new version takes or gives other tensors.
    """

    metrics: Mapping[str, float]
    data: str | Path
    parent: str | int
    code: str
    parameters: Mapping[str, Any]
    seed: int
    contract: Mapping[str, Any]
    reference: Reference | str | Path
    notes: str
    reason: str
    any_signature: bool


def push(
    name: str,
    model: object,
    registry: str | Path | None = None,
    *,
    sample: object = None,
    alias: str = "",
    check: bool | Check = True,
    **details: Unpack[Details],
) -> Pushed:
    """Register a model as a version; the same one keeps its number.

    Parameters
    ----------
    name
        The model's name.
    model
        A path (a model file or its folder), an `onnx.ModelProto`, a `torch.nn.Module`, an
        exported program or ScriptModule of PyTorch, or a fitted estimator or pipeline of
        scikit-learn.
    registry
        The registry's folder, made if it is not there; default: what the variable
        LEEBOARD_REGISTRY says.
    sample
        Input rows as the model takes them: an array or tensor, a tuple of them, a mapping
        by input, or a table. Needed for modules of PyTorch; kept to warm the model up.
    alias
        An alias to point at the version, such as ``champion``.
    check
        Whether to load and run the model first, or what does it:
        `runtime.models.proving.prove_as_served` for a folder with settings.
    details
        See `Details`.

    Raises ConfigError for what cannot be pushed, ModelError for a model that cannot be
    converted, loaded or run, RegistryError and StoreError where the registry refuses.
    """
    place = registry or os.environ.get(VARIABLE, "")
    if not place:
        raise ConfigError(f"say where the registry is: registry=, or set {VARIABLE}")
    check_name(name)
    if alias:
        check_alias(alias)
    with tempfile.TemporaryDirectory(prefix="leeboard-push-") as scratch:
        folder = Path(scratch)
        made = converted(model, sample, folder)
        laid = with_warmup(made.laid, made.sample, folder)
        if given := details.get("reference"):
            laid = with_reference(laid, given, folder)
        contract_of(details.get("contract", {}))  # What is not one is said now.
        signature = Signature()
        if check:
            prover = check if callable(check) else partial(proven, made=made)
            # A notebook has a loop of asyncio on its thread, and the check runs its own.
            with ThreadPoolExecutor(1, "leeboard-check") as thread:
                signature = thread.submit(prover, laid).result().signature
        return register(name, laid, Path(place), signature, alias, **details)


def register(
    name: str,
    laid: Laid,
    place: Path,
    signature: Signature,
    alias: str = "",
    **details: Unpack[Details],
) -> Pushed:
    """Put a version's files into a registry, and point an alias at it if one is given."""
    from runtime.registry.registry import Registry
    from runtime.store.store import Store

    store = Store.create(place)
    try:
        there = Registry(store, actor_here())
        parent = details.get("parent", "")
        lineage = Lineage(
            data_digest(details.get("data", "")),
            there.version(name, parent).digest if parent else "",
            details.get("code", ""),
            details.get("parameters", {}),
            details.get("seed"),
        )
        facts: Facts = {
            "signature": signature,
            "lineage": lineage,
            "metrics": details.get("metrics", {}),
            "contract": details.get("contract", {}),
            "notes": details.get("notes", ""),
        }
        pushed = there.push(name, laid.files, laid.framework, source=script(), **facts)
        if alias:
            there.alias(
                name,
                alias,
                pushed.number,
                any_signature=details.get("any_signature", False),
                reason=details.get("reason", ""),
            )
        return pushed
    finally:
        store.close()


def converted(model: object, sample: object, folder: Path) -> Converted:
    """Return the files that a model becomes; ConfigError for what nothing is known of.

    An object's package is imported already, so none is imported to ask whose it is.
    """
    if isinstance(model, (str, Path)):
        return of_path(Path(model), sample)
    onnx, sklearn = sys.modules.get("onnx"), sys.modules.get("sklearn.base")
    torch = sys.modules.get("torch")
    if onnx is not None and isinstance(model, onnx.ModelProto):
        return from_onnx.convert(model, sample, folder)
    if torch is not None:
        if isinstance(model, torch.jit.ScriptModule):
            return from_torch.convert_script(model, sample, folder)
        if isinstance(model, torch.nn.Module):
            return from_torch.convert(model, sample, folder)
        if isinstance(model, torch.export.ExportedProgram):
            return from_torch.save(model, sample, folder)
    if sklearn is not None and isinstance(model, sklearn.BaseEstimator):
        return from_sklearn.convert(model, sample, folder)
    kind = type(model)
    raise ConfigError(
        f"a {kind.__module__}.{kind.__qualname__} cannot be pushed: pass a path, an "
        "onnx.ModelProto, a torch.nn.Module, an exported program or ScriptModule, or an "
        "estimator of scikit-learn"
    )


def of_path(path: Path, sample: object) -> Converted:
    """Return the files at a path, with a sample by the inputs that an ONNX file names."""
    laid = lay_out(path)
    onnx_file = laid.files.get(f"{MODEL_FOLDER}/model.onnx")
    by_place = sample is not None and not isinstance(sample, Mapping)
    names = from_onnx.inputs_of_file(onnx_file) if onnx_file and by_place else []
    return Converted(laid, named(sample, names))


def proven(laid: Laid, made: Converted) -> Proof:
    """Load and run what is to be pushed, with the tensors that were declared for it."""
    if not made.inputs:
        return prove(laid)

    def trying(folder: Path, timeout_s: float) -> Trial:
        plain = plain_trial(folder, timeout_s)
        plan: LoadPlan = replace(
            plain.request.plan,
            inputs=made.inputs,
            outputs=made.outputs,
            max_batch_size=ROWS,
        )
        return Trial(LoadRequest(plain.request.name, plan, timeout_s))

    settings = {name for name in laid.files if "/" not in name}
    without = {name: path for name, path in laid.files.items() if name not in settings}
    return prove(Laid(without, laid.framework), trying=trying)


def data_digest(data: str | Path) -> str:
    """Return the digest of training data: text as it is, files by their bytes.

    A folder's digest is that of its files' paths and digests.
    """
    if isinstance(data, str):
        return data
    if not data.exists():
        raise ConfigError(f"data: {data} does not exist")
    if data.is_file():
        return _digest(data)
    whole = hashlib.sha256()
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        whole.update(f"{path.relative_to(data).as_posix()}\0{_digest(path)}\n".encode())
    return whole.hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def script() -> str:
    """Return the program that pushes, for the version's source."""
    return sys.argv[0] if sys.argv and sys.argv[0] not in ("", "-c") else "Python"
