"""Tensors and warm-up samples of a ModelConfig, as `runtime.backends.declared` has them."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.backends.declared import Declared, Fill, Sample, SampleTensor
from runtime.errors import ConfigError
from runtime.messages import DataType, Message
from runtime.models import bounds
from runtime.models.model_folder import ModelFolder, within

WARMUP_FOLDER = "warmup"
"""Folder beside the versions in which the files of samples lie."""

FILLS = {
    "zero_data": Fill.ZERO,
    "random_data": Fill.RANDOM,
    "input_data_file": Fill.FILE,
}


def datatype_of(number: int) -> str:
    """Return the KServe name of a config's data_type; empty where it says none.

    Raises ConfigError for a number that is no data type.
    """
    if number not in DataType.values():
        raise ConfigError(f"there is no data_type {number}")
    name = str(DataType.Name(number)).removeprefix("TYPE_")
    return {"INVALID": "", "STRING": "BYTES"}.get(name, name)


def declared_tensors(
    kind: str, tensors: Iterable[Message], folder: ModelFolder
) -> tuple[Declared, ...]:
    """Return what a config declares of its inputs or outputs; `kind` is its field's name.

    Labels are read from the model's folder. Raises ConfigError that names the tensor.
    """
    declared: list[Declared] = []
    for place, tensor in enumerate(tensors):
        if not tensor.name:
            raise ConfigError(f"{kind}[{place}] has no name")
        key = f"{kind} {tensor.name!r}"
        if any(tensor.name == other.name for other in declared):
            raise ConfigError(f"{key} is there twice")
        try:
            declared.append(_declared(tensor, folder))
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from error
    return tuple(declared)


def _declared(tensor: Message, folder: ModelFolder) -> Declared:
    is_reshaped = tensor.HasField("reshape")
    # Triton fills missing dims in from the file; only a reshape tells them from a scalar.
    says_dims = bool(tensor.dims) or is_reshaped
    dims = bounds.check_dims("dims", tuple(tensor.dims)) if says_dims else None
    reshape = tuple(tensor.reshape.shape) if is_reshaped else None
    labels = getattr(tensor, "label_filename", "")
    return Declared(
        name=tensor.name,
        datatype=datatype_of(tensor.data_type),
        dims=dims,
        reshape=bounds.check_reshape("reshape", dims, reshape),
        optional=getattr(tensor, "optional", False),
        labels=folder.labels(labels) if labels else (),
    )


def samples(
    warmups: Iterable[Message], max_batch_size: int | None, folder: ModelFolder
) -> tuple[Sample, ...]:
    """Return a config's warm-up samples; raises ConfigError that names the sample."""
    found = []
    for place, warmup in enumerate(warmups):
        key = f"model_warmup {warmup.name!r}" if warmup.name else f"model_warmup[{place}]"
        try:
            found.append(_sample(key, warmup, max_batch_size, folder))
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from error
    return tuple(found)


def _sample(
    key: str, warmup: Message, max_batch_size: int | None, folder: ModelFolder
) -> Sample:
    rows = max(warmup.batch_size, 1)
    most = bounds.MOST_ROWS if max_batch_size is None else max(max_batch_size, 1)
    bounds.bounded("batch_size", rows, 1, most)
    if not warmup.inputs:
        raise ConfigError("it has no inputs")
    tensors = tuple(
        _sample_tensor(name, warmup.inputs[name], rows, folder)
        for name in sorted(warmup.inputs)
    )
    count = bounds.bounded("count", max(warmup.count, 1), 1, 1000)
    return Sample(warmup.name or key, 0 if max_batch_size == 0 else rows, tensors, count)


def _sample_tensor(
    name: str, given: Message, rows: int, folder: ModelFolder
) -> SampleTensor:
    datatype = datatype_of(given.data_type)
    if not datatype:
        raise ConfigError(f"input {name!r} has no data_type")
    dims = bounds.check_dims(f"input {name!r}: dims", tuple(given.dims))
    bounds.check_sample(f"input {name!r}: dims", dims, rows)
    choice = given.WhichOneof("input_data_type")
    if choice is None:
        raise ConfigError(
            f"input {name!r} needs one of zero_data, random_data and input_data_file"
        )
    if FILLS[choice] is not Fill.FILE:
        return SampleTensor(name, datatype, dims, FILLS[choice])
    path = str(WARMUP_FOLDER / within(given.input_data_file))
    try:
        return SampleTensor(
            name, datatype, dims, Fill.FILE, folder.sample(path, datatype, dims)
        )
    except ConfigError as error:
        raise ConfigError(f"input {name!r}: {error}") from error
