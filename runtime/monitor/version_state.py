"""What a version's watch knows, as plain arrays, and a watch that goes on from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import ProfileError
from runtime.monitor.looks import Look
from runtime.monitor.tensor_reference import TensorReference
from runtime.monitor.version_watch import Origin, Phase, Seen, VersionWatch
from runtime.native.stats import TensorProfile

FORMAT = 2

Arrays = dict[str, npt.NDArray[Any]]


def packed(values: object) -> npt.NDArray[np.uint8]:
    """Return JSON as an array of bytes."""
    return np.frombuffer(json.dumps(values, sort_keys=True).encode(), dtype=np.uint8)


def unpacked(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return the mapping that `packed` was given; ValueError for anything else."""
    found = json.loads(array.tobytes())
    if not isinstance(found, dict):
        raise ValueError("there is no mapping in it")
    return found


def part(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Arrays:
    """Return the arrays whose names begin so, without that beginning."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def to_arrays(watch: VersionWatch) -> Arrays:
    """Return all that `restore` needs."""
    arrays: Arrays = {
        "about": packed(
            {
                "format": FORMAT,
                "features": _features(watch),
                "phase": watch.phase.value,
                "origin": asdict(watch.origin) if watch.origin else None,
                "given": _given(watch),
                "seen": asdict(watch.seen),
                "last_look_s": watch.last_look_s,
                "tests": _tests(watch),
            }
        )
    }
    arrays |= {f"schema.{k}": v for k, v in watch.schema.to_arrays().items()}
    for place, drift in enumerate(watch.drifts):
        prefix = f"tensor{place}."
        reference = watch.references[place]
        if drift is not None and reference is not None:
            arrays |= {f"{prefix}drift.{k}": v for k, v in drift.to_arrays().items()}
            arrays |= {f"{prefix}reference.{k}": v for k, v in _of(reference).items()}
        elif watch.phase is Phase.EDGES:
            content = watch.profiles[place].to_bytes()
            arrays[f"{prefix}profile"] = np.frombuffer(content, dtype=np.uint8)
        else:
            arrays[f"{prefix}edges"] = watch.edges[place]
    for place, look in zip(watch.learners, watch.gathered, strict=False):
        counted = look.to_arrays()
        arrays |= {f"tensor{place}.look.{name}": array for name, array in counted.items()}
    return arrays


def restore(watch: VersionWatch, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Have a watch that has seen nothing go on from arrays.

    With other settings than then the references stay and the evidence begins anew. Raises
    ValueError when they are not of this version; then nothing is changed.
    """
    try:
        _restore(watch, arrays)
    except (KeyError, TypeError, ValueError, ProfileError) as error:
        watch.forget()
        raise ValueError(str(error)) from error


def _restore(watch: VersionWatch, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    told = unpacked(arrays["about"])
    if told["format"] != FORMAT:
        raise ValueError(f"it has format {told['format']}, this program reads {FORMAT}")
    if told["features"] != _features(watch):
        raise ValueError("it is of a version with other tensors")
    if told["given"] != _given(watch):
        return  # Held to other references than then, it has seen nothing yet.
    tensors = [part(arrays, f"tensor{place}.") for place in range(len(watch.plan.tensors))]
    seen, last_look_s = Seen(**told["seen"]), float(told["last_look_s"])
    if watch.learners:
        _restore_learned(watch, [tensors[place] for place in watch.learners], told)
    if told["tests"] == _tests(watch):
        watch.schema.restore(part(arrays, "schema."))
        for drift, tensor in zip(watch.drifts, tensors, strict=True):
            if drift is not None:
                drift.restore(part(tensor, "drift."))
    watch.seen, watch.last_look_s = seen, last_look_s


def _restore_learned(
    watch: VersionWatch, learned: list[Arrays], told: Mapping[str, Any]
) -> None:
    """Have tensors go on learning, or be held to what they have learned."""
    phase = Phase(told["phase"])
    if phase is Phase.EDGES:
        _restore_profiles(watch, learned)
    elif phase is Phase.REFERENCE:
        looks = [part(tensor, "look.") for tensor in learned]
        gathered = [Look.from_arrays(look) for look in looks if look]
        watch.use_edges([tensor["edges"] for tensor in learned], gathered)
    else:
        references = [_reference(part(tensor, "reference.")) for tensor in learned]
        origin = Origin(**told["origin"])
        watch.begin(references, origin.digest, origin.made_s)


def _restore_profiles(watch: VersionWatch, learned: list[Arrays]) -> None:
    found = [TensorProfile.from_bytes(t["profile"].tobytes()) for t in learned]
    for place, profile in zip(watch.learners, found, strict=True):
        watch.profiles[place].fresh().merge(profile)  # Raises when it is of another kind.
    for place, profile in zip(watch.learners, found, strict=True):
        watch.profiles[place] = profile


def _given(watch: VersionWatch) -> list[str]:
    """Return what names the references and the contract that were given."""
    return [watch.given.digest, watch.given.contract.digest]


def _features(watch: VersionWatch) -> list[list[str]]:
    return [[tensor.kind.value, *tensor.features] for tensor in watch.plan.tensors]


def _tests(watch: VersionWatch) -> list[float]:
    """Return what the detectors' bets are made of, beside the references."""
    return [watch.settings.eps, watch.settings.false_alarm_days, watch.interval_s]


def _of(reference: TensorReference) -> Arrays:
    arrays = {
        field.name: np.asarray(getattr(reference, field.name))
        for field in fields(reference)
        if field.name != "features"
    }
    return {**arrays, "features": packed({"names": list(reference.features)})}


def _reference(arrays: Arrays) -> TensorReference:
    names = tuple(unpacked(arrays.pop("features"))["names"])
    rows = int(arrays.pop("rows"))
    return TensorReference(names, rows, **arrays)
