"""References that somebody gave, brought into the shape of what a version is asked.

A reference comes from the monitor's file or lies beside the version, which a registry's
manifest names. Its features are found by their names, by their tensor and place, or as the
columns of the one input that has as many values. Tensors of which it says nothing learn
from their first rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from runtime.errors import ProfileError
from runtime.monitor.narrow import narrowed
from runtime.monitor.plan import WHOLE, WatchedTensor, WatchPlan
from runtime.monitor.settings import ModelWatch
from runtime.monitor.signals import Kind
from runtime.monitor.tensor_reference import Floats, TensorReference
from runtime.profiles import FeatureReference, Reference
from runtime.profiles.contract import LARGEST_WHOLE, Contract, read_contract

LARGEST = 64 << 20
MANIFEST = "the version's files"

Features = Sequence[FeatureReference]


@dataclass(frozen=True, slots=True)
class Given:
    """What is known of a version's rows before the first one.

    `references` has one for each tensor of the plan, None where none was given; `origin`
    is the file that they are from, or "the version's files". `trouble` says why what was
    given is not used.
    """

    references: tuple[TensorReference | None, ...] = ()
    origin: str = ""
    digest: str = ""
    contract: Contract = field(default_factory=Contract)
    trouble: str = ""


def files_of(
    settings: ModelWatch, reference: Path | None, contract: Path | None
) -> tuple[Path | None, Path | None, str]:
    """Return the files to read, the settings' before the version's, and their origin."""
    chosen = Path(settings.reference) if settings.reference else reference
    stated = Path(settings.contract) if settings.contract else contract
    origin = Path(settings.reference).name if settings.reference else MANIFEST
    return chosen, stated, origin if chosen else ""


def read(
    plan: WatchPlan, settings: ModelWatch, reference: Path | None, contract: Path | None
) -> tuple[WatchPlan, Given]:
    """Return a plan with the reference's names of features, and what was given for it.

    What cannot be used is told in `Given.trouble`, and the version learns instead.
    """
    chosen, stated, origin = files_of(settings, reference, contract)
    trouble = []
    promises = Contract()
    if stated is not None:
        try:
            promises = read_contract(stated)
        except ProfileError as error:
            trouble.append(f"its contract is not held: {error}")
    nothing = Given((None,) * len(plan.tensors), contract=promises)
    if chosen is not None:
        try:
            known = read_reference(chosen)
            plan, references = placed(plan, known)
            nothing = replace(
                nothing, references=references, origin=origin,
                digest=f"sha256:{known.digest}",
            )  # fmt: skip
        except ProfileError as error:
            trouble.append(f"its reference is not used, its first rows are: {error}")
    trouble += _unmet(plan, promises)
    return plan, replace(nothing, trouble="; ".join(trouble))


def read_reference(path: Path) -> Reference:
    """Return a reference's file; ProfileError names it and what is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ProfileError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise ProfileError(f"{path.name} has more than {LARGEST >> 20} MiB")
    return Reference.from_bytes(content)


def placed(
    plan: WatchPlan, reference: Reference
) -> tuple[WatchPlan, tuple[TensorReference | None, ...]]:
    """Return the plan with the reference's names, and a reference for each tensor or None.

    Raises ProfileError where it is of no tensor, or has features that none has.
    """
    found = [_of_tensor(tensor, reference) for tensor in plan.tensors]
    if not any(found):
        found = _as_columns(plan, reference)
    used = {feature.name for features in found for feature in features}
    left = [feature.name for feature in reference.features if feature.name not in used]
    if left:
        some = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
        raise ProfileError(
            f"it has {len(left)} features that the model has not: {some}; name the inputs' "
            "values by `features` in the monitor's file, or make the reference of the "
            "columns that the model takes, in order"
        )
    tensors: list[WatchedTensor] = []
    references: list[TensorReference | None] = []
    for tensor, features in zip(plan.tensors, found, strict=True):
        if not features:
            tensors.append(tensor)
            references.append(None)
            continue
        names = tuple(feature.name for feature in features)
        tensors.append(replace(tensor, features=names))
        references.append(tensor_reference(tensor, features, reference.rows))
    return replace(plan, tensors=tuple(tensors)), tuple(references)


def _of_tensor(tensor: WatchedTensor, reference: Reference) -> Features:
    """Return a tensor's features by their names or, all of them, by its own."""
    if tensor.is_summary:
        return ()
    by_name = {feature.name: feature for feature in reference.features}
    if all(name in by_name for name in tensor.features):
        return [by_name[name] for name in tensor.features]
    own = sorted(
        (feature for feature in reference.features if feature.tensor == tensor.name),
        key=lambda feature: feature.place,
    )
    return own if len(own) == len(tensor.features) else ()


def _as_columns(plan: WatchPlan, reference: Reference) -> list[Features]:
    """Return the reference's features as those of the one input with as many values."""
    fitting = [
        tensor
        for tensor in plan.tensors
        if tensor.kind is Kind.INPUT
        and not tensor.is_summary
        and len(tensor.features) == len(reference.features)
    ]
    if len(fitting) != 1:
        return [() for _ in plan.tensors]
    return [reference.features if t is fitting[0] else () for t in plan.tensors]


def tensor_reference(
    tensor: WatchedTensor, features: Features, rows: int
) -> TensorReference:
    """Return features as arrays; of floats edges stand in for categories."""
    is_mix = [_is_mix(tensor, feature) for feature in features]
    width = max((len(f.edges) for f in features), default=0)
    edges, shares = _blank(len(features), width), _blank(len(features), width)
    codes = max((len(f.categories) for f in features), default=0)
    categories, mixes = _blank(len(features), codes), _blank(len(features), codes)
    unseen = np.zeros(len(features))
    low, high = np.full(len(features), -np.inf), np.full(len(features), np.inf)
    for place, feature in enumerate(features):
        if feature.range_is_given or not is_mix[place]:  # Else what is new is unseen.
            low[place] = -np.inf if np.isnan(feature.low) else feature.low
            high[place] = np.inf if np.isnan(feature.high) else feature.high
        if is_mix[place]:
            count = len(feature.categories)
            categories[place, :count] = [c.code for c in feature.categories]
            known = sum(c.share for c in feature.categories)
            mixes[place, :count] = [c.share / known for c in feature.categories]
            unseen[place] = feature.rest
        else:
            edges[place, : len(feature.edges)] = narrowed(feature.edges, tensor.datatype)
            shares[place, : len(feature.edges)] = 1.0 - feature.below
    return TensorReference(
        tuple(feature.name for feature in features), rows, edges, shares, categories,
        mixes,
        np.array([feature.missing_rate for feature in features]),
        np.zeros(len(features)), np.zeros(len(features)), unseen,
        narrowed(low, tensor.datatype), narrowed(high, tensor.datatype),
        np.array([feature.range_is_given for feature in features]),
        np.zeros(len(features), dtype=bool),
        np.full(len(features), np.nan),
    )  # fmt: skip


def _is_mix(tensor: WatchedTensor, feature: FeatureReference) -> bool:
    codes = [abs(category.code) for category in feature.categories]
    return _is_whole(tensor) and bool(codes) and max(codes) <= LARGEST_WHOLE


def _is_whole(tensor: WatchedTensor) -> bool:
    return tensor.datatype in WHOLE and not tensor.is_summary


def _blank(features: int, width: int) -> Floats:
    return np.full((features, max(width, 1)), np.nan)


def _unmet(plan: WatchPlan, contract: Contract) -> list[str]:
    """Return what of a contract cannot be held."""
    by_name: Mapping[str, WatchedTensor] = {
        name: tensor for tensor in plan.tensors for name in tensor.features
    }
    found = []
    if lost := sorted(set(contract.features) - set(by_name)):
        found.append(f"its contract names what the model has not: {', '.join(lost[:5])}")
    loose = [
        name
        for name, said in contract.features.items()
        if said.values and name in by_name and not _is_whole(by_name[name])
    ]
    if loose:
        found.append(
            f"single values of {', '.join(sorted(loose)[:5])} cannot be told apart, they "
            "are no whole numbers; give a range"
        )
    return found
