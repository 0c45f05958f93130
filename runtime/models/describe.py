"""What the server tells about itself and its models: metadata and configuration.

Made once for each version and answered by the data plane from bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runtime import __version__
from runtime.backends.base import Signature, TensorSpec
from runtime.messages import (
    DataType,
    Message,
    ModelConfigResponse,
    ModelMetadataResponse,
    ServerMetadataResponse,
)
from runtime.models.settings import Versions
from runtime.printable import escaped

EXTENSIONS = ("classification", "model_repository", "binary_tensor_data",
              "model_configuration", "schedule_policy", "parameters",
              "statistics")  # fmt: skip
"""Only what works: "statistics" makes perf_analyzer ask for ModelStatistics."""

REPORT = "leeboard.load_report"
"""The parameter of a configuration that holds the version's load report as JSON."""

SERVED_SINCE, CHOSEN_BY = "leeboard.served_since", "leeboard.chosen_by"
"""Parameters that say when a version began to serve, and what made the server load it."""

FOLLOWS = "leeboard.follows"
"""The parameter that says, as JSON, which alias decides about a version, and how it is."""

CONFIG_TYPES = {"BYTES": "TYPE_STRING"}


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """How a version batches: largest batch (0: none), usual batch, delay, workers."""

    max_batch_size: int
    close_rows: int
    max_queue_delay_us: int
    instances: int
    report: str = ""  # The load report as JSON.


@dataclass(frozen=True, slots=True)
class Choice:
    """Since when a version serves (RFC 3339), what chose it, and out of which versions."""

    since: str = ""
    by: str = ""
    versions: Versions = field(default_factory=Versions)


NO_CHOICE = Choice()


@dataclass(frozen=True, slots=True)
class Description:
    """Serialised answers about one version."""

    metadata: bytes
    config: bytes


def server_metadata() -> bytes:
    """Return the serialised ServerMetadataResponse."""
    answer = ServerMetadataResponse(
        name="leeboard", version=__version__, extensions=EXTENSIONS
    )
    return bytes(answer.SerializeToString())


def called(name: str, version: str = "") -> str:
    """Return what people are told of: a model, or one version of it.

    Examples
    --------
    >>> called("fraud"), called("fraud", "3")
    ("'fraud'", "'fraud' version 3")
    """
    return f"{name!r} version {escaped(version)}" if version else repr(name)


def utc_now() -> str:
    """Return the moment as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def row_dims(spec: TensorSpec, batched: bool) -> tuple[int, ...]:
    """Return the dims of one row: the shape without its batch dimension."""
    return spec.shape[1:] if batched else spec.shape


def describe(
    name: str,
    version: str,
    signature: Signature,
    batching: BatchConfig,
    choice: Choice = NO_CHOICE,
) -> Description:
    """Return metadata and configuration of one version.

    With batching, shapes in the metadata begin with -1 and the configuration's dims leave
    the batch out, as Triton does; clients rely on that.
    """
    batched = batching.max_batch_size > 0
    metadata = ModelMetadataResponse(
        name=name, versions=[version], platform=signature.platform
    )
    for target, specs in (
        (metadata.inputs, signature.inputs),
        (metadata.outputs, signature.outputs),
    ):
        for spec in specs:
            target.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
    answer = ModelConfigResponse()
    config = answer.config
    config.name, config.platform = name, signature.platform
    config.backend = signature.platform.partition("_")[0]
    config.max_batch_size = batching.max_batch_size
    add_choice(config, choice)
    group = config.instance_group.add(name=name, count=batching.instances)
    group.kind = group.Kind.Value("KIND_CPU")
    if signature.decoupled:
        config.model_transaction_policy.decoupled = True
    elif batched:
        config.dynamic_batching.preferred_batch_size.append(batching.close_rows)
        config.dynamic_batching.max_queue_delay_microseconds = batching.max_queue_delay_us
    if batching.report:
        config.parameters[REPORT].string_value = batching.report
    add_tensors(config.input, signature.inputs, batched)
    add_tensors(config.output, signature.outputs, batched)
    return Description(
        bytes(metadata.SerializeToString()), bytes(answer.SerializeToString())
    )


def add_choice(config: Message, choice: Choice) -> None:
    """Add the version policy, and what is known of how the version came to serve."""
    policy, wanted = config.version_policy, choice.versions
    if wanted.named:
        policy.specific.versions.extend(int(number) for number in wanted.named)
    elif wanted.latest:
        policy.latest.num_versions = wanted.latest
    else:
        policy.all.SetInParent()
    for key, text in ((SERVED_SINCE, choice.since), (CHOSEN_BY, choice.by)):
        if text:
            config.parameters[key].string_value = text


def with_versions(metadata: bytes, versions: Sequence[str]) -> bytes:
    """Return a model's metadata with all the versions that are served."""
    if not metadata or len(versions) < 2:
        return metadata
    answer = ModelMetadataResponse.FromString(metadata)
    answer.versions[:] = versions
    return bytes(answer.SerializeToString())


def with_parameters(config: bytes, told: Mapping[str, str]) -> bytes:
    """Return a version's configuration with more parameters, or others."""
    if not config:
        return config
    answer = ModelConfigResponse.FromString(config)
    for key, text in told.items():
        answer.config.parameters[key].string_value = text
    return bytes(answer.SerializeToString())


def add_tensors(target: Message, specs: Sequence[TensorSpec], batched: bool) -> None:
    """Add the config's entry of each tensor."""
    for spec in specs:
        data_type = CONFIG_TYPES.get(spec.datatype, f"TYPE_{spec.datatype}")
        added = target.add(
            name=spec.name,
            data_type=DataType.Value(data_type),
            dims=row_dims(spec, batched),
        )
        if spec.optional:
            added.optional = True
