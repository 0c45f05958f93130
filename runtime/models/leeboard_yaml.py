"""Reads ``leeboard.yaml`` into `ModelSettings`.

pydantic and PyYAML are imported when a file is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.backends.declared import Declared, Fill, Sample, SampleTensor
from runtime.errors import ConfigError
from runtime.models import bounds
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import ModelSettings, QueuePolicy
from runtime.printable import escaped

if TYPE_CHECKING:
    from pydantic import ValidationError

    from runtime.models.yaml_schema import LeeboardYaml, Tensor, Warmup, WarmupInput

MOST_ERRORS = 5
"""So many mistakes are told at once."""

OPTION_KEYS = ("module", "class", "memory_format", "dtype", "trust", "arguments")
SERVER_OPTIONS = ("allowed_modules", "copy_inputs")
"""Options that a backend is given by the server, and never by a file beside a model."""


def schema() -> dict[str, Any]:
    """Return the JSON schema of ``leeboard.yaml``."""
    from runtime.models.yaml_schema import LeeboardYaml

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **LeeboardYaml.model_json_schema(by_alias=True),
    }


def read(text: str, folder: ModelFolder, origin: str) -> ModelSettings:
    """Return the settings that a text says for the model in `folder`.

    Raises ConfigError that begins with `origin` and names the key.
    """
    try:
        return _settings(validated(text), folder, origin)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {escaped(str(error))}") from error


def validated(text: str) -> LeeboardYaml:
    """Return a text's keys; raises ConfigError that names the wrong ones."""
    from pydantic import ValidationError

    from runtime.models.yaml_schema import LeeboardYaml
    from runtime.models.yaml_text import parse

    content = parse(text)
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ConfigError("it must be keys with values, as in `max_batch_size: 8`")
    try:
        return LeeboardYaml.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_told(error)) from error


def _told(error: ValidationError) -> str:
    """Return the mistakes, each with the path of its key."""
    told = []
    for one in error.errors(include_url=False):
        place = list(one["loc"])
        message = one["msg"].removeprefix("Value error, ")
        if key := one.get("ctx", {}).get("key"):
            place.append(key)
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place)
        told.append(f"{path.removeprefix('.')}: {message}" if path else message)
    rest = len(told) - MOST_ERRORS
    return "; ".join(told[:MOST_ERRORS]) + (f"; and {rest} more" if rest > 0 else "")


def _settings(keys: LeeboardYaml, folder: ModelFolder, origin: str) -> ModelSettings:
    size, preferred = keys.max_batch_size, keys.batching.preferred_rows
    if size is not None and preferred is not None and preferred > size:
        raise ConfigError(
            f"batching.preferred_rows: {preferred} is more than max_batch_size {size}"
        )
    inputs = _tensors("inputs", keys.inputs, folder)
    delay = keys.batching.max_delay
    if delay is not None:
        bounds.bounded("batching.max_delay, in us,", delay, 0, bounds.LONGEST_DELAY_US)
    timeout = keys.batch_timeout
    return ModelSettings(
        origin=origin,
        backend=keys.backend or "",
        file=keys.file or "",
        inputs=inputs,
        outputs=_tensors("outputs", keys.outputs, folder),
        max_batch_size=size,
        close_rows=preferred,
        max_queue_delay_us=delay,
        max_queue_size=keys.queue.size,
        batch_timeout_s=None if timeout is None else timeout / 1e6,
        queue=QueuePolicy(
            timeout_us=keys.queue.timeout,
            delays=keys.queue.on_timeout == "delay",
            override=keys.queue.allow_timeout_override,
        ),
        instances=keys.instances,
        threads=keys.threads,
        device=keys.device,
        versions=keys.versions,
        samples=_samples(keys, {tensor.name: tensor for tensor in inputs}, folder),
        tolerances=_tolerances(keys.tolerance),
        retry=not keys.side_effects,
        decoupled=keys.decoupled,
        interpreter=_interpreter(keys.interpreter, folder),
        options=_options(keys),
    )


def _tensors(
    key: str, tensors: Iterable[Tensor], folder: ModelFolder
) -> tuple[Declared, ...]:
    declared: list[Declared] = []
    for place, tensor in enumerate(tensors):
        path = f"{key}[{place}]"
        if any(tensor.name == other.name for other in declared):
            raise ConfigError(f"{path}.name: {tensor.name} is there twice")
        dims = None if tensor.dims is None else tuple(tensor.dims)
        if dims is not None:
            bounds.check_dims(f"{path}.dims:", dims)
        reshape = None if tensor.reshape is None else tuple(tensor.reshape)
        declared.append(
            Declared(
                name=tensor.name,
                datatype=tensor.datatype or "",
                dims=dims,
                reshape=bounds.check_reshape(f"{path}.reshape:", dims, reshape),
                optional=getattr(tensor, "optional", False),
                labels=_labels(f"{path}.labels", getattr(tensor, "labels", None), folder),
            )
        )
    return tuple(declared)


def _labels(key: str, name: str | None, folder: ModelFolder) -> tuple[str, ...]:
    try:
        return folder.labels(name) if name else ()
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error


def _samples(
    keys: LeeboardYaml, inputs: dict[str, Declared], folder: ModelFolder
) -> tuple[Sample, ...]:
    return tuple(
        _sample(f"warmup[{place}]", warmup, keys.max_batch_size, inputs, folder)
        for place, warmup in enumerate(keys.warmup)
    )


def _sample(
    key: str,
    warmup: Warmup,
    size: int | None,
    inputs: dict[str, Declared],
    folder: ModelFolder,
) -> Sample:
    most = bounds.MOST_ROWS if size is None else max(size, 1)
    if warmup.rows > most:
        raise ConfigError(f"{key}.rows: {warmup.rows} is more than max_batch_size {size}")
    tensors = tuple(
        _sample_tensor(
            f"{key}.inputs.{name}",
            given,
            warmup.rows,
            inputs.get(name, Declared(name, "", None)),
            folder,
        )
        for name, given in warmup.inputs.items()
    )
    rows = 0 if size == 0 else warmup.rows
    return Sample(warmup.name or key, rows, tensors, warmup.count)


def _sample_tensor(
    key: str,
    given: WarmupInput,
    rows: int,
    declared: Declared,
    folder: ModelFolder,
) -> SampleTensor:
    """Return one tensor of a sample; what it leaves out is as `declared`."""
    datatype = given.datatype or declared.datatype
    dims = declared.dims if given.dims is None else tuple(given.dims)
    if not datatype or dims is None:
        raise ConfigError(f"{key}: datatype and dims are needed, here or under inputs")
    bounds.check_sample(f"{key}.dims", dims, rows)
    if given.file is None:
        return SampleTensor(declared.name, datatype, dims, Fill(given.fill))
    try:
        file = folder.sample(given.file, datatype, dims)
    except ConfigError as error:
        raise ConfigError(f"{key}.file: {error}") from error
    return SampleTensor(declared.name, datatype, dims, Fill.FILE, file)


def _tolerances(given: dict[str, float]) -> dict[str, float]:
    from runtime.models.yaml_values import datatype

    try:
        return {datatype(name): value for name, value in given.items()}
    except ValueError as error:
        raise ConfigError(f"tolerance: {error}") from error


def _interpreter(given: str | None, folder: ModelFolder) -> Path | None:
    if given is None:
        return None
    # Its links stay: a virtual environment is found through the link, not its target.
    path = folder.path / given
    try:
        is_there = path.is_file()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
        raise ConfigError(f"interpreter: {path} is not there; name a python executable")
    return path


def _options(keys: LeeboardYaml) -> dict[str, str]:
    for name in keys.options:
        if name in OPTION_KEYS:
            raise ConfigError(f"options.{name}: write it as the key {name}, not an option")
        if name in SERVER_OPTIONS:
            raise ConfigError(f"options.{name}: it is the server's to say")
    named = {
        "module": keys.module,
        "class": keys.class_name,
        "memory_format": keys.memory_format,
        "dtype": keys.dtype,
        "trust": keys.trust,
    }
    options = {**keys.options, **{k: v for k, v in named.items() if v is not None}}
    if keys.arguments:
        try:
            options["arguments"] = json.dumps(keys.arguments, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfigError(f"arguments: {error}") from error
    return options
