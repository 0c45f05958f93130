"""Reads Triton's ``config.pbtxt``, or the same message as JSON, into `ModelSettings`.

`runtime.models.triton_options` decides about each option before any value is read.
"""

from __future__ import annotations

from google.protobuf import json_format, text_format

from runtime.errors import ConfigError
from runtime.messages import POOL, Message, ModelConfig
from runtime.models import bounds, triton_options
from runtime.models.model_folder import ModelFolder
from runtime.models.settings import ModelSettings, QueuePolicy, Versions
from runtime.models.triton_tensors import declared_tensors, samples
from runtime.printable import escaped

BACKENDS = {
    "onnxruntime": "onnx",
    "onnxruntime_onnx": "onnx",
    "pytorch": "torch",
    "pytorch_libtorch": "torch",
}
"""Triton's backends and platforms that Leeboard runs, and what it calls them."""

THREADS = {"onnx": "intra_op_thread_count", "torch": "INTRA_OP_THREAD_COUNT"}
"""The parameter that says the threads of an instance."""

OVERRIDE = "the request's config"
"""What errors call a config that came with RepositoryModelLoad."""


def from_text(text: str, folder: ModelFolder, origin: str) -> ModelSettings:
    """Return the settings of a config.pbtxt.

    Raises ConfigError that begins with `origin` and names the line or the option.
    """
    config = ModelConfig()
    try:
        text_format.Parse(text, config, descriptor_pool=POOL)
    except text_format.ParseError as error:
        raise ConfigError(f"{origin}, line {escaped(_told(error))}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{origin} cannot be read: {escaped(str(error))}") from error
    return from_model_config(config, folder, origin)


def from_json(text: str, folder: ModelFolder, origin: str = OVERRIDE) -> ModelSettings:
    """Return the settings of a ModelConfig as JSON, which is read in the file's place.

    Raises ConfigError as `from_text` does.
    """
    config = ModelConfig()
    try:
        if not text.lstrip().startswith("{"):
            raise ConfigError(f"{origin} is no JSON object")
        json_format.Parse(text, config, descriptor_pool=POOL)
    # protobuf lets a list in a map's place, and the like, out as Python's own errors.
    except (json_format.Error, ArithmeticError, AttributeError, LookupError, RecursionError,
            TypeError, ValueError) as error:  # fmt: skip
        told = escaped(str(error).partition("\n")[0])
        raise ConfigError(f"{origin} is no ModelConfig as JSON: {told}") from error
    return from_model_config(config, folder, origin)


def from_model_config(
    config: Message, folder: ModelFolder, origin: str = OVERRIDE
) -> ModelSettings:
    """Return what a ModelConfig says; labels and samples are read from the folder.

    Raises ConfigError that begins with `origin` and names the option.
    """
    try:
        notes = triton_options.check(config)
        if config.name and config.name != folder.name:
            raise ConfigError(
                f"name is {config.name!r}, but the model's folder is {folder.name!r}; make "
                "them equal or remove the name"
            )
        return _settings(config, folder, origin, notes)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {escaped(str(error))}") from error


def _settings(
    config: Message, folder: ModelFolder, origin: str, notes: tuple[str, ...]
) -> ModelSettings:
    backend = _backend(config)
    size = bounds.bounded("max_batch_size", config.max_batch_size, 0, bounds.MOST_ROWS)
    says_nothing = not (size or config.input or config.output)
    max_batch_size = None if says_nothing else size
    batching = config.dynamic_batching
    queue = batching.default_queue_policy
    delay = bounds.bounded(
        "dynamic_batching.max_queue_delay_microseconds",
        batching.max_queue_delay_microseconds,
        0,
        bounds.LONGEST_DELAY_US,
    )
    return ModelSettings(
        origin=origin,
        backend=backend,
        file=config.default_model_filename,
        inputs=declared_tensors("input", config.input, folder),
        outputs=declared_tensors("output", config.output, folder),
        max_batch_size=max_batch_size,
        close_rows=_close_rows(batching, max_batch_size),
        max_queue_delay_us=delay or None,
        max_queue_size=_queue_size(queue),
        queue=_queue_policy(queue),
        instances=_instances(config),
        threads=_threads(config, backend),
        versions=_versions(config.version_policy),
        decoupled=config.model_transaction_policy.decoupled,
        samples=samples(config.model_warmup, max_batch_size, folder),
        notes=notes,
    )


def _told(error: text_format.ParseError) -> str:
    """Return an error of protobuf as ``LINE: what``; it begins with LINE:COLUMN."""
    line, what = error.GetLine(), str(error)
    words = what.partition(" : ")[2] if line is not None else what
    words = words.replace('Message type "inference.ModelConfig" has', "a ModelConfig has")
    return f"{line if line is not None else '?'}: {words}"


def _backend(config: Message) -> str:
    said = [word for word in (config.platform, config.backend) if word]
    names = {BACKENDS[word] for word in said}
    if len(names) > 1:
        raise ConfigError(f"platform {said[0]} does not run on backend {said[1]}")
    return names.pop() if names else ""


def _close_rows(batching: Message, max_batch_size: int | None) -> int | None:
    if not batching.preferred_batch_size:
        return None
    most = bounds.MOST_ROWS if max_batch_size is None else max_batch_size
    if most == 0:
        raise ConfigError("dynamic_batching.preferred_batch_size needs a max_batch_size")
    return max(
        bounds.bounded("dynamic_batching.preferred_batch_size", rows, 1, most)
        for rows in batching.preferred_batch_size
    )


def _queue_size(queue: Message) -> int | None:
    size: int = queue.max_queue_size
    return min(size, bounds.MOST_WAITING) or None


def _queue_policy(queue: Message) -> QueuePolicy:
    timeout = bounds.bounded(
        "default_queue_policy.default_timeout_microseconds",
        queue.default_timeout_microseconds,
        0,
        bounds.LONGEST_TIMEOUT_US,
    )
    actions = type(queue).DESCRIPTOR.enum_types_by_name["TimeoutAction"].values_by_name
    return QueuePolicy(
        timeout_us=timeout,
        delays=queue.timeout_action == actions["DELAY"].number,
        override=queue.allow_timeout_override,
    )


def _instances(config: Message) -> int | None:
    if not config.instance_group:
        return None
    counts = [
        bounds.bounded("instance_group.count", group.count or 1, 1, bounds.MOST_INSTANCES)
        for group in config.instance_group
    ]
    return bounds.bounded("instance_group", sum(counts), 1, bounds.MOST_INSTANCES)


def _threads(config: Message, backend: str) -> int | None:
    for key in [THREADS[backend]] if backend else THREADS.values():
        if key not in config.parameters:
            continue
        text = config.parameters[key].string_value
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ConfigError(f"parameters.{key}: {text!r} is no number of threads")
        threads = bounds.bounded(f"parameters.{key}", int(text), 0, bounds.MOST_THREADS)
        return threads or None
    return None


def _versions(policy: Message) -> Versions:
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return Versions(latest=0)
    if choice == "latest":
        if policy.latest.num_versions < 1:
            raise ConfigError(
                "version_policy.latest.num_versions is 0; at least 1 is served"
            )
        return Versions(latest=policy.latest.num_versions)
    if choice == "specific":
        numbers = policy.specific.versions
        if not numbers or min(numbers) < 0:
            raise ConfigError("version_policy.specific.versions needs version numbers")
        return Versions(named=tuple(dict.fromkeys(str(number) for number in numbers)))
    return Versions()
