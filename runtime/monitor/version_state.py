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

FORMAT = 1

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
                "seen": asdict(watch.seen),
                "last_look_s": watch.last_look_s,
                "tests": _tests(watch),
            }
        )
    }
    for place in range(len(watch.plan.tensors)):
        prefix = f"tensor{place}."
        if watch.phase is Phase.EDGES:
            content = watch.profiles[place].to_bytes()
            arrays[f"{prefix}profile"] = np.frombuffer(content, dtype=np.uint8)
            continue
        arrays[f"{prefix}edges"] = watch.edges[place]
        if watch.gathered:
            look = watch.gathered[place].to_arrays()
            arrays |= {f"{prefix}look.{name}": array for name, array in look.items()}
        if watch.phase is Phase.WATCHING:
            drift = watch.drifts[place]
            arrays |= {f"{prefix}reference.{k}": v for k, v in _of(drift.reference).items()}
            arrays |= {f"{prefix}drift.{k}": v for k, v in drift.to_arrays().items()}
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
    phase = Phase(told["phase"])
    tensors = [part(arrays, f"tensor{place}.") for place in range(len(watch.plan.tensors))]
    seen, last_look_s = Seen(**told["seen"]), float(told["last_look_s"])
    if phase is Phase.EDGES:
        _restore_profiles(watch, tensors)
    elif phase is Phase.REFERENCE:
        looks = [part(tensor, "look.") for tensor in tensors]
        gathered = [Look.from_arrays(look) for look in looks if look]
        watch.use_edges([tensor["edges"] for tensor in tensors], gathered)
    else:
        _restore_drifts(watch, tensors, told)
    watch.seen, watch.last_look_s = seen, last_look_s


def _restore_profiles(watch: VersionWatch, tensors: list[Arrays]) -> None:
    found = [TensorProfile.from_bytes(t["profile"].tobytes()) for t in tensors]
    for blank, profile in zip(watch.profiles, found, strict=True):
        blank.fresh().merge(profile)  # Raises when it counts something else.
    watch.profiles = found


def _restore_drifts(
    watch: VersionWatch, tensors: list[Arrays], told: Mapping[str, Any]
) -> None:
    references = [_reference(part(tensor, "reference.")) for tensor in tensors]
    origin = Origin(**told["origin"])
    watch.begin(references, origin.name, origin.digest, origin.made_s)
    if told["tests"] != _tests(watch):
        return
    for drift, tensor in zip(watch.drifts, tensors, strict=True):
        drift.restore(part(tensor, "drift."))


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
